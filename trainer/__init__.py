"""Trains one cell and publishes one result."""

"""Turns a grid of cells into work, and shows how far it is."""

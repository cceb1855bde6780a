"""Turns results into a report and its heatmap."""

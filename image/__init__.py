"""Builds, publishes, lists and measures the image of one cell. Needs Python's standard library and a container tool."""

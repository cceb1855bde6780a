"""This machine: its GPUs, and cells as its processes."""

"""What would keep cells from running, found before they are submitted."""

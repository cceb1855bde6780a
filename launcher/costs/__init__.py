"""What a run takes and costs: before it, while it runs, and compared once it is done."""

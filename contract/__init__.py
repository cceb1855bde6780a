"""What the trainer, the launcher and the aggregator must agree on."""

"""What the trainer, the launcher and the aggregator must agree on."""

__version__ = "0.1.0"

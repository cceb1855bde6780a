"""The fast engine: the reference engine's training with less work (docs/decisions/0018-fast-engine.md)."""

"""The fast engine: the reference engine's training with less work (docs/decisions/0013-fast-engine.md)."""

"""The verbs on a cluster. The store stays the truth about what is done."""

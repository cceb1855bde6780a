"""The verbs: what they take, what they do, and what they say in a terminal."""

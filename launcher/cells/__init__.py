"""What is known of each cell and follows for it: its state, what a submit would do with it, how much work it is."""

"""What the verbs do, once the command line is read. The store stays the truth about what is done."""

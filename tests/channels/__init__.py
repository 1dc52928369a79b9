"""What is particular to one channel."""

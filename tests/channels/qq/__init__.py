"""What is particular to QQ."""

"""Real servers on loopback, and what stands between them and the program."""

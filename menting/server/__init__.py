"""The program that runs: one process, its settings, its URLs and its health."""

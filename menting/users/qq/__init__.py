"""QQ Connect: visitors of spaces sign in with QQ, and nothing more is asked of it."""

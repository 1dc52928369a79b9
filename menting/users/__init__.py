"""Operators and signed-in visitors: who they are, what they may do and what they did."""

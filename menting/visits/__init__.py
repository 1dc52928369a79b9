"""Visits: in by the door, kept for good, shown in milliseconds. Knows no Django."""

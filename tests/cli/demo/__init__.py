"""The demo, part by part."""

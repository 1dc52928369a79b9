"""The HTTP API, one file a noun: it calls the parts and holds no rules of its own."""

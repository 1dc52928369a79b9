"""Matrix by its client-server API; of an application service, `push` takes in events."""

"""Matrix by its client-server API: `channel` signs in, `session` is one live account."""

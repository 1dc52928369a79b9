"""Discord by its bot API: `channel` signs in, `session` is one live bot."""

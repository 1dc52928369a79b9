"""Telegram by its Bot API: `channel` signs in, `session` is one live bot."""

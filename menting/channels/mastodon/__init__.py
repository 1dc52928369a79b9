"""Mastodon and servers that speak its API: direct statuses as chat, statuses as wall."""

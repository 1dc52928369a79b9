"""QQ official bots (API v2 as of September 2026), over a WebSocket or webhooks."""

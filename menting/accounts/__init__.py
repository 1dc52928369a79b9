"""The accounts that are one's own: roster, sealed secrets, wanted and actual state."""

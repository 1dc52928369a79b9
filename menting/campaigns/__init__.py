"""Campaigns: who gets one, what is frozen, how each message leaves and what came of it."""

"""Platforms that cannot run here, written from their documentation."""

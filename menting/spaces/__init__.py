"""Spaces of one's own: public pages, posts, a guestbook and landing links."""

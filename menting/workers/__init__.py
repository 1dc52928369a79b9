"""What goes on by itself: sessions, sending, rolling visits and chores."""

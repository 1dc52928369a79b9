"""Small parts of the public pages."""

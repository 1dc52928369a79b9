"""One suite for every channel, against a real server wherever one runs here."""

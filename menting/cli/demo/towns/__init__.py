"""Where the demo's accounts and people live: for each channel a server of its own."""

"""XMPP: client sessions at any server, and components for many addresses of one domain."""

"""Where visits are kept: one interface, one module a store."""

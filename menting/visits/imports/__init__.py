"""Old histories from files: one module a format, each yielding plain records."""

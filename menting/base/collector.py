"""Spares the garbage collector what lives as long as the program."""

import gc

#: New objects before a look. Thousands of sessions are a million objects that live on: with
#: Python's 700, a third of the processor time of their sign-in went into looking at them.
NEW_OBJECTS = 20_000


def spare() -> None:
    """Leave alone what is loaded by now, and look more seldom; once, when all is loaded."""
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, *gc.get_threshold()[1:])

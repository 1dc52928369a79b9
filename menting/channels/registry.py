"""The channels by name; each is made once in a process, when it is first asked for."""

from collections.abc import Callable
from functools import cache

from menting.channels.base import Channel
from menting.channels.matrix.channel import Matrix
from menting.channels.telegram.channel import Telegram

CHANNELS: dict[str, Callable[[], Channel]] = {
    "matrix": Matrix,
    "telegram": Telegram,
}


class UnknownChannelError(Exception):
    """There is no channel of this name."""


def names() -> tuple[str, ...]:
    """Return the names of all channels, as in a roster's column."""
    return tuple(CHANNELS)


@cache
def get(name: str) -> Channel:
    """Return this process's channel of that name. Raises UnknownChannelError."""
    if name not in CHANNELS:
        raise UnknownChannelError(f"no channel {name!r}; there are: {', '.join(CHANNELS)}")
    return CHANNELS[name]()

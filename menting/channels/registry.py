"""The channels by name; each is made once in a process, when it is first asked for."""

from collections.abc import Callable
from functools import cache

from menting.channels.base import Channel
from menting.channels.discord.channel import Discord
from menting.channels.mail.channel import Mail
from menting.channels.mastodon.channel import Mastodon
from menting.channels.matrix.channel import Matrix
from menting.channels.qq.channel import QQ
from menting.channels.telegram.channel import Telegram
from menting.channels.wecom.channel import WeCom
from menting.channels.xmpp.channel import Xmpp

CHANNELS: dict[str, Callable[[], Channel]] = {
    "discord": Discord,
    "mastodon": Mastodon,
    "mail": Mail,
    "matrix": Matrix,
    "qq": QQ,
    "telegram": Telegram,
    "wecom": WeCom,
    "xmpp": Xmpp,
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

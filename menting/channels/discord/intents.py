"""Which events a bot asks the gateway for.

https://docs.discord.com/developers/events/gateway#gateway-intents
"""

BITS = {
    "guild_members": 1 << 1,
    "guild_messages": 1 << 9,
    "direct_messages": 1 << 12,
    "message_content": 1 << 15,
}
#: Messages to the bot itself, and those that mention it, are shown without
#: `message_content`; more of a guild's talk is not the bot's to read.
DEFAULT = "direct_messages guild_messages"
MEMBERS = BITS["guild_members"]
#: Granted in the Developer Portal; the gateway closes with 4014 where they are not.
PRIVILEGED = MEMBERS | BITS["message_content"] | 1 << 8


def bits(names: str) -> int:
    """Return the bits of names between blanks or commas. Raises ValueError."""
    asked = names.replace(",", " ").lower().split()
    if unknown := [name for name in asked if name not in BITS]:
        raise ValueError(f"no intent {unknown[0]!r}; there are: {' '.join(BITS)}")
    if not asked:
        raise ValueError("at least one intent is needed")
    return sum(BITS[name] for name in set(asked))


def narrowed(intents: int) -> int:
    """Return what anybody may ask for; 0 when nothing else was asked."""
    fewer = intents & ~PRIVILEGED
    return fewer if fewer != intents else 0

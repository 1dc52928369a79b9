"""Which events a bot asks the gateway for; QQ grants each by itself.

https://bot.q.qq.com/wiki/develop/api-v2/dev-prepare/interface-framework/event-emit.html;
GROUP_MEMBER_EVENT stands on the pages of its events alone.
"""

BITS = {
    "guilds": 1 << 0,
    "guild_members": 1 << 1,
    "guild_messages": 1 << 9,
    "direct_message": 1 << 12,
    "group_member_event": 1 << 24,
    "group_and_c2c": 1 << 25,
    "message_audit": 1 << 27,
    "forums": 1 << 28,
    "public_guild_messages": 1 << 30,
}
DEFAULT = "group_and_c2c direct_message public_guild_messages"
#: Given up step by step where the gateway does not say which one it refuses: first what
#: is granted by invitation, then all but people and groups, then all but public channels.
_STEPS = (
    BITS["group_and_c2c"] | BITS["direct_message"] | BITS["public_guild_messages"],
    BITS["group_and_c2c"],
    BITS["public_guild_messages"],
)


def bits(names: str) -> int:
    """Return the bits of names between blanks or commas. Raises ValueError."""
    asked = names.replace(",", " ").lower().split()
    if unknown := [name for name in asked if name not in BITS]:
        raise ValueError(f"no intent {unknown[0]!r}; there are: {' '.join(BITS)}")
    if not asked:
        raise ValueError("at least one intent is needed")
    return sum(BITS[name] for name in set(asked))


def narrowed(asked: int, intents: int) -> int:
    """Return the next of `asked` to try after `intents` were refused; 0 when all were."""
    steps = [asked, *(asked & step for step in _STEPS)]
    tried = steps.index(intents) if intents in steps else 0
    return next((step for step in steps[tried + 1 :] if step not in (0, intents)), 0)

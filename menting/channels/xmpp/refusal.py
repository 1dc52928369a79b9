"""What an error stanza proves (RFC 6120, 8.3): it never arrived, perhaps it may later."""

from collections.abc import Callable
from xml.etree.ElementTree import Element

from menting.channels import base
from menting.channels.xmpp import xml

#: XMPP names no time to wait.
WAIT_SECONDS = 30.0

#: Asked to wait, whatever type the error has: offline storage is full, too fast.
_WAITING = frozenset({"resource-constraint"})
#: Asked to wait when its type says so, otherwise forbidden for good.
_WAITING_BY_TYPE = frozenset({"policy-violation"})
#: Never again, whatever type the error has: some servers say "wait" to them all.
_PERMANENT = frozenset(
    {"gone", "item-not-found", "jid-malformed", "forbidden", "not-allowed"}
    | {"not-acceptable", "service-unavailable", "subscription-required"}
)


def condition(answer: Element) -> tuple[str, str]:
    """Return the type and the defined condition of an error stanza."""
    error = xml.plain(answer, "error")
    if error is None:
        return "cancel", "undefined-condition"
    names = [
        xml.name_of(item)
        for item in error
        if str(item.tag).startswith(f"{{{xml.ERRORS}}}") and xml.name_of(item) != "text"
    ]
    return error.get("type", "cancel"), names[0] if names else "undefined-condition"


def of(answer: Element) -> base.ChannelError:
    """Return what an error stanza means for the stanza that it answers."""
    kind, name = condition(answer)
    return _throttled(kind, name) or _refused(kind, name)


def _throttled(kind: str, name: str) -> base.ChannelError | None:
    asked = name in _WAITING or (name in _WAITING_BY_TYPE and kind == "wait")
    if not asked:
        return None
    # A full mailbox and a flood rule speak of one recipient alike.
    return base.Throttled(name, retry_after=WAIT_SECONDS, of_peer=True)


def _refused(kind: str, name: str) -> base.ChannelError:
    return base.Refused(name, permanent=name in _PERMANENT or kind != "wait")


#: SASL (RFC 6120, 6.5): what a failed sign-in means.
_SIGN_IN: dict[str, Callable[[str], base.ChannelError]] = {
    "account-disabled": lambda reason: base.AuthFailed(reason, banned=True),
    "temporary-auth-failure": base.Unreachable,
    "aborted": base.Unreachable,
}


def of_sign_in(name: str) -> base.ChannelError:
    """Return what a failed sign-in means: mostly that an operator must act."""
    reason = f"the server refused the sign-in: {name}"
    return _SIGN_IN.get(name, base.AuthFailed)(reason)

"""What WeCom's error codes prove (developer.work.weixin.qq.com, path/90313)."""

from menting.channels import base

#: The access token is no longer taken, whatever it said of its own life.
STALE = frozenset({40001, 40014, 41001, 42001})
#: The token that a callback brought has run out after its ten minutes.
NOT_THIS_NUDGE = 95007
#: The list of a task just made is still being written.
NOT_YET = frozenset({41063})

#: Until when to wait is not told: the limits are by the minute.
_THROTTLES = {45009: 60.0, 45033: 2.0}
_BUSY = -1
#: The corp or the app: an operator must act in WeCom's own console.
_NEEDS_OPERATOR = {
    40013: "there is no such corp",
    40056: "the app's id is wrong",
    48002: "the app may not call this: list it among the apps that may",
    48007: "the app may not serve this customer-service account",
    60020: "this machine's address is not among the corp's trusted ones",
    95000: "there is no such customer-service account",
    95004: "there is no such customer-service account",
    95017: "the customer-service account is not opened to the API",
    301002: "the app may not do this",
}
#: The person removed the member, or the member the person.
_WITHDRAWS = {84061: "this is no customer of the member any more"}
_REFUSALS = {
    40058: "a parameter is wrong",
    40096: "there is no such customer",
    41054: "the member keeps no customers: activate and admit them first",
    60011: "the member is not within the app's sight",
    60111: "there is no such member",
    95001: "five messages were sent already since the person wrote",
    95002: "more than 48 hours have passed since the person wrote",
    95003: "the account's limit of conversations is reached",
    95013: "the conversation was ended",
    95024: "the person has not written within 48 hours",
}


class CodeError(base.Refused):
    """A refusal that still carries its code."""

    def __init__(self, code: int, reason: str, *, withdraws: bool = False) -> None:
        super().__init__(f"{code}: {reason}", withdraws=withdraws)
        self.code = code


def error_of(code: int) -> base.ChannelError:
    """Return what a code other than 0 proves; the platform's own text is not kept.

    Its `errmsg` repeats addresses, and is not to be relied upon (path/90313).
    """
    if code == _BUSY:
        return base.Uncertain("-1: the platform is busy")
    if code in _THROTTLES:
        return base.Throttled(
            f"{code}: the corp's limit of calls", retry_after=_THROTTLES[code]
        )
    if code in _NEEDS_OPERATOR:
        return base.AuthFailed(f"{code}: {_NEEDS_OPERATOR[code]}")
    if code in _WITHDRAWS:
        return CodeError(code, _WITHDRAWS[code], withdraws=True)
    return CodeError(code, _REFUSALS.get(code, "refused; see WeCom's table of codes"))

"""Reasons as people read them: kept in English, told in the language of the page."""

from django.utils.translation import gettext, gettext_noop

from menting.campaigns.audience import Reason

_LEFT_OUT = {reason.value: reason.label for reason in Reason}
#: What is kept word for word; a channel's own words, of which no list exists, stay as said.
SAID = frozenset(
    {
        gettext_noop("the program that held it ended"),
        gettext_noop("the program stopped while it was being sent"),
        gettext_noop("the program stopped while it was sent"),
        gettext_noop("the account went offline"),
        gettext_noop("not asked again yet"),
        gettext_noop("assumed received by an operator"),
        gettext_noop("sent again by an operator"),
        gettext_noop("paused by an operator"),
        gettext_noop("restored from a backup"),
    }
)


def word(reason: str) -> str:
    """Return a reason in the page's language where it is a known one, else as it is."""
    if reason in SAID:
        return gettext(reason)
    return str(_LEFT_OUT.get(reason, reason))

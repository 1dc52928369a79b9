"""Texts: an operator's Liquid, checked before and rendered at the claim, and its frame.

The frame (advertising label, who speaks, how to opt out) is no part of the operator's
text, so that it cannot be left out: Advertising Law art. 43, Internet Advertising Measures
art. 9, CAN-SPAM.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from django.utils.translation import gettext
from liquid import BoundTemplate, Environment, StrictUndefined
from liquid.exceptions import LiquidError

from menting.campaigns.errors import ContentError
from menting.users.house import Sender

Names = Mapping[str, frozenset[str]]

#: Everything a message may name; each has a value for every recipient.
VARIABLES: Names = {
    "person": frozenset({"name", "language"}),
    "account": frozenset({"name"}),
    "house": frozenset({"legal_name", "contact"}),
}
#: A post is read by everybody: it names nobody.
POST_VARIABLES: Names = {"house": VARIABLES["house"]}

#: Longest text of one message, in characters; Matrix takes 65,536 bytes an event.
LONGEST = 4_000


@dataclass(frozen=True, slots=True)
class Frame:
    """The mandatory parts of a message in one language."""

    label: str
    sender: str
    opt_out: str


FRAMES: Mapping[str, Frame] = {
    "zh-hans": Frame("【广告】", "{legal_name}，联系方式：{contact}", "回复 TD 退订"),
    "en": Frame("[Ad] ", "{legal_name}, contact: {contact}", "Reply STOP to opt out"),
}


@dataclass(frozen=True, slots=True)
class Values:
    """What the variables stand for in one recipient's text."""

    person_name: str
    person_language: str
    account_name: str
    sender: Sender

    def as_globals(self) -> dict[str, dict[str, str]]:
        """Return the values by the names that texts use."""
        return {
            "person": {"name": self.person_name, "language": self.person_language},
            "account": {"name": self.account_name},
            "house": {"legal_name": self.sender.legal_name, "contact": self.sender.contact},
        }


class _Liquid(Environment):
    # Operators' texts must not hang a worker: these stop loops and growing strings.
    loop_iteration_limit = 1_000
    output_stream_limit = LONGEST * 4  # bytes; a Chinese character is three
    local_namespace_limit = 100_000
    context_depth_limit = 8


_liquid = _Liquid(undefined=StrictUndefined, strict_filters=True)
for _tag in ("include", "render"):
    del _liquid.tags[_tag]  # there are no other templates to read


def check(source: str, *, place: str, may_name: Names = VARIABLES) -> None:
    """Raise ContentError unless the text parses, names known variables only and renders."""
    if not source.strip():
        raise ContentError(
            gettext("%(place)s: the text is empty; write what is to be sent")
            % {"place": place}
        )
    try:
        template = _liquid.from_string(source)
        _check_names(template, source, place, may_name)
        for values in _SAMPLES:
            _check_length(template.render(values.as_globals()), place)
    except LiquidError as error:
        raise ContentError(
            f"{place}, line {_line(error, source)}: {error.message}"
        ) from error


def render(source: str, *, language: str, values: Values) -> str:
    """Return a message with its mandatory parts. Raises ContentError when it cannot."""
    try:
        body = _parsed(source).render(values.as_globals())
    except LiquidError as error:
        raise ContentError(f"the text cannot be rendered: {error.message}") from error
    frame = FRAMES[language]
    return (
        f"{frame.label}{body.strip()}\n\n{_speaker(frame, values.sender)}\n{frame.opt_out}"
    )


def render_post(source: str, *, language: str, sender: Sender) -> str:
    """Return a post for a wall; nobody is written to, so there is nothing to opt out of."""
    body = _parsed(source).render(Values("", "", "", sender).as_globals())
    frame = FRAMES[language]
    return f"{frame.label}{body.strip()}\n\n{_speaker(frame, sender)}"


def nearest(wanted: str, among: Iterable[str], *, house: str) -> str:
    """Return the language to write in: the person's nearest, else the house's, else first.

    BCP 47 tags are matched by their first part when not as a whole (RFC 4647, lookup).
    """
    have = list(among)
    for tag in (wanted, house):
        low = tag.lower()
        if low in have:
            return low
        for language in have:
            if low and language.split("-")[0] == low.split("-")[0]:
                return language
    return have[0]


@lru_cache(maxsize=256)
def _parsed(source: str) -> BoundTemplate:
    return _liquid.from_string(source)


def _speaker(frame: Frame, sender: Sender) -> str:
    return frame.sender.format(legal_name=sender.legal_name, contact=sender.contact)


def _check_names(template: BoundTemplate, source: str, place: str, may_name: Names) -> None:
    known = ", ".join(
        f"{noun}.{part}" for noun in may_name for part in sorted(may_name[noun])
    )
    for uses in template.analyze().globals.values():
        for use in uses:
            noun, *parts = use.segments
            if len(parts) == 1 and parts[0] in may_name.get(str(noun), ()):
                continue
            line = source.count("\n", 0, use.span.index) + 1
            raise ContentError(
                gettext(
                    "%(place)s, line %(line)d: %(name)s is not known; "
                    "this text may name %(known)s"
                )
                % {"place": place, "line": line, "name": use, "known": known}
            )


def _check_length(text: str, place: str) -> None:
    if len(text) > LONGEST:
        raise ContentError(
            gettext("%(place)s: %(count)d characters are too many; at most %(most)d")
            % {"place": place, "count": len(text), "most": LONGEST}
        )


def _line(error: LiquidError, source: str) -> int:
    index = max(error.token.start_index, 0) if error.token else 0
    return source.count("\n", 0, index) + 1


#: A recipient with everything, and one of whom only the address is known.
_SAMPLES = (
    Values("Example 样例", "en", "Desk", Sender("Example Ltd", "desk@example.org")),
    Values("", "", "", Sender("Example Ltd", "desk@example.org")),
)

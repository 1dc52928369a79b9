"""Find what a person wrote anew in a mail, above, below and between quoted text."""

import re
from html.parser import HTMLParser

from typing_extensions import override

#: "> text" and ">> text"; a line such as ">_<" is a face.
_QUOTED = re.compile(r"\s?>+(?: |$)|\s?>>")
#: From here on all is old: what Outlook, QQ Mail, Foxmail and 163 put above a quote.
_OLD_BELOW = re.compile(
    r"-{2,}\s*(original message|forwarded message|ursprüngliche nachricht|原始邮件|原邮件"
    r"|回复的原邮件|转发邮件信息|转发的邮件)\s*-{2,}",
    re.IGNORECASE,
)
#: Outlook's rule, and the header that it quotes below.
_RULE, _HEADER = (
    re.compile(r"_{20,}"),
    re.compile(r"\*?(From|Von|De|发件人|寄件者)\*?\s*[:：]"),
)
#: RFC 3676, 4.3. Without the space it may be a dash of the person's own.
_SIGNATURE = "-- "
#: "On Monday, Ann <ann@example.org> wrote:", in the languages of many programs.
_ATTRIBUTION = re.compile(
    r"(wrote|writes|写道|寫道|写到|schrieb|a écrit|escribió|ha scritto|napisał|пишет)"
    r"[^\n]{0,40}[:：]\s*$|@[^\n]*[:：]\s*$",
    re.IGNORECASE,
)
#: How an attribution begins that is folded over several lines.
_OPENINGS = ("On ", "Am ", "Le ", "El ", "Il ", "在", "于", "於")
MOST_FOLDED = 3
_BLOCKS = frozenset({"p", "div", "br", "tr", "li", "h1", "h2", "h3", "h4", "ul", "table"})
_HIDDEN = frozenset({"script", "style", "head", "title"})
_COMMENT = re.compile(r"<!--.*?(?:-->|$)", re.DOTALL)
MOST_HTML = 100_000
#: Longer lines are no attribution, and a search in them takes the square of their length.
MOST_LINE = 300
#: Quotes within quotes beyond that are shown as these.
MOST_DEPTH = 3


def new_part(text: str) -> str:
    """Return a text without what it quotes and without its signature.

    If nothing would be left, all of it: better a quote too much than a "stop" unheard.
    """
    lines = [line.rstrip("\r") for line in text.split("\n")]
    kept = _without_quotes(_above_old(lines))
    return "\n".join(kept).strip() or text.strip()


def of_html(page: str) -> str:
    """Return the text of a page, with quoted blocks marked as in plain text."""
    reader = _Reader()
    # The parser takes the square of the length for comments that never end.
    reader.feed(_COMMENT.sub("", page[:MOST_HTML]))
    reader.close()
    return re.sub(r"\n{3,}", "\n\n", reader.text()).strip()


def _above_old(lines: list[str]) -> list[str]:
    for index, line in enumerate(lines):
        following = lines[index + 1] if index + 1 < len(lines) else ""
        is_rule = _RULE.fullmatch(line.strip()) and _HEADER.match(following.strip())
        if line == _SIGNATURE or is_rule or _OLD_BELOW.match(line.strip()):
            return lines[:index]
    return lines


def _without_quotes(lines: list[str]) -> list[str]:
    kept: list[str] = []
    for index, line in enumerate(lines):
        if not _QUOTED.match(line):
            kept.append(line)
        elif not (index and _QUOTED.match(lines[index - 1])):
            _drop_attribution(kept)
    return kept


def _drop_attribution(kept: list[str]) -> None:
    """Drop the line before a quote that says whose it is, and only such a one."""
    while kept and not kept[-1].strip():
        kept.pop()
    for size in range(1, min(MOST_FOLDED, len(kept)) + 1):
        joined = " ".join(kept[-size:])
        if joined.startswith(_OPENINGS) and _is_attribution(joined):
            del kept[-size:]
            return
    if kept and _is_attribution(kept[-1]):
        kept.pop()


def _is_attribution(line: str) -> bool:
    return len(line) <= MOST_LINE and _ATTRIBUTION.search(line) is not None


class _Reader(HTMLParser):
    """Collects the text of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._hidden = 0
        self._depth = 0

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _HIDDEN:
            self._hidden += 1
        elif tag == "blockquote":
            self._depth += 1
        if tag in _BLOCKS or tag == "blockquote":
            self._parts.append("\n")

    @override
    def handle_endtag(self, tag: str) -> None:
        if tag in _HIDDEN:
            self._hidden = max(0, self._hidden - 1)
        elif tag == "blockquote":
            self._depth = max(0, self._depth - 1)
        if tag in _BLOCKS or tag == "blockquote":
            self._parts.append("\n")

    @override
    def handle_data(self, data: str) -> None:
        if self._hidden:
            return
        words = re.sub(r"\s+", " ", data)
        at_start = not self._parts or self._parts[-1] == "\n"
        if self._depth and at_start and words.strip():
            self._parts.append("> " * min(self._depth, MOST_DEPTH))
        self._parts.append(words.lstrip() if at_start else words)

    def text(self) -> str:
        """Return what was collected."""
        return "".join(self._parts)

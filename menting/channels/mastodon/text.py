"""Turn a status's HTML into plain text, and plain text into a status that names nobody."""

import contextlib
import re
import unicodedata
from html.parser import HTMLParser

from typing_extensions import override

#: As app/models/account.rb of Mastodon finds mentions; an address in a mail has none.
_MENTION = re.compile(r"(?<![/\w])@(?=[A-Za-z0-9_])")
_URL = re.compile(r"https?://\S+")
_ZERO_WIDTH_SPACE = "\u200b"
#: Characters that stand on others, or that nobody sees: no letters of their own.
_WEIGHTLESS = frozenset({"Mn", "Me", "Cf"})
_BLOCKS = frozenset({"p", "blockquote", "ul", "ol", "pre", "h1", "h2", "h3", "div"})


def plain(html: str) -> str:
    """Return what a person reads: line breaks kept, a link by its address."""
    reader = _Reader()
    # An AssertionError is html.parser's word for a declaration that it does not know.
    with contextlib.suppress(AssertionError):
        reader.feed(html)
        reader.close()
    reader.end_link()
    text = "\n".join(line.strip() for line in "".join(reader.parts).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def without_address(text: str, handle: str) -> str:
    """Return a text without the account's own name before it: "@shop yes" is a "yes"."""
    name, _, host = handle.removeprefix("@").partition("@")
    ours = rf"(?:@{re.escape(name)}(?:@{re.escape(host)})?(?![\w@.])[\s,:]*)+"
    return re.sub(rf"\A\s*{ours}", "", text, flags=re.IGNORECASE)


def naming_nobody(text: str) -> str:
    """Return a text in which an `@name` tells nobody, for a status reaches all it names."""
    return _MENTION.sub(f"@{_ZERO_WIDTH_SPACE}", text)


def weight(text: str, *, url_length: int) -> int:
    """Return the characters that a server counts: any link as `url_length`."""
    counted = _URL.sub("x" * url_length, text)
    return sum(unicodedata.category(letter) not in _WEIGHTLESS for letter in counted)


class _Reader(HTMLParser):
    """Collects text; the address of a link stands for the label that shortens it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._href: str | None = None
        self._label: list[str] = []

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "br":
            self._add("\n")
        elif tag == "li":
            self._add("\n- ")
        elif tag in _BLOCKS:
            self._add("\n\n")
        elif tag == "a":
            self.end_link()
            given = {name: value or "" for name, value in attrs}
            classes = given.get("class", "").split()
            if not {"mention", "hashtag"} & set(classes):
                self._href = given.get("href")

    @override
    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self.end_link()
        elif tag in _BLOCKS:
            self._add("\n\n")

    @override
    def handle_data(self, data: str) -> None:
        self._add(data)

    def end_link(self) -> None:
        """Write the link that is open, if one is."""
        href, label = self._href, "".join(self._label)
        self._href, self._label = None, []
        if href and label not in ("", href):
            self._add(f"{label} ({href})")
        else:
            self._add(href or label)

    def _add(self, text: str) -> None:
        (self.parts if self._href is None else self._label).append(text)

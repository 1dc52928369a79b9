"""Markdown becomes HTML that cannot do anything: no raw HTML in, an allow-list out."""

import re
from dataclasses import dataclass

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

TAGS = {
    "a", "blockquote", "br", "code", "em", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p",
    "pre", "s", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}
SCHEMES = {"http", "https", "mailto"}
REL = "nofollow noopener"

#: The page's own headings are h1 (the space) and h2 (the post).
HEADING_SHIFT = 2

# Pictures wait for own media: one from elsewhere would tell its host of every visit.
_parser = (
    MarkdownIt("commonmark", {"html": False, "maxNesting": 20})
    .enable(["table", "strikethrough"])
    .disable("image")
)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A text as it is shown; `title` is its first heading, taken out of `html`."""

    title: str
    html: str


def render(markdown: str) -> Rendered:
    """Return a text's title (empty if it does not begin with a heading) and its HTML."""
    tokens = _parser.parse(markdown)
    title = ""
    if tokens and tokens[0].type == "heading_open":
        title = _plain(tokens[1])
        tokens = tokens[3:]
    _shift_headings(tokens)
    html = _parser.renderer.render(tokens, _parser.options, {})
    return Rendered(title=title, html=_clean(html))


def _plain(inline: Token) -> str:
    parts = [child.content or " " for child in inline.children or [] if _is_text(child)]
    return re.sub(r"\s+", " ", "".join(parts)).strip()


def _is_text(token: Token) -> bool:
    return token.type in ("text", "text_special", "code_inline", "softbreak", "hardbreak")


def _shift_headings(tokens: list[Token]) -> None:
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + HEADING_SHIFT)}"


def _clean(html: str) -> str:
    return nh3.clean(
        html, tags=TAGS, attributes=ATTRIBUTES, url_schemes=SCHEMES, link_rel=REL
    )

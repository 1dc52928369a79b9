"""Texts that try to run a script, and the reader that says whether one could."""

import re
from html.parser import HTMLParser

from typing_extensions import override

CORPUS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<a href='javascript:alert(1)'>a</a>",
    "[a](javascript:alert(1))",
    "[a](JaVaScRiPt:alert(1))",
    "[a](&#106;avascript:alert(1))",
    "[a](java\tscript:alert(1))",
    "[a](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "[a](vbscript:msgbox(1))",
    "<javascript:alert(1)>",
    "![a](javascript:alert(1))",
    '![a](x"onerror="alert(1))',
    '[a](https://a.example "x\\" onmouseover=\\"alert(1)")',
    '"><script>alert(1)</script>',
    "'><img src=x onerror=alert(1)>",
    "</textarea><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<style>@import 'https://evil.example'</style>",
    "<form action=https://evil.example><button>a</button></form>",
    "<base href=https://evil.example>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<object data=x></object><embed src=x>",
    "<p style='position:fixed;inset:0'>a</p>",
    "{{ 7|add:7 }}{% load i18n %}",
    "\u202egnp.exe",
    "<bdo dir=rtl>a</bdo>",
    "```html\n<script>alert(1)</script>\n```",
    "# <script>alert(1)</script>",
    "| <img src=x onerror=alert(1)> |\n|-|\n| <script>alert(1)</script> |",
]

_HARMLESS = {
    "a", "article", "aside", "b", "bdi", "blockquote", "body", "br", "circle", "code",
    "defs", "div", "em", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "head", "header",
    "hr", "html", "li", "link", "main", "meta", "nav", "ol", "p", "path", "pattern",
    "pre", "rect", "s", "script", "section", "span", "strong", "svg", "table", "tbody",
    "td", "text", "th", "thead", "time", "title", "tr", "tspan", "ul",
}  # fmt: skip


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.dangers: list[str] = []

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _HARMLESS:
            self.dangers.append(f"<{tag}>")
        for name, value in attrs:
            self._look(tag, name, (value or "").strip())

    def _look(self, tag: str, name: str, value: str) -> None:
        if name.startswith("on") or name in ("style", "srcdoc", "formaction", "action"):
            self.dangers.append(f"{tag} {name}")
        elif name in ("href", "src", "data", "xlink:href") and not _leads_well(value):
            self.dangers.append(f"{tag} {name}={value}")
        elif tag == "meta" and name == "http-equiv":
            self.dangers.append("meta refresh")

    @override
    def handle_data(self, data: str) -> None:
        if self.lasttag == "script" and "alert" in data:
            self.dangers.append("inline script")


def _leads_well(value: str) -> bool:
    if value.startswith(("https://", "http://", "mailto:", "/", "#", "?")):
        return True
    return ":" not in re.split(r"[/?#]", value, maxsplit=1)[0]


def dangers(html: str) -> list[str]:
    """Return what could run, load or deceive in a piece of HTML, as a browser reads it."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    if "<script>" in html:
        reader.dangers.append("<script>")
    return reader.dangers

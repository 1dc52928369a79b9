"""Landing links: where they may lead."""

import pytest

from menting.spaces import links
from menting.spaces.models import Link, Space
from menting.users.guard import Actor


def test_a_link_leads_where_it_was_made_to_lead(owner: Actor, yard: Space) -> None:
    made = links.make(owner, yard, url="https://shop.example/a?b=c#d", label="wall")
    found = links.follow(made.code)
    assert found is not None
    assert (found.url, found.space, len(found.code)) == (
        "https://shop.example/a?b=c#d",
        yard,
        links.CODE_LENGTH,
    )


def test_an_unknown_code_leads_nowhere(yard: Space) -> None:
    assert links.follow("nothing") is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "shop.example",
        "/path",
        "//shop.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://shop.example",
        "https://",
        "https://[bad",
        "https://a.example/\r\nSet-Cookie: a=b",
        "https://a example/",
        "https://a.example/" + "x" * 500,
    ],
)
def test_what_is_no_web_address_is_refused(owner: Actor, yard: Space, url: str) -> None:
    with pytest.raises(links.BadLinkError):
        links.make(owner, yard, url=url)
    assert not Link.objects.exists()

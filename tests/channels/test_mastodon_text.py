"""A status's HTML as text, and a text that names nobody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from menting.channels.mastodon import notices, text


@pytest.mark.parametrize(
    ("html", "said"),
    [
        ("<p>one<br />two</p><p>three &amp; four</p>", "one\ntwo\n\nthree & four"),
        (
            '<p><a href="https://e.example/a/b"><span class="invisible">https://</span>'
            '<span class="ellipsis">e.example/a</span><span class="invisible">/b</span>'
            "</a> !</p>",
            "https://e.example/a/b !",
        ),
        ('<p><a href="https://e.example">here</a></p>', "here (https://e.example)"),
        (
            '<p><span class="h-card"><a href="https://m.example/@shop" class="u-url '
            'mention">@<span>shop</span></a></span> 订阅</p>',
            "@shop 订阅",
        ),
        ('<p><a class="mention hashtag" href="https://m.example/t">#t</a></p>', "#t"),
        ("<ul><li>a</li><li>b</li></ul>", "- a\n- b"),
        ("<script>alert(1)</script><p>x</p>", "alert(1)\n\nx"),
        ('<p><a href="https://e.example">never closed', "never closed (https://e.example)"),
        ("<p>a</p><![strange[", "a"),
    ],
)
def test_html_becomes_what_a_person_reads(html: str, said: str) -> None:
    assert text.plain(html) == said


@given(st.text(alphabet=st.sampled_from('<>/!["ap br=&;#x0-]'), max_size=60))
def test_no_html_breaks_the_reader(html: str) -> None:
    assert text.plain(html) == text.plain(html).strip()


@pytest.mark.parametrize(
    ("heard", "said"),
    [
        ("@shop yes", "yes"),
        ("@Shop@mastodon.example, @shop 退订", "退订"),
        ("@shopping yes", "@shopping yes"),
        ("@shop@elsewhere.example yes", "@shop@elsewhere.example yes"),
        ("yes @shop", "yes @shop"),
    ],
)
def test_the_account_s_own_name_before_a_text_is_not_of_it(heard: str, said: str) -> None:
    assert text.without_address(heard, "@shop@mastodon.example") == said


@pytest.mark.parametrize("named", ["@lin", "hi @lin@e.example", "(@lin)", "你好 @lin"])
def test_a_text_names_nobody(named: str) -> None:
    quiet = text.naming_nobody(named)
    assert "@\u200blin" in quiet
    assert quiet.replace("\u200b", "") == named


def test_an_address_of_mail_or_a_link_stays_as_it_is() -> None:
    kept = "shop@e.example https://e.example/@shop"
    assert text.naming_nobody(kept) == kept


def test_ids_are_ordered_by_age_and_not_by_letters() -> None:
    assert sorted(["100", "99", "9"], key=notices.order) == ["9", "99", "100"]

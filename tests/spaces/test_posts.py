"""Publishing: titles, addresses, and texts that try to run or to last."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from menting.spaces import markdown, posts
from menting.spaces.models import Post, Space
from menting.users.guard import Actor
from tests.spaces import xss


def test_a_text_is_called_by_its_first_heading_which_is_not_said_twice(
    owner: Actor, yard: Space
) -> None:
    post = posts.publish(owner, yard, "# 冬至 *读书会*\n\n夜最长。", file_name="winter.md")
    assert (post.title, post.slug) == ("冬至 读书会", "winter")
    assert post.html.strip() == "<p>夜最长。</p>"


def test_a_text_without_a_heading_is_called_by_its_file(owner: Actor, yard: Space) -> None:
    assert posts.publish(owner, yard, "夜最长。", file_name="a/搬书.md").title == "搬书"


def test_two_texts_of_one_name_have_two_addresses(owner: Actor, yard: Space) -> None:
    slugs = [posts.publish(owner, yard, "# 搬书\n\nx").slug for _ in range(3)]
    assert slugs == ["搬书", "搬书-2", "搬书-3"]


@pytest.mark.parametrize("name", sorted(posts.RESERVED))
def test_no_post_takes_the_address_of_a_page(owner: Actor, yard: Space, name: str) -> None:
    assert posts.publish(owner, yard, "x", file_name=f"{name}.md").slug == f"{name}-2"


def test_an_edited_text_keeps_its_address(owner: Actor, yard: Space) -> None:
    post = posts.publish(owner, yard, "# One\n\na")
    posts.edit(owner, post, "# Two\n\nb")
    stored = Post.objects.get()
    assert (stored.slug, stored.title, stored.html.strip()) == ("one", "Two", "<p>b</p>")


@pytest.mark.parametrize("text", ["", "  \n", "a\0b", "x" * (posts.TEXT_LENGTH + 1)])
def test_a_text_that_cannot_be_shown_is_refused(
    owner: Actor, yard: Space, text: str
) -> None:
    with pytest.raises(posts.BadPostError):
        posts.publish(owner, yard, text)


def test_links_vouch_for_nobody() -> None:
    html = markdown.render("[a](https://a.example)").html
    assert (
        html.strip() == '<p><a href="https://a.example" rel="nofollow noopener">a</a></p>'
    )


def test_headings_stand_below_those_of_the_page() -> None:
    html = markdown.render("a\n\n# b\n\n##### c").html
    assert "<h3>b</h3>" in html
    assert "<h6>c</h6>" in html


@pytest.mark.parametrize("text", xss.CORPUS)
def test_nothing_in_a_text_can_run(text: str) -> None:
    assert xss.dangers(markdown.render(text).html) == []


@given(st.text(max_size=300))
def test_no_text_at_all_can_run(text: str) -> None:
    assert xss.dangers(markdown.render(text).html) == []


@pytest.mark.parametrize(
    "bomb",
    [
        ">" * 100_000,
        "[" * 100_000,
        "![" * 50_000,
        "*a_ " * 25_000,
        "`" * 100_000,
        "- " * 50_000,
        "(" * 50_000 + ")" * 50_000,
        "a **" * 25_000,
        "[a](<" * 20_000,
        "<a " * 30_000,
        "&" * 100_000,
        "|" * 100_000 + "\n" + "|-" * 50_000,
        "|a" * 1_000 + "\n" + "|-" * 1_000 + "\n" + "x\n" * 20_000,
        "[a]: x\n" * 20_000 + "[a] " * 10_000,
        "".join(f"`{'`' * n}" for n in range(440)),
        "* * " * 25_000,
        "a\n" * 50_000 + "===",
        "~~a" * 30_000,
    ],
    ids=range(18),
)
def test_a_text_built_to_last_ends_soon(bomb: str) -> None:
    begun = time.perf_counter()
    markdown.render(bomb[: posts.TEXT_LENGTH])
    assert time.perf_counter() - begun < 4  # seconds; 1.4 where nothing else runs

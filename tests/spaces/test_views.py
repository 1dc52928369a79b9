"""The public pages as a browser gets them."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.http import Http404, HttpResponse
from django.test import AsyncRequestFactory, Client
from django.test.utils import CaptureQueriesContext

from menting.base import clock
from menting.spaces import guestbook, links, posts, read, space, views, visitors
from menting.spaces.models import GuestbookEntry, Space, Visitor
from menting.users.guard import Actor
from menting.users.models import User
from tests.spaces import xss
from tests.spaces.conftest import written

pytestmark = pytest.mark.django_db

PAGES = ("/", "/@yard", "/@yard/guestbook", "/@yard/sign", "/@yard/me")


@pytest.fixture
def guest(db: None) -> User:
    return User.objects.create_user("he@example.org")


def shown(client: Client, path: str, **headers: str) -> str:
    response = client.get(path, headers=headers, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def fill(client: Client, **changes: str) -> HttpResponse:
    """Open the form, take a minute, and send it."""
    page = shown(client, "/@yard/sign")
    stamp = re.search(r'name="stamp" value="([^"]+)"', page)
    assert stamp is not None
    fields = {"name": "小禾", "text": "蒲团还有吗？", "stamp": stamp[1]} | changes
    with time_machine.travel(clock.now() + timedelta(minutes=1)):
        return client.post("/@yard/sign", fields)  # type: ignore[return-value]  # a subclass of it


def test_a_house_without_a_space_says_so(client: Client) -> None:
    page = shown(client, "/", **{"accept-language": "en"})
    assert "There is no space to see here yet." in page


def test_the_only_space_is_the_first_page(client: Client, yard: Space) -> None:
    response = client.get("/")
    assert (response.status_code, response["Location"]) == (302, "/@yard")


def test_several_spaces_are_listed(client: Client, owner: Actor, yard: Space) -> None:
    space.create(owner, slug="other", name="Other", time_zone="UTC")
    page = shown(client, "/")
    assert 'href="/@yard"' in page
    assert 'href="/@other"' in page


def test_a_space_shows_posts_and_entries(client: Client, owner: Actor, yard: Space) -> None:
    post = posts.publish(owner, yard, "# 搬书\n\n四千三百册。")
    entry = guestbook.sign(yard, written(), address="192.0.2.7")
    assert entry is not None
    guestbook.decide(owner, entry.pk, approve=True)
    page = shown(client, "/@yard")
    for words in ("槐下书局", "搬书", "四千三百册。", "小禾", "周四晚上的蒲团"):
        assert words in page
    assert "四千三百册。" in shown(client, f"/@yard/{post.slug}")


@pytest.mark.parametrize(
    "path", ["/@none", "/@yard/none", "/@none/sign", "/@none/me", "/l/none"]
)
def test_what_is_not_there_is_404(client: Client, yard: Space, path: str) -> None:
    assert client.get(path).status_code == 404


def test_a_post_is_shown_in_its_own_space_alone(
    client: Client, owner: Actor, yard: Space
) -> None:
    other = space.create(owner, slug="other", name="Other", time_zone="UTC")
    posts.publish(owner, other, "# 搬书\n\nx")
    assert client.get("/@yard/搬书").status_code == 404


def test_earlier_posts_are_a_page_away(client: Client, owner: Actor, yard: Space) -> None:
    for number in range(read.POSTS_A_PAGE + 2):
        posts.publish(owner, yard, f"# post-{number:02}\n\nx")
    first = shown(client, "/@yard")
    assert "post-11" in first
    assert "post-01" not in first
    onward = re.search(r'href="(\?before=\d+)"', first)
    assert onward is not None
    second = shown(client, "/@yard" + onward[1])
    assert "post-01" in second
    assert "post-02" not in second


def test_a_year_shows_its_posts_in_the_zone_of_the_space(
    client: Client, owner: Actor, yard: Space
) -> None:
    with time_machine.travel("2025-12-31T16:30:00Z"):  # half past midnight in Shanghai
        posts.publish(owner, yard, "# 元旦\n\nx")
    assert "元旦" in shown(client, "/@yard?year=2026")
    assert "元旦" not in shown(client, "/@yard?year=2025")


@pytest.mark.parametrize(
    "query", ["year=x", "year=0", "year=9999", "before=-1", "before=9e9"]
)
def test_a_number_that_is_none_changes_nothing(
    client: Client, yard: Space, query: str
) -> None:
    assert client.get(f"/@yard?{query}").status_code == 200


def test_the_guestbook_takes_an_entry_which_then_waits(client: Client, yard: Space) -> None:
    response = fill(client)
    assert (response.status_code, response["Location"]) == (302, "/@yard/sign?thanks=1")
    assert list(read.waiting().values_list("name", flat=True)) == ["小禾"]


def test_all_are_thanked_alike(client: Client, owner: Actor, yard: Space) -> None:
    code = guestbook.invite(owner, yard, "").code
    answers = [
        fill(client),
        fill(client, website="https://spam.example"),
        fill(client, stamp="forged:stamp"),
        fill(client, code=code),
        fill(client),
    ]
    heads = {(answer.status_code, answer["Location"], answer.content) for answer in answers}
    assert len(heads) == 1
    assert GuestbookEntry.objects.count() == 3  # the others came too soon after


def test_an_empty_form_is_given_back_with_its_errors(client: Client, yard: Space) -> None:
    response = fill(client, text="")
    assert response.status_code == 200
    assert b'aria-invalid="true"' in response.content
    assert not GuestbookEntry.objects.exists()


def test_a_form_from_another_site_is_refused(yard: Space) -> None:
    strict = Client(enforce_csrf_checks=True)
    assert strict.post("/@yard/sign", {"name": "a", "text": "b"}).status_code == 403


def test_pending_and_refused_entries_are_on_no_page(
    client: Client, owner: Actor, yard: Space
) -> None:
    posts.publish(owner, yard, "# a\n\nb")
    guestbook.sign(yard, written("secret-1", name="hidden-1"), address="192.0.2.1")
    refused = guestbook.sign(
        yard, written("secret-2", name="hidden-2"), address="192.0.2.2"
    )
    assert refused is not None
    guestbook.decide(owner, refused.pk, approve=True)
    guestbook.decide(owner, refused.pk, approve=False)
    for path in (*PAGES, "/@yard/a", "/@yard?year=2026"):
        page = shown(client, path)
        assert "secret-" not in page
        assert "hidden-" not in page


@pytest.mark.parametrize("text", xss.CORPUS)
def test_nothing_that_people_write_can_run(
    client: Client, owner: Actor, yard: Space, text: str
) -> None:
    space.describe(owner, yard, name=text[:120], about=text)
    posts.publish(owner, yard, f"{text}\n\n{text}")
    code = guestbook.invite(owner, yard, text).code
    guestbook.sign(yard, written(text, name=text[:80], code=code), address="192.0.2.1")
    guest = User.objects.create_user("he@example.org")
    visitors.agree(guest, yard, name=text)
    client.force_login(guest)
    post = yard.posts.get()
    for path in ("/@yard", f"/@yard/{post.slug}", "/@yard/guestbook"):
        page = shown(client, path)
        assert xss.dangers(page) == []
        assert page.count("<script") == 1  # the beacon's


def test_reading_changes_no_row(
    client: Client, owner: Actor, yard: Space, guest: User
) -> None:
    posts.publish(owner, yard, "# a\n\nb")
    code = links.make(owner, yard, url="https://shop.example").code
    client.force_login(guest)
    with CaptureQueriesContext(connection) as asked:
        for path in (*PAGES, "/@yard/a", f"/l/{code}", "/@yard/sign?thanks=1"):
            client.get(path)
    verbs = {query["sql"].split(" ")[0] for query in asked.captured_queries}
    assert verbs == {"SELECT"}


@pytest.mark.parametrize(
    ("wish", "language"),
    [
        ("en-GB,en;q=0.9", "en"),
        ("zh-CN", "zh-hans"),
        ("fr, de", "zh-hans"),
        ("", "zh-hans"),
    ],
)
def test_a_page_speaks_the_readers_language_else_the_spaces(
    client: Client, yard: Space, wish: str, language: str
) -> None:
    response = client.get("/@yard", headers={"accept-language": wish})
    assert f'<html lang="{language}">' in response.content.decode()
    assert response["Content-Language"] == language
    assert "Accept-Language" in response["Vary"]


def test_pages_with_a_token_or_a_name_are_kept_in_no_store(
    client: Client, yard: Space
) -> None:
    for path in ("/@yard/sign", "/@yard/me"):
        assert client.get(path)["Cache-Control"] == "no-store"
    assert client.get("/@yard")["Cache-Control"] == "private, no-cache"
    assert "csrf" not in shown(client, "/@yard")


def test_only_our_own_files_run_on_a_page(client: Client, yard: Space) -> None:
    response = client.get("/@yard")
    assert response["Content-Security-Policy"].startswith("default-src 'self';")
    assert " style=" not in response.content.decode()


def test_a_link_goes_on_to_its_place(client: Client, owner: Actor, yard: Space) -> None:
    link = links.make(owner, yard, url="https://shop.example/a?b=c")
    response = client.get(f"/l/{link.code}")
    assert (response.status_code, response["Location"]) == (
        302,
        "https://shop.example/a?b=c",
    )


def test_a_visitor_is_named_by_their_own_tick_and_takes_it_back(
    client: Client, guest: User, yard: Space
) -> None:
    client.force_login(guest)
    assert 'type="checkbox" name="agree" required id' in shown(client, "/@yard/me")
    client.post("/@yard/me", {"name": "小禾"})
    assert not Visitor.objects.exists()
    client.post("/@yard/me", {"name": "小禾", "agree": "on"})
    assert visitors.of(guest, yard) is not None
    assert "小禾" in shown(client, "/@yard")
    client.post("/@yard/me", {"withdraw": "1"})
    assert visitors.of(guest, yard) is None
    assert "小禾" not in shown(client, "/@yard")


def test_who_is_not_signed_in_cannot_be_named(client: Client, yard: Space) -> None:
    assert client.post("/@yard/me", {"name": "小禾", "agree": "on"}).status_code == 200
    assert not Visitor.objects.exists()


def visit_of(path: str, view: Callable[..., HttpResponse], user: Any, **args: str) -> Any:
    """Ask a view as the server does, with a visit minted; return the visit and the page."""
    request = AsyncRequestFactory().get(path)
    request.user = user
    visit: dict[str, Any] = {"stamp": "a1b2"}
    request.scope = {**request.scope, "menting.visit": visit}
    return visit, view(request, **args).content.decode()


def test_the_server_is_told_what_was_shown_to_whom(guest: User, yard: Space) -> None:
    who = visitors.agree(guest, yard, name="小禾").who
    visit, page = visit_of("/@yard", views.show, guest, slug="yard")
    assert visit == {"stamp": "a1b2", "space": "yard", "path": "/@yard", "who": who}
    script = '<script src="/v.js" defer data-space="yard" data-stamp="a1b2">'
    assert script in " ".join(page.split())


def test_a_visit_without_a_name_says_so(yard: Space, guest: User) -> None:
    for user in (AnonymousUser(), guest):
        visit, _ = visit_of("/@yard", views.show, user, slug="yard")
        assert visit["who"] == 0


def test_a_landing_link_is_a_visit_of_its_space(owner: Actor, yard: Space) -> None:
    code = links.make(owner, yard, url="https://shop.example").code
    visit, _ = visit_of(f"/l/{code}", views.follow, AnonymousUser(), code=code)
    assert (visit["space"], visit["path"]) == ("yard", f"/l/{code}")


def test_what_is_not_there_is_no_visit(yard: Space) -> None:
    request = AsyncRequestFactory().get("/@yard/none")
    request.user = AnonymousUser()
    request.scope = {**request.scope, "menting.visit": {}}
    with pytest.raises(Http404):
        views.post(request, slug="yard", post_slug="none")
    assert request.scope["menting.visit"] == {}

"""The public pages of spaces: posts, the guestbook and landing links."""

from collections.abc import Callable
from datetime import MAXYEAR, MINYEAR
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from menting.base import config
from menting.spaces import address, guestbook, languages, links, read, stamps, visitors
from menting.spaces.forms import NamedForm, SignForm
from menting.spaces.models import Post, Space, Visitor
from menting.users.models import User

P = ParamSpec("P")


def of_space(
    view: Callable[Concatenate[HttpRequest, Space, P], HttpResponse],
) -> Callable[..., HttpResponse]:
    """Give the view its space, and speak the reader's language in the space's zone."""

    @wraps(view)
    def wrapped(
        request: HttpRequest, slug: str, *args: P.args, **kwargs: P.kwargs
    ) -> HttpResponse:
        space = get_object_or_404(Space, slug=slug)
        language = languages.of(request, space)
        with (
            translation.override(language),
            timezone.override(ZoneInfo(space.time_zone)),
        ):
            response = view(request, space, *args, **kwargs)
        # The page carries a stamp of this one visit: no cache may give it to another.
        response.headers.setdefault("Cache-Control", "private, no-cache")
        response.headers["Content-Language"] = language
        patch_vary_headers(response, ("Accept-Language",))
        return response

    return wrapped


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show the spaces of this house, or go to its only one."""
    spaces = list(Space.objects.order_by("pk"))
    if len(spaces) == 1:
        return redirect("space", spaces[0].slug)
    return render(request, "spaces/home.html", {"spaces": spaces})


@require_safe
@of_space
def show(request: HttpRequest, space: Space) -> HttpResponse:
    """Show a space: its posts and the latest of its guestbook."""
    year, before = _year(request), _number(request, "before")
    page = read.page(space, year=year, before=before)
    here = {"page": page, "year": year, "is_first": not (year or before)}
    return _page(request, space, "spaces/space.html", here)


@require_safe
@of_space
def post(request: HttpRequest, space: Space, post_slug: str) -> HttpResponse:
    """Show one post at its own address."""
    shown = get_object_or_404(Post, space=space, slug=post_slug)
    return _page(request, space, "spaces/post.html", {"post": shown})


@require_safe
@of_space
def book(request: HttpRequest, space: Space) -> HttpResponse:
    """Show the guestbook, a page at a time."""
    rows = list(
        read.entries(space, before=_number(request, "before"))[: read.BOOK_ROWS + 1]
    )
    shown = rows[: read.BOOK_ROWS]
    older = shown[-1].pk if len(rows) > len(shown) else None
    return _page(request, space, "spaces/book.html", {"entries": shown, "older": older})


@require_http_methods(["GET", "HEAD", "POST"])
@of_space
def sign(request: HttpRequest, space: Space) -> HttpResponse:
    """Offer the guestbook's form, and take what it brings; all are thanked alike."""
    if request.method == "POST":
        form = SignForm(request.POST)
        if form.is_valid() and _sign(request, space, form):
            return redirect(f"{request.path}?thanks=1")
    else:
        form = SignForm(
            initial={"stamp": stamps.give(space), "code": request.GET.get("code", "")}
        )
    here = {"form": form, "is_thanks": "thanks" in request.GET}
    return _own(render(request, "spaces/sign.html", {"space": space, **here}))


@require_http_methods(["GET", "HEAD", "POST"])
@of_space
def me(request: HttpRequest, space: Space) -> HttpResponse:
    """Let a signed-in visitor be named in the visit log, or take it back."""
    user = request.user
    if not user.is_authenticated:
        settings = config.current()
        here: dict[str, Any] = {
            "has_codes": settings.smtp is not None,
            "can_use_qq": settings.qq_connect is not None,
        }
        return _own(render(request, "spaces/me.html", {"space": space, **here}))
    form = NamedForm(request.POST or None, initial={"name": user.name})
    if request.method == "POST":
        if "withdraw" in request.POST:
            visitors.withdraw(user, space)
            return redirect(request.path)
        if form.is_valid() and _agree(user, space, form):
            return redirect(request.path)
    here = {"form": form, "visitor": visitors.of(user, space)}
    return _own(render(request, "spaces/me.html", {"space": space, **here}))


@require_safe
def follow(request: HttpRequest, code: str) -> HttpResponse:
    """Go on by a landing link; whoever serves the program has kept the visit."""
    link = links.follow(code)
    if link is None:
        raise Http404
    _seen(request, link.space, _visitor(request, link.space))
    response = HttpResponseRedirect(link.url)
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _page(
    request: HttpRequest, space: Space, template: str, here: dict[str, Any]
) -> HttpResponse:
    visitor = _visitor(request, space)
    common = {
        "space": space,
        "visit": _seen(request, space, visitor),
        "visitor": visitor,
        "can_sign_in": config.current().smtp or config.current().qq_connect,
    }
    return render(request, template, common | here)


def _visitor(request: HttpRequest, space: Space) -> Visitor | None:
    user = request.user
    return visitors.of(user, space) if user.is_authenticated else None


def _seen(request: HttpRequest, space: Space, visitor: Visitor | None) -> dict[str, Any]:
    """Say to the server, which keeps visits, what was shown to whom; return the visit."""
    visit: dict[str, Any] | None = getattr(request, "scope", {}).get("menting.visit")
    if visit is None:
        return {}
    visit["space"], visit["path"] = space.slug, request.path
    visit["who"] = visitor.who if visitor else 0
    return visit


def _sign(request: HttpRequest, space: Space, form: SignForm) -> bool:
    brought = form.cleaned_data
    entry = guestbook.Form(
        name=brought["name"],
        text=brought["text"],
        code=brought["code"],
        honeypot=brought["website"],
        opened_at=stamps.opened_at(space, brought["stamp"]),
    )
    try:
        guestbook.sign(space, entry, address=address.of(request))
    except guestbook.BadEntryError:
        form.add_error(None, _("Give a name and a text that can be read."))
        return False
    return True


def _agree(user: User, space: Space, form: NamedForm) -> bool:
    try:
        visitors.agree(user, space, name=form.cleaned_data["name"])
    except visitors.BadNameError:
        form.add_error("name", _("Give a name that can be read."))
        return False
    return True


def _own(response: HttpResponse) -> HttpResponse:
    """Keep a page with a token or a name out of every store."""
    response.headers["Cache-Control"] = "no-store"
    return response


def _number(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _year(request: HttpRequest) -> int | None:
    number = _number(request, "year") or 0
    return number if MINYEAR < number < MAXYEAR else None

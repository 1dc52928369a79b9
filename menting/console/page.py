"""What every page shares: who may see it, how it is shown, how an act ends."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET, require_POST
from django_htmx.middleware import HtmxDetails

from menting.users import guard
from menting.users.guard import Actor
from menting.users.models import User


class OperatorRequest(HttpRequest):
    """A request of a signed-in operator, as every view behind `shown` or `done` gets it."""

    user: User
    htmx: HtmxDetails
    actor: Actor


View = Callable[..., HttpResponse]


def shown(act: str) -> Callable[[View], View]:
    """Make a view answer GET, to operators whose role allows the act."""
    return lambda view: require_GET(_guarded(view, act))


def done(act: str) -> Callable[[View], View]:
    """Make a view answer POST, to operators whose role allows the act."""
    return lambda view: require_POST(_guarded(view, act))


def both(act: str) -> Callable[[View], View]:
    """Make a view answer GET and POST (a form), to operators whose role allows the act."""
    return lambda view: _guarded(view, act)


def show(
    request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """Show a page of `templates/console/`."""
    return render(request, f"console/{template}", context, status=status)


def after(request: HttpRequest, said: str, to: str, *args: object) -> HttpResponseRedirect:
    """End an act: say what happened in a toast and go to the page that shows it."""
    messages.success(request, said)
    return redirect(to, *args)


def refused(
    request: HttpRequest, why: Exception | str | SafeString, to: str, *args: object
) -> HttpResponseRedirect:
    """End an act that the domain refused: say why, change nothing."""
    messages.error(request, str(why))
    return redirect(to, *args)


def no_right(request: HttpRequest) -> HttpResponse:
    """Say that the role does not allow it, and who can change that."""
    owners = User.objects.filter(role="owner", is_active=True).order_by("pk")
    return show(request, "no_right.html", {"owner": owners.first()}, status=403)


def _guarded(view: View, act: str) -> View:
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not isinstance(request.user, User):
            return redirect_to_login(request.get_full_path())
        actor = guard.of_user(request.user)
        if not guard.may(actor, act):
            return no_right(request)
        request.actor = actor  # type: ignore[attr-defined]  # makes it an OperatorRequest
        try:
            return view(request, *args, **kwargs)
        except guard.NotAllowedError:
            return no_right(request)

    return guarded

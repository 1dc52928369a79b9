"""The pages behind a one-time link: sign in by a button, then say who you are."""

from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.models import Login
from django.conf import settings
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone, translation
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from menting.users import guard, house, links
from menting.users.forms import WelcomeForm
from menting.users.models import User


@never_cache
@require_http_methods(["GET", "POST"])
def link(request: HttpRequest, code: str) -> HttpResponse:
    """Sign in at the press of a button: a GET by a mail scanner spends nothing."""
    if request.method == "GET":
        status = 200 if links.is_good(code) else 410
        return render(request, "users/link.html", {"is_good": status == 200}, status=status)
    try:
        user = links.spend(code)
    except links.SpentLinkError:
        return render(request, "users/link.html", {"is_good": False}, status=410)
    record_authentication(request, user, "link")
    response: HttpResponse = perform_login(
        request, Login(user=user, redirect_url=reverse("users:welcome"))
    )
    return response


@login_required
@require_http_methods(["GET", "POST"])
def welcome(request: HttpRequest) -> HttpResponse:
    """Ask once for what the house needs; go on to a passkey when no password was set."""
    user = request.user
    if not isinstance(user, User) or not guard.may(guard.of_user(user), "house.change"):
        raise PermissionDenied
    form = WelcomeForm(
        request.POST or None, user=user, initial=WelcomeForm.initial_of(user, house.get())
    )
    if request.method == "POST" and form.is_valid():
        _store(user, form.cleaned_data)
        update_session_auth_hash(request, user)
        return redirect(
            settings.LOGIN_REDIRECT_URL
            if user.has_usable_password()
            else "mfa_add_webauthn"
        )
    return render(request, "users/welcome.html", {"form": form})


@transaction.atomic
def _store(user: User, given: dict[str, str]) -> None:
    user.email, user.name = given["email"], given["name"]
    user.language, user.time_zone = given["language"], given["time_zone"]
    if given["password"]:
        user.set_password(given["password"])
    user.save(update_fields=["email", "name", "language", "time_zone", "password"])
    house.fill(
        guard.of_user(user),
        legal_name=given["legal_name"],
        contact=given["contact"],
        language=given["language"],
        time_zone=given["time_zone"],
    )
    translation.activate(user.language)
    timezone.activate(user.time_zone)

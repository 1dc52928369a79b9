"""The house's name and contact, and each operator's own language, zone and look."""

from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.http import require_POST

from menting.console.page import OperatorRequest, after, done, show, shown
from menting.users import audit, guard, house
from menting.users.models import House, Role, User

_YEAR = 365 * 24 * 3600
_ZONES = sorted(
    zone for zone in available_timezones() if "/" in zone and zone[:4] != "Etc/"
)


class HouseForm(forms.ModelForm):  # type: ignore[type-arg]  # Django has no generic form at run time
    """What every message must say of its sender."""

    class Meta:
        model = House
        fields = ("legal_name", "contact", "language", "time_zone")
        help_texts = {
            "legal_name": gettext_lazy(
                "As the law wants it: the person's or the firm's full name."
            ),
            "contact": gettext_lazy("Address, e-mail or telephone that reaches you."),
            "language": gettext_lazy("Used for people whose language is not known."),
            "time_zone": gettext_lazy("Days of all spaces together are counted in it."),
        }
        widgets = {
            "language": forms.Select(choices=settings.LANGUAGES),
            "time_zone": forms.Select(choices=[(zone, zone) for zone in _ZONES]),
        }

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # passed through as they come
        for name in ("legal_name", "contact"):
            self.fields[name].required = True


class OwnForm(forms.ModelForm):  # type: ignore[type-arg]  # as above
    """How one operator sees the console."""

    class Meta:
        model = User
        fields = ("name", "language", "time_zone", "theme")
        widgets = {
            "language": forms.Select(choices=settings.LANGUAGES),
            "time_zone": forms.Select(choices=[(zone, zone) for zone in _ZONES]),
        }


# Everyone who works here sees it for their own settings; the house's are the owner's.
@shown("accounts.read")
def settings_page(request: OperatorRequest) -> HttpResponse:
    """Show the forms of the house and of oneself."""
    return _page(request, HouseForm(instance=house.get()), OwnForm(instance=request.user))


@done("house.change")
def change_house(request: OperatorRequest) -> HttpResponse:
    """Store who speaks."""
    form = HouseForm(request.POST, instance=house.get())
    if not form.is_valid():
        return _page(request, form, OwnForm(instance=request.user), status=422)
    house.fill(request.actor, **form.cleaned_data)
    return after(
        request, gettext("The house's name and contact are stored."), "console:settings"
    )


@done("accounts.read")
def change_own(request: OperatorRequest) -> HttpResponse:
    """Store one's own name, language, zone and look."""
    form = OwnForm(request.POST, instance=request.user)
    if not form.is_valid():
        return _page(request, HouseForm(instance=house.get()), form, status=422)
    _store(request, tuple(form.changed_data))
    return after(request, gettext("Stored."), "console:settings")


@done("house.go_on")
def go_on(request: OperatorRequest) -> HttpResponse:
    """Let sending go on after a backup was restored."""
    house.go_on(request.actor)
    return after(request, gettext("Sending may go on."), "console:settings")


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Show the pages in another language from now on: to an operator, always; else here."""
    wanted = request.POST.get("language", "")
    answer = HttpResponseRedirect(_safe(request, request.POST.get("next", "/")))
    if wanted not in dict(settings.LANGUAGES):
        return answer
    user = request.user
    if isinstance(user, User) and user.is_operator:
        _store_language(user, wanted)
    answer.set_cookie(
        settings.LANGUAGE_COOKIE_NAME, wanted, max_age=_YEAR, samesite="Lax", httponly=True
    )
    return answer


@transaction.atomic
def _store_language(user: User, wanted: str) -> None:
    user.language = wanted
    user.save(update_fields=["language"])
    audit.record(guard.of_user(user), "user.change", target=f"user:{user.pk}")


@transaction.atomic
def _store(request: OperatorRequest, changed: tuple[str, ...]) -> None:
    request.user.save(update_fields=["name", "language", "time_zone", "theme"])
    audit.record(
        request.actor,
        "user.change",
        target=f"user:{request.user.pk}",
        detail={"fields": len(changed)},
    )


def _page(
    request: OperatorRequest, house_form: HouseForm, own_form: OwnForm, *, status: int = 200
) -> HttpResponse:
    users = User.objects.exclude(role=Role.NONE).order_by("pk")
    context = {
        "house_form": house_form,
        "own_form": own_form,
        "house": house.get(),
        "may_change_house": guard.may(request.actor, "house.change"),
        "may_make_tokens": guard.may(request.actor, "tokens.make"),
        "users": users if guard.may(request.actor, "users.read") else (),
    }
    return show(request, "settings.html", context, status=status)


def _safe(request: HttpRequest, url: str) -> str:
    allowed = url_has_allowed_host_and_scheme(url, allowed_hosts={request.get_host()})
    return url if allowed else "/"

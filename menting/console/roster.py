"""The roster: a file comes in, a template or the accounts themselves go out."""

from typing import Any

from django import forms
from django.http import Http404, HttpResponse
from django.utils.translation import gettext_lazy

from menting.accounts import export, roster, template, vault
from menting.channels import registry
from menting.console.page import OperatorRequest, both, done, show, shown


class RosterForm(forms.Form):
    """A roster file, tried or stored."""

    file = forms.FileField(
        label=gettext_lazy("Roster file"),
        help_text=gettext_lazy(
            "CSV, JSON Lines or XLSX: channel, handle, name and the channel's secrets."
        ),
        max_length=200,
    )


@both("accounts.import")
def import_roster(request: OperatorRequest) -> HttpResponse:
    """Read a roster; store its good lines, or only say what would be stored."""
    form = RosterForm(request.POST or None, request.FILES or None)
    context: dict[str, Any] = {"form": form, "channels": sorted(registry.names())}
    if request.method == "POST" and form.is_valid():
        upload, is_dry = form.cleaned_data["file"], "dry_run" in request.POST
        work = roster.dry_run if is_dry else roster.store
        try:
            brought = roster.parse(upload.read(), name=upload.name)
            told = work(request.actor, brought)
        except (roster.RosterError, vault.KeyMissingError) as error:
            form.add_error("file", str(error))
        else:
            context |= {"roster": brought, "told": told, "is_dry": is_dry}
    return show(request, "account_import.html", context, status=422 if form.errors else 200)


@shown("accounts.import")
def roster_template(request: OperatorRequest, channel: str) -> HttpResponse:
    """Give an empty roster of a channel, to be filled in by a spreadsheet."""
    if channel not in registry.names():
        raise Http404
    return _file(template.text(channel), f"menting-{channel}.csv")


@done("accounts.export")
def export_roster(request: OperatorRequest) -> HttpResponse:
    """Give all accounts as a roster, without their secrets."""
    return _file(export.text(request.actor), "menting-accounts.csv")


def _file(text: str, name: str) -> HttpResponse:
    # With the mark of UTF-8, by which spreadsheets know Chinese.
    answer = HttpResponse("\ufeff" + text, content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer

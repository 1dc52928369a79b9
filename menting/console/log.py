"""The audit log: every act, who did it and to what."""

from django.http import HttpResponse

from menting.console import filters, keyset
from menting.console.page import OperatorRequest, show, shown
from menting.users.models import AuditEntry, User


@shown("audit.read")
def log(request: OperatorRequest) -> HttpResponse:
    """List the acts, newest first, of all or of one actor or one thing."""
    asked = filters.of(request, {"actor": None, "target": None})
    rows = AuditEntry.objects.all()
    for name in ("actor", "target"):
        if asked[name]:
            rows = rows.filter(**{name: asked[name]})
    page = keyset.page(request, rows)
    return show(
        request, "log.html", {"page": page, "filters": asked, "lines": _lines(page.items)}
    )


def _lines(entries: list[AuditEntry]) -> list[dict[str, object]]:
    ids = [
        entry.actor.removeprefix("user:") for entry in entries if entry.actor[:5] == "user:"
    ]
    users = User.objects.in_bulk([int(pk) for pk in ids if pk.isdigit()])
    names = {f"user:{pk}": str(user) for pk, user in users.items()}
    return [
        {"entry": entry, "who": names.get(entry.actor, entry.actor), "detail": _told(entry)}
        for entry in entries
    ]


def _told(entry: AuditEntry) -> str:
    return ", ".join(f"{name} {value}" for name, value in entry.detail.items())

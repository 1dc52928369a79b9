"""The audit log is a chain."""

import pytest

from menting.users import audit, guard
from menting.users.models import AuditEntry

pytestmark = pytest.mark.django_db


def _fill(n: int) -> list[AuditEntry]:
    return [
        audit.record(guard.SYSTEM, "test.act", target=f"thing:{i}", detail={"n": i})
        for i in range(n)
    ]


def test_an_untouched_log_is_whole() -> None:
    _fill(5)
    assert audit.first_broken() is None


@pytest.mark.parametrize(
    "change", [{"actor": "user:9"}, {"detail": {"n": 7}}, {"target": ""}]
)
def test_a_changed_entry_is_found(change: dict[str, object]) -> None:
    entries = _fill(5)
    AuditEntry.objects.filter(pk=entries[2].pk).update(**change)
    assert audit.first_broken() == entries[2].pk


def test_a_removed_entry_is_found() -> None:
    entries = _fill(5)
    entries[1].delete()
    assert audit.first_broken() == entries[2].pk

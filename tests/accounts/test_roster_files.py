"""Secrets in files, templates, exports, and a new secret for one account."""

from pathlib import Path

import pytest

from menting.accounts import export, lines, roster, secret, template, vault
from menting.accounts.models import Account, AccountState
from menting.channels import registry
from menting.users import guard
from menting.users.models import AuditEntry
from tests.accounts import rosters
from tests.accounts.rosters import OWNER, VISITOR

HEADING = "channel,handle,homeserver,password_file\n"


def _roster(folder: Path, *rows: str) -> roster.Roster:
    path = folder / "roster.csv"
    path.write_text(
        HEADING + "".join(f"matrix,@a{n}:x,http://x,{r}\n" for n, r in enumerate(rows))
    )
    return roster.read(path)


def test_a_secret_is_read_from_the_file_that_its_column_names(tmp_path: Path) -> None:
    (tmp_path / "shop.txt").write_text("correct horse\n")
    held = _roster(tmp_path, "shop.txt", str(tmp_path / "shop.txt"))
    assert [line.secret for line in held.lines] == [{"password": "correct horse"}] * 2


def test_a_file_that_cannot_be_read_is_named_and_costs_no_other_line(
    tmp_path: Path,
) -> None:
    (tmp_path / "shop.txt").write_text("correct horse")
    (tmp_path / "large").write_bytes(bytes(70_000))
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    held = _roster(tmp_path, "missing", "shop.txt", "large", "binary", ".")
    assert len(held.lines) == 1
    reasons = [one.reason for one in held.rejected]
    assert reasons[0] == "password_file cannot be read: No such file or directory"
    assert reasons[1] == "password_file cannot be read: it is larger than 64 KiB"
    assert all(reason.startswith("password_file cannot be read") for reason in reasons)


def test_a_secret_and_its_file_together_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "roster.jsonl"
    path.write_text(
        '{"channel": "matrix", "handle": "@a:x", "password": "p", "password_file": "f"}'
    )
    assert roster.read(path).rejected[0].reason == "has both password and password_file"


def test_a_roster_that_was_sent_here_may_name_no_file_of_the_server() -> None:
    content = (HEADING + "matrix,@a:x,http://x,/etc/passwd\n").encode()
    held = roster.parse(content, name="r.csv")
    assert held.rejected[0].reason.startswith("password_file names a file")


@pytest.mark.parametrize("channel", registry.names())
def test_a_template_says_each_column_and_is_a_roster_but_for_its_secrets(
    channel: str,
) -> None:
    asked = template.columns(channel)
    assert all(column.description for column in asked)
    assert any(column.is_secret for column in asked)
    held = roster.parse(template.text(channel).encode(), name="t.csv")
    reasons = [one.reason for one in held.rejected]
    assert not held.lines
    assert reasons
    assert "has a column" not in reasons[0]


@pytest.mark.django_db
@pytest.mark.parametrize("as_json", [False, True])
def test_an_export_holds_no_secret_and_names_every_account(
    tmp_path: Path, as_json: bool
) -> None:
    rosters.stored(tmp_path, 3)
    told = export.text(OWNER, as_json=as_json)
    assert "secret-0000" not in told
    assert all(f"@shop{n}:localhost" in told for n in (1, 2, 3))
    held = roster.parse(told.encode(), name="r.jsonl" if as_json else "r.csv")
    assert {one.reason for one in held.rejected} == {
        "password, token or as_token is needed"
    }
    assert AuditEntry.objects.latest("pk").act == "account.export"


@pytest.mark.django_db
def test_only_who_may_exports() -> None:
    with pytest.raises(guard.NotAllowedError):
        export.text(VISITOR)


@pytest.mark.django_db
def test_a_new_secret_takes_the_old_one_s_place_and_is_tried_at_once(
    tmp_path: Path,
) -> None:
    [row] = rosters.stored(tmp_path, 1)
    Account.objects.update(
        state=AccountState.NEEDS_AUTH, reason="refused", wanted_online=True
    )
    secret.give(OWNER, row.pk, {"password": "new", "token": ""})
    row.refresh_from_db()
    assert vault.open(row) == {"password": "new"}
    assert row.state == AccountState.OFFLINE
    entry = AuditEntry.objects.latest("pk")
    assert (entry.act, entry.target) == ("account.secret", f"account:{row.pk}")
    assert "new" not in str(entry.detail)


@pytest.mark.django_db
def test_a_secret_that_the_channel_cannot_use_changes_nothing(tmp_path: Path) -> None:
    [row] = rosters.stored(tmp_path, 1)
    before = bytes(Account.objects.get().sealed)
    with pytest.raises(lines.BadLineError):
        secret.give(OWNER, row.pk, {"pass": "x"})
    assert bytes(Account.objects.get().sealed) == before


@pytest.mark.django_db
def test_a_store_that_was_stopped_goes_on_with_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roster, "CHUNK", 2)
    path = tmp_path / "r.csv"
    text = rosters.HEADING + "".join(rosters.line(n) for n in range(5))
    path.write_text(text, "utf-8")
    held = roster.read(path)

    def _stop(done: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        roster.store(OWNER, held, progress=_stop)
    assert Account.objects.count() == 4
    told = roster.store(OWNER, held)
    assert (told.added, told.unchanged) == (1, 4)

"""A roster: what is taken, what is not and why, and that nothing is done twice."""

import csv
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from menting.accounts import roster, state, vault
from menting.accounts.models import Account, AccountState
from menting.base import clock
from menting.channels import registry
from menting.users import guard
from menting.users.models import AuditEntry
from tests.accounts import rosters
from tests.accounts.rosters import HEADING, OWNER, VISITOR, line


def _read(folder: Path, content: str | bytes, name: str = "r.csv") -> roster.Roster:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return roster.read(path)


def _reasons(held: roster.Roster) -> dict[int, str]:
    return {one.number: one.reason for one in held.rejected}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_csv_is_read_as_programs_write_it(
    tmp_path: Path, encoding: str, delimiter: str, newline: str
) -> None:
    text = (HEADING + line(1) + line(2)).replace(",", delimiter).replace("\n", newline)
    held = _read(tmp_path, text.encode(encoding))
    assert held.rejected == []
    assert [one.name for one in held.lines] == ["店 1", "店 2"]
    assert held.lines[0].secret == {"password": "secret-00001"}
    assert held.lines[0].options["homeserver"] == "http://127.0.0.1:8008"
    assert "password" not in held.lines[0].options


def test_json_lines_are_read_and_each_bad_one_named(tmp_path: Path) -> None:
    good = '{"channel":"matrix","handle":"@a:x","homeserver":"http://x","token":"t"}\n'
    bad = '{"channel":"matrix"\n[1]\n{"channel":"matrix","handle":7}\n' + "[" * 100_000
    held = _read(tmp_path, good + "\n" + bad, "r.jsonl")
    assert [one.handle for one in held.lines] == ["@a:x"]
    assert _reasons(held) == {
        3: "is not JSON",
        4: "is not a JSON object with one account",
        5: "handle is not plain text",
        6: "is not JSON",
    }


def test_each_bad_line_is_named_with_its_reason_and_the_good_ones_are_kept(
    tmp_path: Path,
) -> None:
    bad = [
        "icq,@b:x,B,http://x,pw,",
        "matrix,,B,http://x,pw,",
        "matrix,@c:x,C,http://x,,",
        "matrix,@d:x,D,not an address,pw,",
        'matrix,@e:x,"E,http://x,pw,',
        "matrix,@f:x,F,http://x,pw,,surplus",
        "matrix,@shop1:localhost,again,http://x,pw,",
        "matrix,@g:x,G\x07,http://x,pw,",
        f"matrix,@{'h' * 300}:x,H,http://x,pw,",
    ]
    held = _read(tmp_path, HEADING + line(1) + "\n".join(bad) + "\n" + line(2))
    assert [one.number for one in held.lines] == [2, 12]
    reasons = _reasons(held)
    assert list(reasons) == list(range(3, 12))
    assert f"there are: {', '.join(sorted(registry.names()))}" in reasons[3]
    assert reasons[4] == "handle is missing"
    assert reasons[5] == "password, token or as_token is needed"
    assert reasons[6].startswith("homeserver")
    assert "quotation mark" in reasons[7]
    assert "more columns" in reasons[8]
    assert reasons[9] == "is the same account as line 2"
    assert "plain text" in reasons[10]
    assert "too long" in reasons[11]


def test_a_line_in_another_encoding_costs_no_other_line(tmp_path: Path) -> None:
    lines = [line(n).encode() for n in range(1, 6)]
    lines[2] = line(3).encode("gb18030")
    held = _read(tmp_path, HEADING.encode() + b"".join(lines))
    assert _reasons(held) == {4: "has bytes that are not UTF-8"}
    assert [one.name for one in held.lines] == ["店 1", "店 2", "店 4", "店 5"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "empty"),
        ("\n\n ;;; \n", "empty"),
        ("name,homeserver\na,b\n", "channel, handle is missing"),
        ("channel,handle,pasword\n", "No channel has a column pasword"),
        ("channel,handle,handle\n", "names handle twice"),
        (b"PK\x03\x04" + bytes(50), "spreadsheet"),
        ("channel,handle\n".encode("utf-16"), "UTF-8"),
    ],
)
def test_a_file_that_is_no_roster_is_one_clear_error(
    tmp_path: Path, content: str | bytes, said: str
) -> None:
    with pytest.raises(roster.RosterError, match=said):
        _read(tmp_path, content)


_cells = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\0"),
    max_size=20,
)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.lists(_cells, min_size=2, max_size=8), max_size=8), secret=_cells)
def test_no_bad_line_tells_its_secret(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], secret: str
) -> None:
    secret = f"S3CRET{secret}".replace("\n", "").replace("\r", "").strip()
    path = tmp_path_factory.mktemp("r") / "r.csv"
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["channel", "handle", "password", "homeserver", "wall"])
        for row in rows:
            writer.writerow([*row[:2], secret, *row[2:]])
        writer.writerow(["matrix", "@a:x", secret, secret, secret])
    held = roster.read(path)
    assert "S3CRET" not in repr(held)
    assert held.rejected or held.lines


@pytest.mark.django_db
def test_the_same_file_twice_changes_nothing(tmp_path: Path) -> None:
    held = _read(tmp_path, HEADING + line(1) + line(2))
    assert roster.store(OWNER, held) == roster.Stored(added=2, changed=0, unchanged=0)
    before = list(Account.objects.order_by("pk").values())
    assert roster.store(OWNER, held) == roster.Stored(added=0, changed=0, unchanged=2)
    assert list(Account.objects.order_by("pk").values()) == before


@pytest.mark.django_db
def test_a_dry_run_tells_what_would_change_and_changes_nothing(tmp_path: Path) -> None:
    roster.store(OWNER, _read(tmp_path, HEADING + line(1) + line(2)))
    text = HEADING + line(1) + line(2, password="other") + line(3)
    said = roster.dry_run(OWNER, _read(tmp_path, text))
    assert said == roster.Stored(added=1, changed=1, unchanged=1)
    assert Account.objects.count() == 2
    assert roster.store(OWNER, _read(tmp_path, text)) == said


@pytest.mark.django_db
def test_a_changed_secret_is_sealed_and_lets_the_account_try_again(tmp_path: Path) -> None:
    account, other = rosters.stored(tmp_path, 2)
    Account.objects.update(
        state=AccountState.NEEDS_AUTH, reason="refused", failures=3, retry_at=clock.now()
    )
    told = roster.store(OWNER, _read(tmp_path, HEADING + line(1, password="new") + line(2)))
    assert told == roster.Stored(added=0, changed=1, unchanged=1)
    account.refresh_from_db()
    other.refresh_from_db()
    assert vault.open(account) == {"password": "new"}
    assert (account.state, account.reason) == (AccountState.OFFLINE, "")
    assert (account.failures, account.retry_at) == (0, None)
    assert other.state == AccountState.NEEDS_AUTH


@pytest.mark.django_db
def test_a_new_password_keeps_the_device_of_the_platform(tmp_path: Path) -> None:
    [account] = rosters.stored(tmp_path, 1)
    state.keep_secret(account.pk, {"device_id": "D"})
    roster.store(OWNER, _read(tmp_path, HEADING + line(1, password="new")))
    account.refresh_from_db()
    assert vault.open(account) == {"password": "new", "device_id": "D"}


@pytest.mark.django_db
def test_a_removed_account_comes_back_with_the_roster(tmp_path: Path) -> None:
    [account] = rosters.stored(tmp_path, 1)
    Account.objects.update(removed_at=clock.now(), sealed=b"")
    told = roster.store(OWNER, _read(tmp_path, HEADING + line(1)))
    assert told == roster.Stored(added=0, changed=1, unchanged=0)
    account.refresh_from_db()
    assert account.removed_at is None
    assert vault.open(account) == {"password": "secret-00001"}


@pytest.mark.django_db
def test_bad_lines_lie_in_a_file_with_number_reason_and_handle(tmp_path: Path) -> None:
    text = HEADING + line(1) + "matrix,=cmd(),C,http://x,,\nmatrix,@d:x,D,bad,hunter2,\n"
    told = roster.store(OWNER, _read(tmp_path, text))
    assert told.rejected_file is not None
    with told.rejected_file.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["line", "reason", "handle"]
    assert [(row[0], row[2]) for row in rows[1:]] == [("3", "'=cmd()"), ("4", "@d:x")]
    assert "hunter2" not in told.rejected_file.read_text("utf-8-sig")


@pytest.mark.django_db
def test_only_who_may_imports_and_the_act_is_in_the_audit_log(tmp_path: Path) -> None:
    held = _read(tmp_path, HEADING + line(1))
    with pytest.raises(guard.NotAllowedError):
        roster.store(VISITOR, held)
    assert Account.objects.count() == 0
    roster.store(OWNER, held)
    entry = AuditEntry.objects.get(act="account.import")
    assert entry.detail == {"added": 1, "changed": 0}


@pytest.mark.django_db
def test_ten_thousand_lines_take_seconds(tmp_path: Path) -> None:
    text = HEADING + "".join(line(n) for n in range(10_000))
    began = time.monotonic()
    told = roster.store(OWNER, _read(tmp_path, text))
    added_after = time.monotonic() - began
    assert told.added == 10_000
    assert roster.store(OWNER, _read(tmp_path, text)).unchanged == 10_000
    changed = text.replace("secret-", "other-")
    assert roster.store(OWNER, _read(tmp_path, changed)).changed == 10_000
    assert added_after < 20  # measured 2.3 s; the bound is for a busy machine
    assert time.monotonic() - began < 60

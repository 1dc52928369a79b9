"""`/metrics`: in the official format, without names, and not for everybody."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from prometheus_client.parser import text_string_to_metric_families

from menting.base.folder import Folder
from menting.server.figures import Figures
from menting.server.metrics import Metrics
from menting.visits.spool import Spool
from menting.workers import bridge
from tests.people.people import Person, account

pytestmark = pytest.mark.django_db(transaction=True)

LOCAL = [(b"host", b"localhost:8080")]


@pytest.fixture(autouse=True)
def _closed(transactional_db: None) -> Iterator[None]:
    yield
    bridge.close()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path)
    folder.prepare()
    return folder


async def _get(
    metrics: Metrics, headers: list[tuple[bytes, bytes]], *, client: str = "127.0.0.1"
) -> tuple[int, str]:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"path": "/metrics", "headers": headers, "client": (client, 1)}
    await metrics(scope, None, send)
    return sent[0]["status"], sent[1]["body"].decode()


async def test_the_official_parser_reads_what_this_machine_is_told(
    spool: Spool, folder: Folder
) -> None:
    lin = await bridge.call(lambda: Person(account(), name="Xanthippe"))
    await bridge.call(lin.writes, "hello")
    await spool.put(b"a visit")
    status, body = await _get(Metrics(Figures(folder).count, token=""), LOCAL)
    assert status == 200
    families = {family.name: family for family in text_string_to_metric_families(body)}
    states = {
        (sample.labels["channel"], sample.labels["state"]): sample.value
        for sample in families["menting_accounts"].samples
    }
    assert states == {(lin.account.channel, "offline"): 1.0}
    replies = {
        (sample.labels["kind"], sample.labels["state"]): sample.value
        for sample in families["menting_outbox"].samples
    }
    assert replies[("reply", "ready")] == 1.0
    assert {"process_resident_memory_bytes", "menting_spool_fdatasync_seconds"} < set(
        families
    )
    told = [
        s for s in families["menting_events"].samples if s.labels.get("type") == "message"
    ]
    assert sum(sample.value for sample in told) >= 1
    assert "Xanthippe" not in body
    assert lin.account.handle not in body


async def test_the_state_is_counted_once_for_some_seconds(folder: Folder) -> None:
    figures = Figures(folder)

    def _queries() -> int:
        connection.force_debug_cursor = True
        before = len(connection.queries_log)
        figures.count()
        return len(connection.queries_log) - before

    assert await bridge.call(_queries) > 0
    assert await bridge.call(_queries) == 0


@pytest.mark.parametrize(
    ("headers", "client"),
    [
        (LOCAL, "203.0.113.7"),
        ([*LOCAL, (b"x-forwarded-for", b"203.0.113.7")], "127.0.0.1"),
        ([(b"host", b"desk.example.org")], "127.0.0.1"),
        ([], "127.0.0.1"),
    ],
)
async def test_whoever_comes_from_elsewhere_is_refused(
    folder: Folder, headers: list[tuple[bytes, bytes]], client: str
) -> None:
    metrics = Metrics(Figures(folder).count, token="")
    assert (await _get(metrics, headers, client=client))[0] == 403


async def test_with_a_token_only_who_has_it_is_told(folder: Folder) -> None:
    metrics = Metrics(Figures(folder).count, token="s3cret")
    assert (await _get(metrics, LOCAL))[0] == 401
    wrong = [*LOCAL, (b"authorization", b"Bearer other")]
    assert (await _get(metrics, wrong))[0] == 401
    right = [(b"authorization", b"Bearer s3cret")]
    assert (await _get(metrics, right, client="203.0.113.7"))[0] == 200

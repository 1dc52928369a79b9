"""No address and no user agent is in any byte that visits leave behind."""

import asyncio
import gc
from pathlib import Path

import pytest
import structlog

from menting.visits.imports import load
from menting.visits.spool import Spool
from menting.workers import roller
from tests.visits.conftest import FIREFOX, GARDEN, HOUSE_ZONE, Caller

ADDRESS = "198.51.100.77"
AGENT = FIREFOX.replace("128", "127.0.317")
SECRETS = (ADDRESS.encode(), AGENT.encode(), b"127.0.317", bytes([198, 51, 100, 77]))


async def test_no_address_and_no_user_agent_is_kept_or_logged(
    caller: Caller, spool: Spool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caller.peer = ADDRESS
    with structlog.testing.capture_logs() as logged:
        for body in (b"{", b'{"space": "garden", "path": "/a"}', b'{"space": 5}'):
            await caller.request("POST", "/v", body=body, headers={"user-agent": AGENT})
        await caller.door.record(
            vid=1,
            space_slug="garden",
            path="/",
            headers=[(b"user-agent", AGENT.encode())],
            client=(ADDRESS, 1),
        )
        before = everything(tmp_path)
        rolling = roller.Roller(tmp_path / "visits.db", tmp_path / "spool", spool)
        assert rolling.roll_rows() == rolling.roll_tops() == 2
        rolling.close()
    for content in (
        before,
        everything(tmp_path),
        repr(logged).encode(),
        caplog.text.encode(),
    ):
        for secret in SECRETS:
            assert secret not in content


def test_an_import_leaves_no_address_and_no_user_agent(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text(
        f"{ADDRESS} - frank [02/Mar/2011:10:00:00 +0100] "
        f'"GET / HTTP/1.1" 200 1 "-" "{AGENT}"\n'
        "damaged\n"
    )
    loaded = load.load(
        log,
        store=tmp_path / "visits.db",
        space=GARDEN,
        house_zone=HOUSE_ZONE,
        form="combined",
    )
    assert (loaded.rows, loaded.rejected) == (1, 1)
    log.unlink()
    for secret in (*SECRETS, b"frank"):
        assert secret not in everything(tmp_path)


def everything(folder: Path) -> bytes:
    """Return every byte of every file below a folder."""
    gc.collect()
    return b"\0".join(
        path.name.encode() + path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    )


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")

    async def put() -> None:
        await spool.put(ADDRESS.encode())

    asyncio.run(put())
    spool.close()
    assert ADDRESS.encode() in everything(tmp_path)

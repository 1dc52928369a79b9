"""The demo's homeserver starts, stops, goes on, and says what it lacks."""

import asyncio
import sys
from pathlib import Path

import aiohttp
import pytest

from menting.cli.demo.homeserver import Homeserver, HomeserverError


def test_a_missing_synapse_is_named_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MENTING_SYNAPSE", str(tmp_path / "python"))
    with pytest.raises(HomeserverError, match=r"make demo.*MENTING_SYNAPSE"):
        Homeserver(tmp_path)


@pytest.mark.homeserver
async def test_accounts_outlive_a_restart(homeserver: Homeserver, tmp_path: Path) -> None:
    server = Homeserver(tmp_path / "server")
    async with server.running():
        await server.register({"lin": "林见山"})
        token = await server.token("lin")
    with pytest.raises(aiohttp.ClientConnectionError):
        await server.token("lin")
    async with server.running(), aiohttp.ClientSession() as http:
        headers = {"Authorization": f"Bearer {token}"}
        address = f"{server.url}/_matrix/client/v3/account/whoami"
        async with http.get(address, headers=headers) as answer:
            assert (await answer.json())["user_id"] == server.handle("lin")


@pytest.mark.homeserver
@pytest.mark.usefixtures("homeserver")
async def test_it_ends_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    script = (
        "import asyncio, pathlib, sys\n"
        "from menting.cli.demo.homeserver import Homeserver\n"
        "server = Homeserver(pathlib.Path(sys.argv[1]))\n"
        "asyncio.run(server.start())\n"
        "print(server.url, flush=True)\n"
        "sys.stdin.read()\n"
    )
    pipe = asyncio.subprocess.PIPE
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", script, str(tmp_path)), stdin=pipe, stdout=pipe
    )
    assert parent.stdout
    address = (await parent.stdout.readline()).decode().strip()
    parent.kill()
    await parent.wait()
    async with asyncio.timeout(10), aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.ClientConnectionError):
            await _ask_for_ever(http, f"{address}/health")


async def _ask_for_ever(http: aiohttp.ClientSession, address: str) -> None:
    while True:
        async with http.get(address):
            await asyncio.sleep(0.1)


@pytest.mark.homeserver
async def test_a_server_that_cannot_start_says_why(
    homeserver: Homeserver, tmp_path: Path
) -> None:
    server = Homeserver(tmp_path)
    server.port = homeserver.port
    (tmp_path / "signing.key").write_text("no key")
    with pytest.raises(HomeserverError, match=r"did not start: .*key"):
        await server.start()


@pytest.mark.homeserver
async def test_the_same_account_twice_is_refused(homeserver: Homeserver) -> None:
    await homeserver.register({"twice": "Once"})
    with pytest.raises(ExceptionGroup) as refused:
        await homeserver.register({"twice": "Again"})
    assert refused.group_contains(HomeserverError, match="taken")

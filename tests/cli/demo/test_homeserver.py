"""The demo's homeserver starts, stops, goes on, and says what it lacks."""

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

"""The fake Mastodon server against Mastodon.py, which shares no code with the program."""

import asyncio
import json
from typing import Any

import pytest

from tests.fakes import sdk
from tests.fakes.mastodon import FakeMastodon

SDK = ("Mastodon.py==2.3.3",)
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154"
    "08d763f8ffff3f0005fe02fea7d605e50000000049454e44ae426082"
)

WRITES = """
import json, sys, mastodon
url, token, picture = sys.argv[1], sys.argv[2], bytes.fromhex(sys.argv[3])
stranger = mastodon.Mastodon(access_token="no", api_base_url=url)
api = mastodon.Mastodon(access_token=token, api_base_url=url, ratelimit_method="throw")
me = api.account_verify_credentials()
post = api.status_post("周日开门", visibility="public", idempotency_key="k1")
again = api.status_post("周日开门", visibility="public", idempotency_key="k1")
media = api.media_post(picture, "image/png", description="the shop", synchronous=True)
said = api.status_post("@lin@elsewhere.example hi", visibility="direct", media_ids=[media])
errors = []
for call in (
    lambda: api.status_post("x" * 501),
    lambda: api.status_delete("7"),
    stranger.account_verify_credentials,
):
    try:
        call()
    except mastodon.MastodonAPIError as error:
        errors.append(type(error).__name__)
own = api.account_statuses(me.id)
api.status_delete(said.id)
print(json.dumps({
    "me": [me.username, me.display_name],
    "same": post.id == again.id,
    "described": media.description,
    "attached": said.media_attachments[0].id == media.id,
    "named": [named.acct for named in said.mentions],
    "own": [str(status.id) for status in own] == [str(said.id), str(post.id)],
    "limit": api.instance_v2().configuration.statuses.max_characters,
    "left": api.ratelimit_remaining,
    "errors": errors,
}))
"""

READS = """
import json, sys, mastodon
api = mastodon.Mastodon(access_token=sys.argv[2], api_base_url=sys.argv[1])
first = api.notifications(min_id="0", limit=2)
second = api.fetch_previous(first)
newest = api.notifications(since_id="0", limit=2)
print(json.dumps({
    "pages": [[note.type for note in page] for page in (first, second, newest)],
    "said": [note.status.content for note in first if note.type == "mention"],
    "by": [note.account.acct for note in first],
}))
"""

SPENDS = """
import sys, mastodon
api = mastodon.Mastodon(
    access_token=sys.argv[2], api_base_url=sys.argv[1], ratelimit_method="throw"
)
try:
    for _ in range(9):
        api.account_verify_credentials()
except mastodon.MastodonRatelimitError:
    print(api.ratelimit_limit)
"""


async def _run(script: str, *given: str) -> str:
    def _started() -> str:
        return sdk.run(sdk.python(*SDK), script, *given)

    return await asyncio.to_thread(_started)


async def _told(script: str, *given: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(await _run(script, *given))
    return told


@pytest.mark.parametrize("processing", [0, 2])
async def test_an_independent_client_writes_and_is_refused(processing: int) -> None:
    async with FakeMastodon().running() as server:
        server.processing = processing
        shop = server.add("shop", "Shop")
        server.add("lin@elsewhere.example", "Lin")
        told = await _told(WRITES, server.url, shop.token, PNG.hex())
    left = told.pop("left")
    assert 250 < left < 300
    assert told == {
        "me": ["shop", "Shop"],
        "same": True,
        "described": "the shop",
        "attached": True,
        "named": ["lin@elsewhere.example"],
        "own": True,
        "limit": 500,
        "errors": [
            "MastodonAPIError",
            "MastodonNotFoundError",
            "MastodonUnauthorizedError",
        ],
    }


async def test_an_independent_client_pages_through_notifications() -> None:
    async with FakeMastodon().running() as server:
        shop, lin = server.add("shop", "Shop"), server.add("lin@else.example", "Lin")
        await server.follow(lin, shop)
        await server.mention(lin, shop, "one & two")
        await server.follow(lin, shop, "follow_request")
        told = await _told(READS, server.url, shop.token)
    # Each page is newest first, as Mastodon's are.
    assert told["pages"] == [
        ["mention", "follow"],
        ["follow_request"],
        ["follow_request", "mention"],
    ]
    assert told["by"] == ["lin@else.example"] * 2
    assert "one &amp; two" in told["said"][0]


async def test_an_independent_client_runs_into_the_limit() -> None:
    async with FakeMastodon(calls=5).running() as server:
        shop = server.add("shop", "Shop")
        assert (await _run(SPENDS, server.url, shop.token)).strip() == "5"

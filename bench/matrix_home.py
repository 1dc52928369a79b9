"""A homeserver that costs nothing: sign-in, profile and sync for bench/matrix.py."""

import asyncio
import sys

from aiohttp import web

from bench.matrix_used import allow_sockets


async def _serve() -> None:
    allow_sockets()
    app = web.Application()
    root = "/_matrix/client/v3"
    app.router.add_post(f"{root}/login", _login)
    app.router.add_get(root + "/profile/{user}", _profile)
    app.router.add_get(f"{root}/sync", _sync)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=4096)
    await site.start()
    [address] = runner.addresses
    sys.stdout.write(f"{address[1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()  # until it is killed


async def _login(request: web.Request) -> web.Response:
    told = await request.json()
    user = told["identifier"]["user"]
    return web.json_response(
        {
            "user_id": user,
            "access_token": f"syt_{user}_0123456789abcdef",
            "refresh_token": f"syr_{user}_0123456789abcdef",
            "device_id": "ABCDEFGHIJ",
            "expires_in_ms": 300_000_000,
        }
    )


async def _profile(_request: web.Request) -> web.Response:
    return web.json_response({"displayname": "Shop"})


async def _sync(request: web.Request) -> web.Response:
    since = request.query.get("since", "")
    if since:
        await asyncio.sleep(int(request.query["timeout"]) / 1000)
    # As Synapse answers an account without rooms.
    return web.json_response(
        {
            "next_batch": f"s{len(since) + 1}_0_0_0_1_1_1_1_0_1_1",
            "device_one_time_keys_count": {"signed_curve25519": 0},
            "device_unused_fallback_key_types": [],
        }
    )


if __name__ == "__main__":
    asyncio.run(_serve())

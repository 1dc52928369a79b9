"""Many accounts of one channel at once, in one process."""

import asyncio

from menting.channels import base
from tests.contract.rig import AbleRig as Rig
from tests.contract.rig import Heard, Vault

AT_ONCE = 16
#: Synapse takes 11 ms of its CPU for a first sync.
PATIENCE_SECONDS = 90.0


async def test_many_accounts_sign_in_listen_and_hear_what_is_theirs(rig: Rig) -> None:
    gate = asyncio.Semaphore(AT_ONCE)

    async def _open() -> tuple[base.Account, base.Session]:
        async with gate:
            account = await rig.account()
            return account, await rig.channel.open(account, Vault().keep)

    opened = await asyncio.gather(*(_open() for _ in range(rig.most)))
    heard = [Heard() for _ in opened]
    listening = [
        asyncio.create_task(session.listen(one.deliver, b""))
        for (_, session), one in zip(opened, heard, strict=True)
    ]
    try:
        await asyncio.gather(*(one.first_place(PATIENCE_SECONDS) for one in heard))
        for number in (0, rig.most // 2, rig.most - 1):
            human = await rig.human()
            await human.greet(opened[number][0], f"to number {number}")
            assert await heard[number].texts(1) == [f"to number {number}"]
        assert sum(bool(one.events) for one in heard) <= 3
        assert not any(task.done() for task in listening)
    finally:
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)
        await asyncio.gather(*(session.close() for _, session in opened))

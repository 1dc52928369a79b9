"""The people on XMPP and by mail tell once from twice and from what nobody asked for."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from menting.cli.demo import crowd
from menting.cli.demo.mailhost import Mailhost
from menting.cli.demo.people import cast
from menting.cli.demo.prosody import Prosody
from tests.servers.correspondent import Correspondent, text_of
from tests.servers.jabber import Person

MARKER = "winter reading"
NOTICE = "May we write?"
Write = Callable[[str, str], Awaitable[object]]


async def _play(
    script: str, told: dict[str, Any], write: Write, read: Callable[[], Awaitable[str]]
) -> dict[str, Any]:
    """Let three come, write to one of the two that agreed twice, and to the third once.

    The notice waits for them at the server, so that the shop need not listen.
    """
    people = [user for user, *_ in told["people"]]
    for user in people:
        await write(user, NOTICE)
    told |= {"marker": MARKER, "seed": 5}
    async with crowd.gathered(script, told, lambda _: None) as three:
        wrote = await three.order({"do": "write"})
        assert (wrote["wrote"], wrote["agreed"], wrote["withdrew"]) == (3, 2, 0)
        refused = await read()
        first, second = (user for user in people if user != refused)
        for user in (first, second, second, refused):
            await write(user, f"{MARKER}: at seven")
        return await three.order({"do": "report", "expected": 4})


def _refuser(answers: dict[str, str]) -> str:
    [refuser] = [who for who, text in answers.items() if text not in cast.AGREEMENTS]
    return refuser


@pytest.mark.prosody
async def test_people_on_xmpp_count_what_came(prosody: Prosody) -> None:
    names = ["three1", "three2", "three3"]
    prosody.register("threeshop", *names)
    shop = Person(prosody, "threeshop")
    await shop.sign_in()

    async def _read() -> str:
        async with asyncio.timeout(10):
            while len([item for item in shop.heard if item[0] == "message"]) < 6:
                await shop.sync()
        # The greeting comes first, the answer last.
        heard = {who: text for kind, who, text in shop.heard if kind == "message"}
        return _refuser(heard)

    told = {
        "port": prosody.ports.client,
        "people": [(prosody.handle(n), prosody.password(n), n.title()) for n in names],
        "shops": [shop.id],
        "wall": shop.id,
    }
    # For followers alone, and none of these follows: nobody can read it.
    await shop.publish("post1", f"{MARKER}, in the shop")
    try:
        got = await _play("menting.cli.demo.people.xmpp", told, shop.say, _read)
    finally:
        await shop.sign_out()
    assert _counted(got) == (1, 1, 1, 0)


@pytest.mark.mailhost
async def test_people_by_mail_count_what_came(mailhost: Mailhost) -> None:
    shop = Correspondent(mailhost, "threeshop@shop.test", name="Shop")
    users = [f"three{n}@people.test" for n in (1, 2, 3)]

    async def _read() -> str:
        last = {user: (await shop.mails_of(user))[-1] for user in users}
        # What is quoted stands below.
        return _refuser({who: text_of(mail).split("\n")[0] for who, mail in last.items()})

    told = {
        "smtp_port": mailhost.smtp_port,
        "imap_port": mailhost.imap_port,
        "people": [(user, mailhost.add(user), "Ann") for user in users],
        "shops": [shop.id],
        "wall": "",
    }
    got = await _play("menting.cli.demo.people.mail", told, shop.write, _read)
    assert _counted(got) == (1, 1, 1, 0)


def _counted(got: dict[str, Any]) -> tuple[int, ...]:
    keys = ("received_once", "received_twice", "received_unasked", "wall_posts")
    return tuple(got[key] for key in keys)

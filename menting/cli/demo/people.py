"""Play the people of the demo: write to the shops, agree or not, and count what comes.

Run as a script; shares no code with the product. The first line of standard input is the
cast (`homeserver`, `people` as pairs of user and password, `shops`, `wall`, `marker`,
`seed`); each later one is an order: `{"do": "write" | "withdraw_late" | "report"}`. Each
order ends with a line `{"done": ...}`; lines `{"progress": ...}` come before.
"""

import asyncio
import contextlib
import itertools
import json
import random
import sys
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

#: Synapse makes 8 to 10 rooms a second, however many are asked for at once.
AT_ONCE = 12
POLL_SECONDS = 30
ANSWER_SECONDS = 180.0
#: After the last message that was awaited, a second copy would come within this.
SETTLE_SECONDS = 3.0
REPORT_SECONDS = 120.0

GREETINGS = (
    "你好，请问周末几点开门？",
    "Hello, do you still have the winter catalogue?",
    "老板在吗？想订一本书。",
    "Hi! Is there a reading on Friday?",
    "请问可以寄到外地吗？",
)
#: A word of agreement before anybody asked is none.
EARLY_WORDS = ("同意", "yes")
AGREEMENTS = ("订阅", "subscribe", "同意", "yes", "Subscribe", "YES")
#: The last two say nothing.
REFUSALS = ("maybe later", "no", "不同意", "do I have to subscribe?", "先不订阅了", "", "")
WITHDRAWALS = ("退订", "TD", "td", "ＴＤ", "stop", "STOP", "ｓｔｏｐ", "unsubscribe")
NOTHING: dict[str, list[str]] = {"types": []}
FILTER = {
    "presence": NOTHING,
    "account_data": NOTHING,
    "room": {
        **dict.fromkeys(("account_data", "ephemeral", "state"), NOTHING),
        "timeline": {"types": ["m.room.message"], "limit": 100},
    },
}


class TroubleError(Exception):
    """The homeserver did not do what a person asked of it."""


@dataclass(slots=True)
class Person:
    """One of the people, what they will do, and what they got."""

    user: str
    password: str
    shop: str
    greeting: str
    answer: str = ""
    agrees: bool = False
    withdraws: str = ""
    is_late: bool = False
    token: str = ""
    room: str = ""
    since: str = ""
    noticed: asyncio.Event = field(default_factory=asyncio.Event)
    #: Event id -> sender, of the messages with the marker.
    marked: dict[str, str] = field(default_factory=dict)
    invited: int = 0

    @property
    def may_be_written_to(self) -> bool:
        """Say whether the person agreed and did not take it back."""
        return self.agrees and not self.withdraws


def cast(
    people: list[tuple[str, str]], shops: list[str], dice: random.Random
) -> list[Person]:
    """Give each person a shop in turn and, by the dice, what they will do.

    Of 240 people 150 agree; of those 9 opt out before the campaign is planned and 3 after.
    """
    turns = zip(people, itertools.cycle(shops), strict=False)
    all_ = [Person(*login, shop, dice.choice(GREETINGS)) for login, shop in turns]
    agreed, early, late = shares(len(all_))
    order = dice.sample(all_, len(all_))
    for number, person in enumerate(order[:agreed]):
        person.agrees, person.answer = True, AGREEMENTS[number % len(AGREEMENTS)]
    for number, person in enumerate(order[: early + late]):
        person.withdraws = WITHDRAWALS[number % len(WITHDRAWALS)]
        person.is_late = number >= early
    for number, person in enumerate(order[agreed:]):
        person.answer = REFUSALS[number % len(REFUSALS)]
    for person, word in zip(order[agreed:], EARLY_WORDS, strict=False):
        person.greeting = word
    return all_


def shares(people: int) -> tuple[int, int, int]:
    """Return how many agree, opt out before planning, and opt out after it."""
    agreed = min(people, max(1, round(people * 150 / 240)))
    if agreed < 3:
        return agreed, 0, 0
    return agreed, max(1, round(people * 9 / 240)), max(1, round(people * 3 / 240))


class Crowd:
    """All people on one homeserver."""

    def __init__(self, told: dict[str, Any], http: aiohttp.ClientSession) -> None:
        self._root = f"{told['homeserver']}/_matrix/client/v3"
        self._http = http
        self._marker, self._wall = told["marker"], told["wall"]
        dice = random.Random(told["seed"])  # noqa: S311  # repeatable, nothing secret
        self._people = cast([(u, p) for u, p in told["people"]], told["shops"], dice)
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._keys = itertools.count(1)
        self._listening: list[asyncio.Task[None]] = []
        self._wall_room = ""
        self._posts: set[str] = set()
        self._marked_at = 0.0

    async def obey(self, orders: asyncio.StreamReader) -> None:
        """Do each order in turn, while everybody who has come goes on listening."""
        async with asyncio.TaskGroup() as self._listeners:
            while line := await orders.readline():
                order = json.loads(line)
                act = {"write": self.write, "withdraw_late": self.withdraw_late}.get(
                    order["do"]
                )
                done = await (act() if act else self.report(order.get("expected", 0)))
                tell({"done": order["do"], **done})
            for task in self._listening:
                task.cancel()

    async def write(self) -> dict[str, Any]:
        """Everybody greets their shop, reads its notice, and answers it or does not."""
        done = itertools.count(1)
        total = len(self._people)

        async def _one(person: Person) -> None:
            # One after the other all the way, or nobody greets before all have rooms.
            async with self._gate:
                await self._come(person)
            self._listening.append(self._listeners.create_task(self._listen(person)))
            progress(next(done), total, "wrote")
            await self._answer(person)

        async with asyncio.TaskGroup() as group:
            for person in self._people:
                group.create_task(_one(person))
        return {
            "wrote": total,
            "agreed": sum(person.agrees for person in self._people),
            "withdrew": sum(bool(p.withdraws) and not p.is_late for p in self._people),
        }

    async def withdraw_late(self) -> dict[str, Any]:
        """Let some opt out between planning and sending."""
        late = [person for person in self._people if person.is_late]
        async with asyncio.TaskGroup() as group:
            for person in late:
                group.create_task(self._say(person, person.withdraws))
        return {"withdrew": len(late)}

    async def report(self, expected: int) -> dict[str, Any]:
        """Wait for as many marked messages as are expected, and then for second copies."""
        loop = asyncio.get_running_loop()
        until = loop.time() + REPORT_SECONDS
        while loop.time() < until:
            settled = loop.time() > self._marked_at + SETTLE_SECONDS
            if settled and sum(len(p.marked) for p in self._people) >= expected:
                break
            await asyncio.sleep(0.2)
        got = [person for person in self._people if person.marked]
        unasked = [person for person in self._people if was_unasked(person)]
        return {
            "received_once": sum(len(p.marked) == 1 and not was_unasked(p) for p in got),
            "received_twice": sum(len(person.marked) > 1 for person in got),
            "received_unasked": len(unasked),
            "wall_posts": len(self._posts),
            "received": {p.user: list(p.marked.values()) for p in got},
        }

    async def _come(self, person: Person) -> None:
        """Sign in, open a direct room with the shop, and greet it before it has joined."""
        body = {
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": person.user},
            "password": person.password,
        }
        person.token = (await self._call(person, "POST", "/login", body))["access_token"]
        # The wall has one reader: with all of them there, each joining would wake all.
        if self._wall and person is self._people[0]:
            wall = await self._call(person, "POST", f"/join/{quote(self._wall)}", {})
            self._wall_room = wall["room_id"]
        room = {"preset": "private_chat", "is_direct": True, "invite": [person.shop]}
        person.room = (await self._call(person, "POST", "/createRoom", room))["room_id"]
        await self._say(person, person.greeting)
        await self._sync(person, wait=0)

    async def _answer(self, person: Person) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(person.noticed.wait(), ANSWER_SECONDS)
        if not person.noticed.is_set():
            raise TroubleError(f"{person.shop} never answered {person.user}")
        if person.answer:
            await self._say(person, person.answer)
        if person.withdraws and not person.is_late:
            await self._say(person, person.withdraws)

    async def _listen(self, person: Person) -> None:
        while True:
            try:
                await self._sync(person, wait=POLL_SECONDS)
            except (aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(1)  # the same place is asked for again

    async def _sync(self, person: Person, *, wait: int) -> None:
        query = {"filter": json.dumps(FILTER), "timeout": str(wait * 1000)}
        if person.since:
            query["since"] = person.since
        told = await self._call(person, "GET", "/sync", query=query)
        rooms = told.get("rooms", {})
        person.invited += len(rooms.get("invite", {}))
        for room, news in rooms.get("join", {}).items():
            timeline = news.get("timeline", {})
            if timeline.get("limited") and person.since:
                raise TroubleError(f"{person.user} missed messages: nothing can be counted")
            for event in timeline.get("events", []):
                self._read(person, room, event)
        person.since = told["next_batch"]

    def _read(self, person: Person, room: str, event: dict[str, Any]) -> None:
        text = event.get("content", {}).get("body", "")
        own = event["sender"].startswith(f"@{person.user}:")
        if own or event["type"] != "m.room.message":
            return
        if room == self._wall_room:
            self._posts |= {event["event_id"]} if self._marker in text else set()
        elif self._marker in text:
            person.marked[event["event_id"]] = event["sender"]
            self._marked_at = asyncio.get_running_loop().time()
        else:
            person.noticed.set()

    async def _say(self, person: Person, text: str) -> None:
        key = f"{person.user}-{next(self._keys)}"
        path = f"/rooms/{quote(person.room)}/send/m.room.message/{key}"
        await self._call(person, "PUT", path, {"msgtype": "m.text", "body": text})

    async def _call(
        self,
        person: Person,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        query: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {person.token}"} if person.token else {}
        url = URL(self._root + path, encoded=True).with_query(query)
        async with self._http.request(method, url, json=body, headers=headers) as answer:
            told: dict[str, Any] = await answer.json()
        if answer.status != 200:
            raise TroubleError(f"{method} {path}: {answer.status} {told.get('errcode')}")
        return told


def was_unasked(person: Person) -> bool:
    """Say whether something came that this person never agreed to, or took back."""
    strangers = set(person.marked.values()) - {person.shop}
    return bool(strangers or person.invited) or bool(
        person.marked and not person.may_be_written_to
    )


def progress(done: int, total: int, what: str) -> None:
    """Tell the parent, ten times in all."""
    if done == total or done % max(1, total // 10) == 0:
        tell({"progress": f"{done} of {total} people {what}"})


def tell(what: dict[str, Any]) -> None:
    """Print one line for the parent."""
    sys.stdout.write(json.dumps(what, ensure_ascii=False) + "\n")
    sys.stdout.flush()


async def main() -> int:
    """Do what the parent orders until it closes the pipe; return the exit status."""
    orders = asyncio.StreamReader(limit=2**24)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    told = json.loads(await orders.readline())
    try:
        async with aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=120),
            connector=aiohttp.TCPConnector(limit=0),
        ) as http:
            await Crowd(told, http).obey(orders)
    except ExceptionGroup as group:
        tell({"error": repr(group.exceptions[0])})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))

"""Webhooks of a channel that signs with a plain word, as the program answers them."""

import asyncio
import json
from collections.abc import Iterator, MutableMapping
from typing import Any, NamedTuple

import pytest
from pydantic import BaseModel, SecretStr
from typing_extensions import override

from menting.accounts import vault
from menting.accounts.models import Account
from menting.base import clock, pace
from menting.channels import base
from menting.channels.base import Event, EventType, Peer, Profile
from menting.channels.hook import MOST_BYTES, ForgedError, Hook, HookAnswer, MalformedError
from menting.people import hooked
from menting.people.models import HookEvent, Message
from menting.server.hooks import Hooks
from menting.workers import bridge

pytestmark = pytest.mark.django_db(transaction=True)


class Columns(BaseModel):
    word: SecretStr


class Signing(base.Channel):
    """A platform whose webhook says the account in its path and the word in a header."""

    name = "matrix"
    caps = base.Cap.TEXT
    secret_model = Columns
    handle_example = "shop"
    rate = pace.UNLIMITED
    keys = base.Keys()

    @override
    async def open(self, account: base.Account, keep: base.Keep) -> base.Session:
        raise base.Unsupported("no session is wanted here")

    @override
    async def aclose(self) -> None:
        """Do nothing: there is no connection."""

    @override
    def addressee(self, hook: Hook) -> str:
        if not hook.path:
            raise MalformedError("the path names no account")
        return hook.path

    @override
    def take_hook(self, hook: Hook, account: base.Account) -> HookAnswer:
        if hook.headers.get("x-word") != account.secret["word"]:
            raise ForgedError("another word")
        try:
            said = json.loads(hook.body)
            person = Profile(said["who"])
            event = Event(
                said["id"], EventType.MESSAGE, Peer("r"), person, hook.at, said["text"]
            )
        except (ValueError, KeyError, TypeError):
            raise MalformedError("not the documented form") from None
        return HookAnswer(
            200, b"ok", events={account.handle: (event,), "stranger": (event,)}
        )


class Answered(NamedTuple):
    status: int
    body: bytes


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    yield
    bridge.close()


@pytest.fixture
def shop() -> Account:
    row = Account.objects.create(channel="matrix", handle="shop", since=clock.now())
    row.sealed = vault.seal(row, {"word": "open"})
    row.save(update_fields=["sealed"])
    return row


@pytest.fixture
def hooks() -> Hooks:
    return Hooks(lambda _: Signing())


async def _call(
    hooks: Hooks, body: bytes, *, path: str = "/hooks/matrix/shop", word: str = "open"
) -> Answered:
    sent: list[MutableMapping[str, Any]] = []
    parts = [body[i : i + 65_536] for i in range(0, len(body), 65_536)] or [b""]

    async def receive() -> MutableMapping[str, Any]:
        part = parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"X-Word", word.encode())]
    scope = {"type": "http", "method": "POST", "path": path, "headers": headers}
    await hooks(scope, receive, send)
    return Answered(sent[0]["status"], sent[1]["body"])


def _said(text: str = "hello", *, id_: str = "e1") -> bytes:
    return json.dumps({"id": id_, "who": "lin", "text": text}).encode()


def _texts() -> list[str]:
    return list(Message.objects.order_by("pk").values_list("text", flat=True))


async def _stored() -> list[str]:
    return await bridge.call(_texts)


async def test_what_a_platform_tells_is_stored_before_it_hears_yes(
    shop: Account, hooks: Hooks
) -> None:
    assert await _call(hooks, _said()) == (200, b"ok")
    assert await _stored() == ["hello"]


async def test_the_same_event_again_and_at_once_is_stored_once(
    shop: Account, hooks: Hooks
) -> None:
    answers = await asyncio.gather(*(_call(hooks, _said()) for _ in range(8)))
    assert {answer.status for answer in answers} == {200}
    assert await _call(hooks, _said("later", id_="e2")) == (200, b"ok")
    assert await _stored() == ["hello", "later"]


async def test_a_forged_request_is_refused_and_its_body_is_not_parsed(
    shop: Account, hooks: Hooks
) -> None:
    assert (await _call(hooks, b"{", word="guess")).status == 401
    assert await _stored() == []


async def test_a_malformed_body_is_one_clear_error(shop: Account, hooks: Hooks) -> None:
    assert await _call(hooks, b"{") == (400, b"not the documented form")
    assert await _call(hooks, b"[1]") == (400, b"not the documented form")


async def test_a_body_of_a_mebibyte_is_read_and_one_byte_more_is_not(
    shop: Account, hooks: Hooks
) -> None:
    most = b" " * (MOST_BYTES - len(_said())) + _said()
    assert (await _call(hooks, most)).status == 200
    assert (await _call(hooks, b" " + most)).status == 413


@pytest.mark.parametrize("path", ["/hooks/matrix/nobody", "/hooks/matrix/"])
async def test_an_account_that_is_not_here_has_no_webhook(
    shop: Account, hooks: Hooks, path: str
) -> None:
    assert (await _call(hooks, _said(), path=path)).status in (400, 404)


async def test_an_unknown_channel_is_named_as_such() -> None:
    answer = await _call(Hooks(), _said(), path="/hooks/pigeon/shop")
    assert answer == (404, b"there is no such channel")


async def test_a_removed_account_hears_nothing_any_more(
    shop: Account, hooks: Hooks
) -> None:
    await bridge.call(lambda: Account.objects.update(removed_at=clock.now()))
    assert (await _call(hooks, _said())).status == 404


def test_old_ids_are_forgotten_and_new_ones_kept(shop: Account) -> None:
    HookEvent.objects.create(account=shop, event_id="old", at=clock.now() - hooked.KEPT)
    HookEvent.objects.create(account=shop, event_id="new", at=clock.now())
    assert hooked.forget(before=clock.now() - hooked.KEPT) == 1
    assert HookEvent.objects.get().event_id == "new"

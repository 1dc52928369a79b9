"""The shapes of the Bot API, as far as they are used."""

from typing import Any, TypeVar

import msgspec

from menting.channels import base

INSIDE = frozenset({"creator", "administrator", "member", "restricted"})


class User(msgspec.Struct, frozen=True):
    """A person, or another bot."""

    id: int
    first_name: str = ""
    last_name: str = ""
    username: str = ""
    is_bot: bool = False


class Chat(msgspec.Struct, frozen=True):
    """A conversation: private, group, supergroup or channel."""

    id: int
    type: str
    username: str = ""


class Message(msgspec.Struct, frozen=True):
    """A message; `sender_chat` speaks for a channel or for a group's nameless admin."""

    message_id: int
    date: int
    chat: Chat
    sender: User | None = msgspec.field(name="from", default=None)
    sender_chat: Any = None
    text: str = ""
    caption: str = ""


class Member(msgspec.Struct, frozen=True):
    """How somebody stands in a chat."""

    user: User
    status: str
    is_member: bool = False

    @property
    def is_inside(self) -> bool:
        """Say whether they are in; a restricted person may be out."""
        return self.is_member if self.status == "restricted" else self.status in INSIDE


class Change(msgspec.Struct, frozen=True):
    """Somebody's standing changed; `sender` did it."""

    chat: Chat
    date: int
    old: Member = msgspec.field(name="old_chat_member")
    new: Member = msgspec.field(name="new_chat_member")
    sender: User = msgspec.field(name="from")


class Request(msgspec.Struct, frozen=True):
    """Somebody asks to be let in."""

    chat: Chat
    date: int
    sender: User = msgspec.field(name="from")


class Update(msgspec.Struct, frozen=True):
    """One update; the kinds that are not asked for are left out."""

    update_id: int
    message: Message | None = None
    my_chat_member: Change | None = None
    chat_member: Change | None = None
    chat_join_request: Request | None = None


class _Sent(msgspec.Struct, frozen=True):
    message_id: int
    chat: Chat


def user(told: object) -> User:
    """Return who `getMe` or `getChat` tells of. Raises Uncertain when it is nobody."""
    return _shaped(told, User)


def sent(told: object) -> str:
    """Return the id of a message that was taken. Raises Uncertain when it has none."""
    message = _shaped(told, _Sent)
    return message_id(message.chat.id, message.message_id)


def message_id(chat: int, number: int) -> str:
    """Return a message's id: its number is unique in its chat only."""
    return f"{chat}:{number}"


T = TypeVar("T", bound=msgspec.Struct)


def _shaped(told: object, form: type[T]) -> T:
    try:
        return msgspec.convert(told, form)
    except msgspec.ValidationError as error:
        raise base.Uncertain("Telegram's answer has another form") from error

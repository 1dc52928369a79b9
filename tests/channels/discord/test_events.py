"""Whatever comes as an event."""

from hypothesis import given
from hypothesis import strategies as st

from menting.base import clock
from menting.channels.base import EventType
from menting.channels.discord import events
from tests.channels.discord.acts import GUILD

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(
            ["id", "channel_id", "author", "content", "type", "guild_id", "mentions",
             "user", "username", "joined_at"]), inner, max_size=8)
    ),
    max_leaves=30,
)  # fmt: skip
KINDS = st.sampled_from(["MESSAGE_CREATE", "GUILD_MEMBER_ADD", "GUILD_MEMBER_REMOVE", ""])


@given(KINDS, JSON)
def test_no_event_breaks_the_listener(kind: str, body: object) -> None:
    told = events.tell(kind, body, me="7", guild=GUILD)
    assert all(event.at <= clock.now() for event in told)


@given(st.text(max_size=25) | st.integers(0, 10**25).map(str))
def test_a_messages_time_is_in_its_id(snowflake: str) -> None:
    author = {"id": "8", "username": "lin"}
    body = {"id": snowflake, "channel_id": "9", "author": author, "content": "hi"}
    told = events.tell("MESSAGE_CREATE", body, me="7", guild="")
    assert [event.type for event in told] in ([], [EventType.MESSAGE])
    assert all(event.at <= clock.now() for event in told)


def test_the_example_of_the_documentation_is_read_rightly() -> None:
    author = {"id": "8", "username": "lin"}
    body = {"id": "175928847299117063", "channel_id": "9", "author": author}
    [event] = events.tell("MESSAGE_CREATE", body, me="7", guild="")
    assert event.at.isoformat(timespec="milliseconds") == "2016-04-30T11:18:25.796+00:00"
    assert event.type is EventType.UNREADABLE

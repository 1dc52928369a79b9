"""Whatever comes as an update."""

from hypothesis import given
from hypothesis import strategies as st

from menting.base import clock
from menting.channels.telegram import updates

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(
            ["update_id", "message", "chat", "from", "id", "date", "type", "text",
             "message_id", "my_chat_member", "old_chat_member", "new_chat_member",
             "status", "user"]), inner, max_size=6)
    ),
    max_leaves=30,
)  # fmt: skip


@given(JSON)
def test_no_update_breaks_the_listener(raw: object) -> None:
    events = updates.tell(raw, places=frozenset({"-1001"}))
    assert all(event.at <= clock.now() for event in events)
    assert updates.number(raw) >= -1 or isinstance(raw, dict)

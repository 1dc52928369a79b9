"""A public room as an account's wall: only its own, and only where anybody may read."""

from menting.channels import base
from menting.channels.matrix.wire import Caller, segment

#: Matrix gives moderators 50 and a room's maker 100 of 100.
MODERATOR = 50


class Wall:
    """The room named as the account's wall, looked at before the first post."""

    def __init__(self, login: Caller, address: str) -> None:
        self._login, self._address = login, address
        self._room = ""

    async def room(self, asked: str) -> str:
        """Return the wall's room id.

        Raises Unsupported when `asked` is not this account's wall, and Refused when the
        room is not public or not the account's own.
        """
        if not self._address or asked != self._address:
            raise base.Unsupported("this is not the account's wall")
        if not self._room:
            self._room = await self._enter()
        return self._room

    async def _enter(self) -> str:
        told = await self._login.call("POST", f"/v3/join/{segment(self._address)}", body={})
        state = f"/v3/rooms/{segment(str(told['room_id']))}/state"
        rules = await self._login.call("GET", f"{state}/m.room.join_rules")
        if rules.get("join_rule") != "public":
            raise base.Refused("a wall must be a public room")
        if not (await self._moderates(state) or await self._made(state)):
            raise base.Refused("a wall must be a room that the account made or moderates")
        return str(told["room_id"])

    async def _moderates(self, state: str) -> bool:
        levels = await self._login.call("GET", f"{state}/m.room.power_levels")
        users = levels.get("users")
        level = users.get(self._login.user, 0) if isinstance(users, dict) else 0
        return isinstance(level, int) and level >= MODERATOR

    async def _made(self, state: str) -> bool:
        """Since room version 12 its maker is in no list of levels."""
        create = await self._login.call(
            "GET", f"{state}/m.room.create", query={"format": "event"}
        )
        return create.get("sender") == self._login.user

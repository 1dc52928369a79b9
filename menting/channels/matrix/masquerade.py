"""An account of an application service: no sign-in of its own, the service acts as it."""

from typing import Any

from menting.channels import base
from menting.channels.http import proven_not_sent
from menting.channels.matrix.wire import TokenRefusedError, Wire, segment


class Masquerade:
    """Calls by the service's token, "as" one account (Application Service API)."""

    def __init__(self, wire: Wire, account: base.Account, token: str) -> None:
        self._wire, self._token = wire, token
        self._name = account.name
        self._user = account.handle

    @property
    def user(self) -> str:
        """Return the full Matrix id, `@name:server`."""
        return self._user

    async def sign_in(self) -> None:
        """See that the account is there; one of the service's own namespace is made.

        Raises AuthFailed, Throttled or Unreachable.
        """
        with proven_not_sent():
            try:
                await self.beat()
            except base.Refused as error:
                if not error.permanent:
                    raise base.Unreachable(str(error)) from error
                await self._register()

    async def beat(self) -> None:
        """Ask whether the homeserver is there and knows the account. Raises as `call`."""
        await self.call("GET", "/v3/account/whoami")

    async def call(self, method: str, path: str, **rest: Any) -> dict[str, Any]:
        """Call the homeserver as this account."""
        query = {**(rest.pop("query", None) or {}), "user_id": self.user}
        try:
            return await self._wire.call(
                method, path, token=self._token, query=query, **rest
            )
        except TokenRefusedError as error:
            raise base.AuthFailed(
                f"the service's token is not accepted: {error}"
            ) from error

    async def _register(self) -> None:
        name = self.user[1:].partition(":")[0]
        body = {
            "type": "m.login.application_service",
            "username": name,
            "inhibit_login": True,
        }
        try:
            told = await self._wire.call(
                "POST", "/v3/register", token=self._token, body=body
            )
        except base.Refused as error:
            raise base.AuthFailed(f"not an account of this service: {error}") from error
        except TokenRefusedError as error:
            raise base.AuthFailed(
                f"the service's token is not accepted: {error}"
            ) from error
        if told.get("user_id") != self.user:
            raise base.AuthFailed("the service belongs to another homeserver")
        if self._name:
            path = f"/v3/profile/{segment(self.user)}/displayname"
            await self.call("PUT", path, body={"displayname": self._name})

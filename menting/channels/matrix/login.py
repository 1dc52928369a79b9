"""Sign an account in, and keep its token good for as long as the session lives."""

import asyncio
from collections.abc import Mapping
from typing import Any

from menting.channels import base
from menting.channels.http import proven_not_sent
from menting.channels.matrix.wire import TokenRefusedError, Wire

DEVICE_NAME = "Menting"


class Login:
    """An account's token at its homeserver, made new when the server no longer takes it."""

    def __init__(self, wire: Wire, account: base.Account, keep: base.Keep) -> None:
        self._wire, self._keep = wire, keep
        self._secret = dict(account.secret)
        self._renewing = asyncio.Lock()
        #: The full Matrix id, `@name:server`.
        self.user = account.handle

    async def sign_in(self) -> None:
        """Use the kept token, else refresh it, else the password.

        The device stays the same, since the server tells retries of a message by it.
        Raises AuthFailed, Throttled or Unreachable.
        """
        with proven_not_sent():
            if not self._secret.get("token"):
                await self._renew("")
                return
            try:
                told = await self.call("GET", "/v3/account/whoami")
            except base.Refused as error:
                raise _not_signed_in(error) from error
            await self._settle(told)

    async def call(self, method: str, path: str, **rest: Any) -> dict[str, Any]:
        """Call the homeserver as this account; an expired token is renewed once."""
        token = self._secret.get("token", "")
        try:
            return await self._wire.call(method, path, token=token, **rest)
        except TokenRefusedError:
            with proven_not_sent():
                await self._renew(token)
        try:
            return await self._wire.call(method, path, token=self._secret["token"], **rest)
        except TokenRefusedError as error:
            raise base.AuthFailed(
                f"the server refuses its own new token: {error}"
            ) from error

    async def _renew(self, refused: str) -> None:
        # Long poll and sender meet a 401 at the same time; only the first may spend the
        # refresh token, which is good for one use.
        async with self._renewing:
            if self._secret.get("token", "") != refused:
                return
            if not (self._secret.get("refresh_token") and await self._refresh()):
                await self._use_password()

    async def _refresh(self) -> bool:
        body = {"refresh_token": self._secret["refresh_token"]}
        try:
            told = await self._wire.call("POST", "/v3/refresh", body=body)
        except (TokenRefusedError, base.Refused):
            return False
        await self._settle({"refresh_token": body["refresh_token"], **told})
        return True

    async def _use_password(self) -> None:
        if not self._secret.get("password"):
            raise base.AuthFailed("the token is not accepted, and there is no password")
        body = {
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": self.user},
            "password": self._secret["password"],
            "refresh_token": True,
            "initial_device_display_name": DEVICE_NAME,
        }
        if device := self._secret.get("device_id"):
            body["device_id"] = device
        try:
            told = await self._wire.call("POST", "/v3/login", body=body)
        except (TokenRefusedError, base.Refused) as error:
            raise _not_signed_in(error) from error
        await self._settle({"refresh_token": "", **told})

    async def _settle(self, told: Mapping[str, Any]) -> None:
        """Keep what the server said before anything uses it."""
        if told.get("user_id", self.user) != self.user:
            raise base.AuthFailed("the secret belongs to another account")
        changed = {
            ours: str(told[theirs])
            for theirs, ours in (
                ("access_token", "token"),
                ("refresh_token", "refresh_token"),
                ("device_id", "device_id"),
            )
            if theirs in told and str(told[theirs]) != self._secret.get(ours, "")
        }
        if changed:
            await self._keep({**self._secret, **changed})
            self._secret |= changed


def _not_signed_in(error: base.ChannelError) -> base.ChannelError:
    if isinstance(error, base.Refused) and not error.permanent:
        return base.Unreachable(str(error))
    return base.AuthFailed(str(error))

"""One live mail account: a mailbox that is listened to, and an outlet that sends."""

import asyncio

from typing_extensions import override

from menting.base import clock
from menting.channels import base
from menting.channels.base import Cap
from menting.channels.mail import address, letter
from menting.channels.mail.inbox import Inbox
from menting.channels.mail.letter import Frame
from menting.channels.mail.outlet import Outlet
from menting.channels.mail.signing import Signer

CAPS = Cap.PROFILE | Cap.TEXT | Cap.IMAGE | Cap.BUTTON


class MailSession(base.Session):
    """An account that is signed in at both servers; `Mail.open` makes it."""

    def __init__(
        self,
        account: base.Account,
        *,
        inbox: Inbox,
        outlet: Outlet,
        signer: Signer | None,
    ) -> None:
        self._profile = base.Profile(account.handle, name=account.name or None)
        self._frame = Frame(account.handle, account.name)
        self._inbox, self._outlet, self._signer = inbox, outlet, signer

    @property
    @override
    def profile(self) -> base.Profile:
        return self._profile

    @property
    @override
    def caps(self) -> Cap:
        return CAPS

    @override
    async def listen(self, deliver: base.Deliver, resume: bytes) -> None:
        await self._inbox.listen(deliver, resume)

    @override
    async def fetch_profile(self, person: str) -> base.Profile:
        # Mail has no profiles: all there is is the name in the mails that came.
        return base.Profile(person, name=self._inbox.name(person))

    @override
    async def send(self, to: base.Peer, message: base.Outgoing) -> base.Receipt:
        recipient, now = address.envelope(to.id), clock.now()
        answered = self._inbox.subject(message.answers.id) if message.answers else ""
        made = self._frame.letter(to.id, message, subject=answered, at=now)
        content = await self._signed(made.content)
        await self._outlet.submit(letter.on_the_wire(content), recipient=recipient)
        return base.Receipt(made.id, clock.now())

    @override
    async def post(self, wall: base.Peer, message: base.Outgoing) -> base.Receipt:
        raise base.Unsupported("mail has no walls")

    @override
    async def close(self) -> None:
        await self._outlet.close()
        await self._inbox.close()

    async def _signed(self, content: bytes) -> bytes:
        if self._signer is None:
            return content
        return await asyncio.to_thread(self._signer.sign, content)

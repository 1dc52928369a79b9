"""`menting run`, made to stand still for ever at one step of the sender.

    python -m tests.flows.program PORT STEP MARKER

Whoever tests reads "standing" from stdout, and kills it then. The product knows nothing
of this: its sender is taken the place of by a heir that stands.
"""

import asyncio
import os
import sys

import django
from typing_extensions import override

os.environ["DJANGO_SETTINGS_MODULE"] = "menting.server.settings"
django.setup()

from menting.cli import run  # noqa: E402  # models come first
from menting.people.outbound import Outbound, Outcome  # noqa: E402
from menting.workers import sender  # noqa: E402
from menting.workers.load import Load  # noqa: E402


class StandingSender(sender.Sender):
    """Stands at `step` of a message whose text has the marker in it."""

    step = ""
    marker = ""

    @override
    async def _dispatch(self, item: Outbound, text: str) -> bool:
        await self._stand("claimed", text)
        was_good = await super()._dispatch(item, text)
        await self._stand("dispatching", text)
        return was_good

    @override
    async def _hand_over(self, one: Load, text: str) -> Outcome:
        outcome = await super()._hand_over(one, text)
        await self._stand("answered", text)
        return outcome

    @override
    async def _send(self, one: Load) -> bool:
        goes_on = await super()._send(one)
        await self._stand("settled", str(one.text))
        return goes_on

    async def _stand(self, step: str, text: str) -> None:
        if step == self.step and self.marker in text:
            sys.stdout.write("standing\n")
            sys.stdout.flush()
            await asyncio.Event().wait()


if __name__ == "__main__":
    port, StandingSender.step, StandingSender.marker = sys.argv[1:]
    sender.Sender = StandingSender  # type: ignore[misc]  # on purpose, here alone
    run.run(host=None, port=int(port))

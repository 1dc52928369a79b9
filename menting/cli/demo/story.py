"""The main job as a newcomer meets it, step by step, each checked from the far side."""

import asyncio
import csv
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from menting.base import clock
from menting.base.folder import Folder
from menting.cli.demo import history, look, visitors
from menting.cli.demo.crowd import Answers, Crowds
from menting.cli.demo.program import Program, StepFailedError
from menting.cli.demo.towns.base import Town

LEGAL_NAME = "槐下书局 Huaixia Books"
CONTACT = "desk@demo.example"
SPACE = "huaixia"
ZONE = "Asia/Shanghai"
#: Stands in the campaign's text alone, so that people can tell it from other messages.
MARKER = "夜读会 2026"
GUESTBOOKS = 3
OLD_VISITS = 50_000
#: The old history ends before the month of today's visits begins, to be counted apart.
OLD_ENOUGH = timedelta(days=32)
NEW_VISITS = 2_000
#: What the product says of its campaign, and what the people say who were to get it.
STATUS = ("planned", "accepted", "rejected", "unknown", "skipped")
RECEIVED = ("received_once", "received_twice", "received_unasked")

CAMPAIGN = """
name = "冬至读书会"
purpose = "news"
from = ["*"]
walls = [{walls}]
guestbooks = [{guestbooks}]

[content.zh-hans]
text = "{{{{ person.name }}}}，{marker} 冬至那天晚上七点，一起读《东京梦华录》。"

[content.en]
text = "{{{{ person.name }}}}, {marker}: on the winter solstice at seven we read together."

[post.zh-hans]
text = "{marker} 冬至那天晚上七点，书局里见。"

[post.en]
text = "{marker}: on the winter solstice at seven, in the shop."
"""


@dataclass(slots=True)
class Told:
    """What happened, as the JSON line of DESIGN section 2 says it."""

    accounts: dict[str, Any] = field(default_factory=dict)
    people: dict[str, Any] = field(default_factory=dict)
    campaign: dict[str, Any] = field(default_factory=dict)
    wall: dict[str, Any] = field(default_factory=dict)
    visits: dict[str, Any] = field(default_factory=dict)
    #: The same by channel, where it differs.
    channels: Answers = field(default_factory=dict)


class Story:
    """One run of the demo over the channels' towns, a program and crowds of people."""

    def __init__(
        self,
        *,
        seed: int,
        program: Program,
        towns: Sequence[Town],
        say: Callable[[str], None],
    ) -> None:
        self._seed, self._program = seed, program
        self._towns, self._say = towns, say
        self._folder = Folder(program.folder)
        self.told = Told(channels={town.channel: {} for town in towns})

    async def tell(self, crowds: Crowds) -> Told:
        """Do every step in order. Raises StepFailedError at the first that goes wrong."""
        await self._sign_in()
        await self._people_write(crowds)
        campaign = await self._plan()
        await self._people_change_their_minds(crowds)
        await self._send(campaign, crowds)
        await self._visits_of_today()
        await self._visits_of_old()
        await self._look_at_guestbook()
        return self.told

    async def _sign_in(self) -> None:
        roster = self._program.folder.parent / "roster.csv"
        _write_roster(roster, self._towns)
        await self._program.command("account", "import", str(roster))
        done = await self._program.command("account", "signin", "--all", may_fail=True)
        for failed in done["failed"]:
            self._say(f"not signed in: {failed['handle']}: {failed['reason']}")
        self.told.accounts = {key: done[key] for key in ("asked", "live", "seconds")}
        live = await asyncio.to_thread(look.live)
        for town in self._towns:
            self._note(town.channel, asked=len(town.shops), live=live.get(town.channel, 0))
        self._say(f"{done['live']} of {done['asked']} accounts live in {done['seconds']} s")

    async def _people_write(self, crowds: Crowds) -> None:
        answers = await crowds.write()
        for channel, said in answers.items():
            self._note(channel, wrote=said["wrote"], agreed=said["agreed"])
        wrote = _sums(answers, "wrote", "agreed", "withdrew")
        counts = await look.until(
            look.people,
            lambda now: (
                now["contacts"] >= wrote["wrote"]
                and now["consented"] >= wrote["agreed"]
                and now["withdrew"] >= wrote["withdrew"]
            ),
        )
        self.told.people = {"wrote": wrote["wrote"], **counts}
        self._say(f"{counts['contacts']} people wrote, {counts['consented']} agreed")

    async def _plan(self) -> str:
        await self._program.command(
            *("space", "create", SPACE, "--name", LEGAL_NAME),
            *("--time-zone", ZONE),
        )
        invitations = [
            await self._program.command("space", "invite", SPACE) for _ in range(GUESTBOOKS)
        ]
        page = self._program.folder.parent / "campaign.toml"
        codes = ", ".join(json.dumps(item["code"]) for item in invitations)
        walls = ", ".join(json.dumps(town.wall) for town in self._towns if town.wall)
        page.write_text(CAMPAIGN.format(walls=walls, guestbooks=codes, marker=MARKER))
        campaign = str((await self._program.command("campaign", "create", str(page)))["id"])
        planned = await self._program.command("campaign", "plan", campaign)
        await self._program.command("campaign", "approve", campaign)
        self._say(f"{planned['planned']} planned, left out: {planned['left_out']}")
        return campaign

    async def _people_change_their_minds(self, crowds: Crowds) -> None:
        late = _sums(await crowds.withdraw_late(), "withdrew")["withdrew"]
        wanted = self.told.people["withdrew"] + late
        counts = await look.until(
            look.people,
            lambda now: now["withdrew"] >= wanted,
        )
        self.told.people |= counts
        self._say(f"{late} people opted out between planning and sending")

    async def _send(self, campaign: str, crowds: Crowds) -> None:
        await self._program.command("campaign", "start", campaign)
        status = await self._watch(campaign)
        accepted = await asyncio.to_thread(look.accepted, int(campaign))
        answers = await crowds.report(accepted)
        for channel, got in answers.items():
            counted = {key: got[key] for key in (*RECEIVED, "wall_posts")}
            self._note(channel, accepted=accepted.get(channel, 0), **counted)
        received = _sums(answers, *RECEIVED, "wall_posts")
        self.told.campaign = {
            **{key: status[key] for key in STATUS},
            **{key: received[key] for key in RECEIVED},
        }
        self.told.wall = {"posts": received["wall_posts"]}
        self._say(f"{received['received_once']} people received it once, as they say")

    async def _watch(self, campaign: str) -> dict[str, Any]:
        while True:
            status = await self._program.command("campaign", "status", campaign)
            self._say(f"{status['accepted']} of {status['planned']} accepted")
            if status["state"] == "done":
                return status
            if status["state"] != "running":
                raise StepFailedError(f"the campaign is {status['state']}")
            await asyncio.sleep(1)

    async def _visits_of_today(self) -> None:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, str(Path(visitors.__file__))),
            *(
                "--door",
                f"{self._program.url}/v",
                "--space",
                SPACE,
                "--origin",
                self._program.url,
            ),
            *("--count", str(NEW_VISITS), "--seed", str(self._seed)),
            stdout=asyncio.subprocess.PIPE,
        )
        answers = json.loads((await child.communicate())[0])
        kept = await look.until(
            lambda: look.visits(self._folder, SPACE),
            lambda now: now["all"] >= answers["204"],
        )
        self.told.visits = {"sent": NEW_VISITS, "kept": kept["all"]}
        self._say(f"{NEW_VISITS} visits sent through the door, {kept['all']} kept")

    async def _visits_of_old(self) -> None:
        log = self._program.folder.parent / "access.log"
        counted = await asyncio.to_thread(
            history.write,
            log,
            visits=OLD_VISITS,
            seed=self._seed,
            until=clock.now() - OLD_ENOUGH,
            zone=ZONE,
        )
        done = await self._program.command(
            *("visit", "import", "--space", SPACE, "--format", "accesslog", str(log))
        )
        kept = await asyncio.to_thread(look.visits, self._folder, SPACE)
        _compare(kept, counted)
        self.told.visits |= {
            "imported": done["rows"],
            "oldest": kept["oldest"],
            "month_ms": kept["month_ms"],
        }
        self._say(
            f"{done['rows']} old visits imported; a month of 2011 in {kept['month_ms']} ms"
        )

    async def _look_at_guestbook(self) -> None:
        page = await self._program.page(f"/@{SPACE}/guestbook")
        self.told.wall["guestbook_entries"] = page.count(MARKER)

    def _note(self, channel: str, **counted: int) -> None:
        self.told.channels[channel] |= counted


def _compare(kept: dict[str, Any], counted: history.Counted) -> None:
    """Hold the product's answers against the writer's own counts."""
    for month, n in counted.by_month.items():
        shown = kept["by_month"].get(month, 0)
        if shown != n:
            raise StepFailedError(f"{month}: {n} visits written, {shown} shown")


def _sums(answers: Answers, *keys: str) -> dict[str, int]:
    """Return the sums over all channels."""
    return {key: sum(said[key] for said in answers.values()) for key in keys}


def _write_roster(path: Path, towns: Sequence[Town]) -> None:
    lines = [line for town in towns for line in town.roster()]
    columns = dict.fromkeys(column for line in lines for column in line)
    with path.open("w", encoding="utf-8", newline="") as out:
        roster = csv.DictWriter(out, list(columns), restval="")
        roster.writeheader()
        roster.writerows(lines)

"""An operator beside the program: a JSON command a line in, a JSON answer a line out."""

import json
import os
import sys
from collections import Counter
from pathlib import Path

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "menting.server.settings"
django.setup()

from menting.accounts import roster, signin  # noqa: E402  # models come first
from menting.accounts.models import Account  # noqa: E402
from menting.base import clock, config  # noqa: E402
from menting.base.folder import Folder  # noqa: E402
from menting.campaigns import approve, content, plan  # noqa: E402
from menting.campaigns.models import Delivery  # noqa: E402
from menting.cli import ready  # noqa: E402
from menting.people.models import Consent  # noqa: E402
from menting.spaces import space  # noqa: E402
from menting.users import guard, house  # noqa: E402
from menting.visits import read  # noqa: E402
from menting.workers import roller  # noqa: E402

OWNER = guard.at_shell()


def furnish(file: str) -> list[str]:
    """Say who speaks, import the roster, want all online; return the accounts' handles."""
    house.fill(
        OWNER,
        legal_name="Example Ltd",
        contact="desk@example.org",
        language="en",
        time_zone="UTC",
    )
    roster.store(OWNER, roster.read(Path(file)))
    signin.want_online(OWNER)
    return list(Account.objects.order_by("pk").values_list("handle", flat=True))


def consents() -> int:
    """Count who has agreed."""
    return Consent.objects.filter(act="granted").count()


def campaign(marker: str) -> int:
    """Write, plan and approve a campaign with the marker in its text."""
    toml = f'name = "{marker}"\nfrom = ["*"]\n[content.en]\ntext = "Round {marker}."'
    made = content.create(OWNER, content.parse(toml))
    plan.plan(OWNER, made.pk)
    approve.approve(OWNER, made.pk)
    return made.pk


def start(campaign_id: int) -> None:
    """Let it go out."""
    approve.start(OWNER, campaign_id)


def open_space(slug: str) -> int:
    """Open a space whose visits are counted."""
    return space.create(OWNER, slug=slug, name=slug.title(), time_zone="UTC").pk


def visited(space_id: int) -> list[str]:
    """Return the path of each visit that was kept; no program may run meanwhile."""
    folder = Folder(config.current().data)
    roller.drain(folder.visits, folder.spool)
    page = read.log(read.store(folder.visits), space=space_id, limit=100_000)
    return [seen.path for seen in page.items]


def states(campaign_id: int) -> dict[str, int]:
    """Count a campaign's deliveries by state."""
    rows = Delivery.objects.filter(campaign=campaign_id)
    return dict(Counter(rows.values_list("state", flat=True)))


def let_leases_run_out() -> int:
    """Take the 30 s that a killed program's accounts are held for."""
    return Account.objects.update(lease_until=clock.now())


COMMANDS = {
    act.__name__: act
    for act in (
        *(furnish, consents, campaign, start, states, let_leases_run_out),
        *(open_space, visited),
    )
}

if __name__ == "__main__":
    ready.database(make=True)
    for line in sys.stdin:
        name, *given = json.loads(line)
        sys.stdout.write(json.dumps(COMMANDS[name](*given)) + "\n")
        sys.stdout.flush()

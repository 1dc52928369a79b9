"""Fills a data folder with an invented bookshop, through the domain's own functions."""

import itertools
import random
import secrets
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from menting.accounts import leases, roster, signin, state
from menting.accounts.models import Account, AccountState
from menting.base import clock
from menting.base.folder import Folder
from menting.campaigns import advance, approve, content, outbox, plan, render
from menting.channels.base import Event, EventType, Peer, Profile
from menting.people import inbox, replies
from menting.people.outbound import Accepted, Outbound, Outcome, Rejected, Unknown
from menting.spaces import guestbook, links, posts, space, visitors
from menting.spaces.models import GuestbookEntry, Space
from menting.users import guard, house, tokens
from menting.users import links as signin_links
from menting.users.guard import Actor
from menting.users.models import User
from menting.visits.store.base import Mark
from menting.visits.store.embedded import Embedded
from menting.visits.visit import Visit, day_of

ME = "sample"
ZONE = ZoneInfo("Asia/Shanghai")
#: 40 characters and more, that every list must cut.
LONG = "江南旧籍修复与古书装帧爱好者线上读书会（周四晚间场）第二批报名名单与通知群发组"
NAMES = (
    "小禾", "沈听澜", "Élodie Marchand-Beauchamp", "秦拾一", "阮一川", "温清弦", "叶扶苏",
    "豆豆妈（城南幼儿园大二班）", "Maximiliane von Hohenberg-Schwarzenfels",
    "Tomasz Wiśniewski",
    "陆知微", "何以宁", "宋远山", "顾南乔", "周牧野",
)  # fmt: skip
SAID = (
    "早。书压得怎么样了？冬至那晚的读书会还有位子吗，我想带女儿一起去。",
    "谢谢，书收到了，封面比照片上还好看",
    "Could you hold the second volume until Saturday? I am travelling from Graz.",
    "大二班二十三个孩子，周五上午来听故事，方便吗",
    "上次说的那篇跋，我抄了一份，随信寄出",
)
PAGES = (
    "/",
    "/@huaixia",
    "/@huaixia/archive",
    "/@huaixia/guestbook",
    "/@huaixia/opening-hours",
)
REFERRERS = ("", "", "", "search.example", "social.example")
CAMPAIGN = """\
name = "{name}"
purpose = "news"
segment = '{{}}'
from = ["*"]

[content.zh-hans]
text = "{{{{ person.name }}}}您好，冬至那晚我们一起读《东京梦华录》。六点开门。"

[content.en]
text = "Hello {{{{ person.name }}}}, we read together on the night of the winter solstice."
"""


def fill(folder: Folder, *, people: int = 240, accounts: int = 60, seed: int = 1) -> User:
    """Fill an empty, migrated folder and return its owner."""
    dice = random.Random(seed)  # noqa: S311  # invented, and the same at every run
    now = clock.now()
    owner = signin_links.make_owner(guard.at_shell(), email="lin@huaixia.example")
    owner.name = "林见山"
    owner.save(update_fields=["name"])
    actor = guard.of_user(owner)
    house.fill(
        actor,
        legal_name="槐下书局",
        contact="城南槐荫巷 7 号，reading@huaixia.example",
        language="zh-hans",
        time_zone=str(ZONE),
    )
    live = _accounts(actor, accounts, now)
    _people(live, people, dice, now)
    _answer(live)
    _campaigns(actor, live)
    _states(now)
    leases.renew(ME, now=now + timedelta(days=1))  # no program of today takes them over
    place = _space(actor)
    _visits(folder, place, owner, dice, now)
    _tokens(actor, owner)
    return owner


def _tokens(actor: Actor, owner: User) -> None:
    tokens.make(actor, owner, name="记账程序", scopes=["campaigns:read", "visits:read"])
    made = tokens.make(actor, owner, name=LONG, scopes=list(tokens.SCOPES), days=365)
    tokens.take(made.token)
    old = tokens.make(actor, owner, name="old-import", scopes=["accounts:write"])
    tokens.revoke(actor, old.token.pk)


def _accounts(actor: Actor, n: int, now: datetime) -> list[Account]:
    lines = ["channel,handle,name,homeserver,token"]
    for number in range(n):
        name = LONG if number == n - 5 else f"huaixia-kf{number:02d}"
        lines.append(
            f"matrix,@huaixia-kf{number:02d}:chat.example,{name},https://chat.example,t{number}"
        )
    with tempfile.TemporaryDirectory() as at:
        path = Path(at) / "roster.csv"
        path.write_text("\n".join(lines), encoding="utf-8")
        roster.store(actor, roster.read(path))
    signin.want_online(actor)
    held = leases.take(ME, now=now, limit=n)
    state.mark(ME, [state.Mark(one.id, AccountState.ONLINE) for one in held])
    return list(Account.objects.order_by("pk"))


def _people(live: Sequence[Account], n: int, dice: random.Random, now: datetime) -> None:
    for number in range(n):
        account = live[number % (len(live) - 6)]
        at = now - timedelta(minutes=36 * number + 5 + dice.randrange(30))
        inbox.receive(
            account_id=account.pk,
            events=list(_words(number, at, dice)),
            resume=b"",
        )


def _words(number: int, at: datetime, dice: random.Random) -> Iterator[Event]:
    name = NAMES[number] if number < len(NAMES) else f"{dice.choice(NAMES)} {number}"
    said = [dice.choice(SAID)]
    if number % 8 < 5:
        said.append("订阅")
    if number % 16 == 8:
        said.append("退订")
    for turn, text in enumerate(said):
        yield Event(
            id=f"$sample{number}-{turn}",
            type=EventType.MESSAGE,
            peer=Peer(id=f"!sample{number}:chat.example"),
            sender=Profile(id=f"@reader{number}:chat.example", name=name),
            at=at + timedelta(minutes=turn),
            text=text,
        )


def _answer(live: Sequence[Account]) -> None:
    """Let the platform take the automatic answers that are due."""
    ids = [account.pk for account in live]
    while items := replies.claim(ME, ids, now=clock.now(), limit=500):
        for item in items:
            if replies.dispatch(item, item.text or "", me=ME):
                replies.settle(item, Accepted(f"$answer{item.id}"), me=ME)


def _campaigns(actor: Actor, live: Sequence[Account]) -> None:
    made = [
        content.create(actor, content.parse(CAMPAIGN.format(name=name)))
        for name in ("十一月会员手记", "冬至读书会邀请", LONG)
    ]
    for campaign in made[:2]:
        plan.plan(actor, campaign.pk)
        approve.approve(actor, campaign.pk)
        approve.start(actor, campaign.pk)
        _send(live, is_whole=campaign is made[0])
    advance.finish(now=clock.now())


def _send(live: Sequence[Account], *, is_whole: bool) -> None:
    """Send all and have it accepted, or one message an account with every outcome."""
    ids = [account.pk for account in live]
    outcomes = _outcomes(is_whole)
    advance.make_ready()
    for minutes in (
        range(0, 600, 30) if is_whole else (1_200,)
    ):  # past what the pace holds back
        later = clock.now() + timedelta(minutes=minutes)
        items = outbox.claim(ME, ids, now=later, limit=1_000, lane=50 if is_whole else 2)
        for item, text in render.texts(items).items():
            if isinstance(text, str) and outbox.dispatch(item, text, me=ME):
                outbox.settle(item, next(outcomes)(item), me=ME)


def _outcomes(is_whole: bool) -> Iterator[Callable[[Outbound], Outcome]]:
    good: list[Callable[[Outbound], Outcome]] = [
        lambda item: Accepted(f"$sent{item.kind}{item.id}")
    ]
    bad: list[Callable[[Outbound], Outcome]] = [
        lambda _: Unknown("no answer"),
        lambda _: Rejected("M_FORBIDDEN"),
    ]
    return itertools.cycle(good if is_whole else [*good * 12, *bad])


def _states(now: datetime) -> None:
    """Leave some accounts as they are found on any day."""
    last = list(Account.objects.order_by("-pk").values_list("pk", flat=True)[:6])
    lost = "The token is not known any more (M_UNKNOWN_TOKEN)."
    reset = "Connection reset, 4th time."
    soon = now + timedelta(seconds=21)
    told = (
        state.Mark(last[0], AccountState.BANNED, "The platform closed the account."),
        state.Mark(last[1], AccountState.NEEDS_AUTH, lost),
        state.Mark(last[2], AccountState.NEEDS_AUTH, lost),
        state.Mark(last[3], AccountState.BACKOFF, reset, soon),
        state.Mark(last[4], AccountState.BACKOFF, reset, soon),
        state.Mark(last[5], AccountState.CONNECTING),
    )
    state.mark(ME, told)


def _space(actor: Actor) -> Space:
    place = space.create(
        actor,
        slug="huaixia",
        name="槐下书局",
        time_zone=str(ZONE),
        about="旧书、修书、读书会。",
    )
    for title in (
        "冬至读书会：一起读《东京梦华录》",
        "槐叶落尽的那几天",
        "旧书修复的十二个月",
    ):
        posts.publish(actor, place, f"# {title}\n\n{SAID[0]}\n\n> {SAID[4]}")
    for number, name in enumerate(NAMES[:6]):
        opened = clock.now() - timedelta(minutes=2)
        form = guestbook.Form(
            name=name, text="叶子别扫太干净，孩子们爱踩。", opened_at=opened
        )
        entry = guestbook.sign(place, form, address=f"192.0.2.{number}")
        if entry and entry.state == GuestbookEntry.State.PENDING and number > 2:
            guestbook.decide(actor, entry.pk, True)
    links.make(actor, place, url="https://huaixia.example/poster", label="店门口的海报")
    guestbook.invite(actor, place, "白鹭洲旧书交换小组")
    return place


def _visits(
    folder: Folder, place: Space, owner: User, dice: random.Random, now: datetime
) -> None:
    named = visitors.agree(owner, place, name=NAMES[1])
    rows = sorted(_history(place.pk, named.who, dice, now), key=lambda row: row.at)
    store = Embedded(folder.visits)
    for start in range(0, len(rows), 20_000):
        batch = rows[start : start + 20_000]
        mark = start + len(batch)
        store.add_rows(batch, mark=Mark("rows", "sample", mark))
        store.add_tops(batch, mark=Mark("tops", "sample", mark))
    store.close()


def _history(number: int, who: int, dice: random.Random, now: datetime) -> Iterator[Visit]:
    """Yield some 120,000 visits since 2011, more from year to year, and most by day."""
    first = datetime(2011, 3, 2, tzinfo=ZONE)
    day = first
    while day <= now:
        age = (day - first) / timedelta(days=365)
        weekend = 1.3 if day.weekday() > 4 else 1.0
        for _ in range(int((2 + age**1.5) * weekend * dice.uniform(0.6, 1.4))):
            at = day + timedelta(minutes=int(dice.triangular(0, 1439, 640)))
            if at <= now:
                yield _visit(number, who, at, dice)
        day += timedelta(days=1)


def _visit(number: int, who: int, at: datetime, dice: random.Random) -> Visit:
    day = day_of(at.astimezone(ZONE).date())
    is_named = dice.random() < 0.06
    return Visit(
        at=clock.millis(at) + dice.randrange(60_000),
        space=number,
        day=day,
        house_day=day,
        path=dice.choice(PAGES),
        referrer=dice.choice(REFERRERS),
        country=dice.choice(("CN", "CN", "CN", "FR", "AT", "")),
        device=dice.choice(("mobile", "mobile", "desktop")),
        browser="Firefox",
        os="Linux",
        who=who if is_named else 0,
        anon=0 if is_named else dice.randrange(1, 200),
        vid=secrets.randbits(63),
    )

"""Who the people of one channel are, what each will do, and what each got."""

import asyncio
import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

GREETINGS = (
    "你好，请问周末几点开门？",
    "Hello, do you still have the winter catalogue?",
    "老板在吗？想订一本书。",
    "Hi! Is there a reading on Friday?",
    "请问可以寄到外地吗？",
)
#: A word of agreement before anybody asked is none.
EARLY_WORDS = ("同意", "yes")
AGREEMENTS = ("订阅", "subscribe", "同意", "yes", "Subscribe", "YES")
#: The last two say nothing.
REFUSALS = ("maybe later", "no", "不同意", "do I have to subscribe?", "先不订阅了", "", "")
WITHDRAWALS = ("退订", "TD", "td", "ＴＤ", "stop", "STOP", "ｓｔｏｐ", "unsubscribe")


@dataclass(slots=True, eq=False)
class Person:
    """One of the people, what they will do, and what they got."""

    user: str
    password: str
    name: str
    shop: str
    greeting: str
    answer: str = ""
    agrees: bool = False
    withdraws: str = ""
    is_late: bool = False
    #: Set once their shop has answered them.
    noticed: asyncio.Event = field(default_factory=asyncio.Event)
    #: What names a message at the server -> sender, of the messages with the marker.
    marked: dict[str, str] = field(default_factory=dict)
    #: When the last of those came, on the loop's clock.
    marked_at: float = 0.0
    #: How often somebody else than their shop wrote, invited, or asked to follow.
    approached: int = 0

    @property
    def may_be_written_to(self) -> bool:
        """Say whether the person agreed and did not take it back."""
        return self.agrees and not self.withdraws

    @property
    def was_unasked(self) -> bool:
        """Say whether something came that this person never agreed to, or took back."""
        return bool(self.approached) or bool(self.marked and not self.may_be_written_to)

    def hear(self, known: str, *, sender: str, is_marked: bool) -> None:
        """Take in a message that was not heard before; `known` names it at the server."""
        if sender != self.shop:
            self.approached += 1
        if is_marked:
            self.marked[known] = sender
            self.marked_at = asyncio.get_running_loop().time()
        elif sender == self.shop:
            self.noticed.set()


def gather(
    people: Sequence[Sequence[str]], shops: Sequence[str], dice: random.Random
) -> list[Person]:
    """Give each of `people` (user, password, name) a shop in turn and a part by the dice.

    Of 240 people 150 agree; of those 9 opt out before the campaign is planned and 3 after.
    """
    turns = zip(people, itertools.cycle(shops), strict=False)
    all_ = [
        Person(user, password, name, shop, dice.choice(GREETINGS))
        for (user, password, name), shop in turns
    ]
    agreed, early, late = shares(len(all_))
    order = dice.sample(all_, len(all_))
    for number, person in enumerate(order[:agreed]):
        person.agrees, person.answer = True, AGREEMENTS[number % len(AGREEMENTS)]
    for number, person in enumerate(order[: early + late]):
        person.withdraws = WITHDRAWALS[number % len(WITHDRAWALS)]
        person.is_late = number >= early
    for number, person in enumerate(order[agreed:]):
        person.answer = REFUSALS[number % len(REFUSALS)]
    for person, word in zip(order[agreed:], EARLY_WORDS, strict=False):
        person.greeting = word
    return all_


def shares(people: int) -> tuple[int, int, int]:
    """Return how many agree, opt out before planning, and opt out after it."""
    agreed = min(people, max(1, round(people * 150 / 240)))
    if agreed < 3:
        return agreed, 0, 0
    return agreed, max(1, round(people * 9 / 240)), max(1, round(people * 3 / 240))

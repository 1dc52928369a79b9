"""Lists: nobody is told twice or left out, and a cursor is good for its own list."""

import pytest

from menting.accounts.models import Account
from menting.campaigns.models import Campaign
from menting.people.models import Contact
from tests.api.conftest import Caller
from tests.console.conftest import NOW

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("_at_any_rate"),
]


def _account(n: int) -> None:
    Account.objects.create(channel="matrix", handle=f"@a{n}:localhost", since=NOW)


def _campaign(n: int) -> None:
    Campaign.objects.create(name=f"c{n}", purpose="news", content={}, created_at=NOW)


def _person(n: int) -> None:
    Contact.objects.create(name=f"p{n}", created_at=NOW, last_at=NOW)


@pytest.mark.parametrize(
    ("path", "make"),
    [("/accounts", _account), ("/campaigns", _campaign), ("/people", _person)],
)
def test_what_comes_in_meanwhile_moves_no_page(
    caller: Caller, path: str, make: object
) -> None:
    assert callable(make)
    for n in range(25):
        make(n)
    first = {item["id"] for item in caller.get(f"{path}?limit=500").told["items"]}
    seen: list[int] = []
    url = f"{path}?limit=10"
    for n in range(25, 28):
        page = caller.get(url).told
        seen += [item["id"] for item in page["items"]]
        make(n)
        url = f"{path}?limit=10&cursor={page['next']}"
        if page["next"] is None:
            break
    assert len(seen) == len(set(seen))
    assert first <= set(seen)


def test_a_cursor_is_good_for_its_own_list_alone(caller: Caller) -> None:
    for n in range(3):
        _account(n)
        _campaign(n)
    cursor = caller.get("/accounts?limit=1").told["next"]
    assert caller.get(f"/accounts?limit=2&cursor={cursor}").status == 200
    for path in (
        f"/campaigns?cursor={cursor}",
        f"/accounts?channel=matrix&cursor={cursor}",
        f"/accounts?cursor={cursor[:-2]}AA",
        "/accounts?cursor=7",
        "/accounts?cursor=%C3%A9",
        "/accounts?cursor=",
    ):
        answer = caller.get(path)
        assert (answer.status, answer.told["type"]) == (400, "/problems/bad-cursor"), path

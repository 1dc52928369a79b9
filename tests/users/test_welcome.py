"""From the one-time link to an open house."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client

from menting.base import clock
from menting.users import guard, house, links
from menting.users.models import AuditEntry, Role, User

pytestmark = pytest.mark.django_db

GIVEN = {
    "name": "林见山",
    "email": "lin@example.org",
    "language": "zh-hans",
    "time_zone": "Asia/Shanghai",
    "legal_name": "槐下书局",
    "contact": "desk@example.org",
    "password": "eine lange Treppe",
}


@pytest.fixture
def path() -> str:
    owner = links.make_owner(guard.SYSTEM, email="owner@localhost")
    return links.make(guard.SYSTEM, owner)


def _sign_in(path: str) -> Client:
    client = Client()
    assert client.post(path).headers["Location"] == "/accounts/welcome/"
    return client


def test_looking_at_a_link_does_not_spend_it(path: str) -> None:
    assert Client().get(path).status_code == 200
    assert Client().get(path).status_code == 200
    _sign_in(path)


def test_a_link_signs_in_once(path: str) -> None:
    _sign_in(path)
    assert Client().post(path).status_code == 410
    assert Client().get(path).status_code == 410


def test_a_link_ends_after_a_day(path: str) -> None:
    with time_machine.travel(clock.now() + timedelta(hours=25)):
        assert Client().post(path).status_code == 410


def test_a_new_link_ends_the_one_before(path: str) -> None:
    links.make(guard.SYSTEM, User.objects.get())
    assert Client().post(path).status_code == 410


def test_the_first_page_opens_the_house(path: str) -> None:
    client = _sign_in(path)
    answer = client.post("/accounts/welcome/", GIVEN)
    assert answer.headers["Location"] == "/console/"
    assert house.sender().legal_name == "槐下书局"
    owner = User.objects.get()
    assert owner.email == "lin@example.org"
    assert owner.check_password(GIVEN["password"])
    assert AuditEntry.objects.filter(act="house.change", actor=f"user:{owner.pk}").exists()


def test_without_a_password_a_passkey_comes_next(path: str) -> None:
    client = _sign_in(path)
    answer = client.post("/accounts/welcome/", GIVEN | {"password": ""})
    assert answer.headers["Location"] == "/accounts/2fa/webauthn/add/"


def test_a_weak_password_is_refused_with_a_reason(path: str) -> None:
    client = _sign_in(path)
    answer = client.post("/accounts/welcome/", GIVEN | {"password": "12345"})
    assert answer.status_code == 200
    assert answer.context["form"].errors["password"]
    with pytest.raises(house.HouseIncompleteError):
        house.sender()


def test_a_manager_may_not_open_the_house(client: Client) -> None:
    client.force_login(User.objects.create_user("m@example.org", role=Role.MANAGER))
    assert client.get("/accounts/welcome/").status_code == 403

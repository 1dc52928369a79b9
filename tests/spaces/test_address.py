"""From where a request came: a proxy is believed only if it is ours."""

from collections.abc import Iterator

import pytest
from django.test import RequestFactory

from menting.base import config
from menting.spaces import address


@pytest.fixture
def behind_proxies(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MENTING_TRUSTED_PROXIES", "10.0.0.0/8 192.0.2.1")
    config.current.cache_clear()
    yield
    config.current.cache_clear()


def came(peer: str, forwarded: str = "") -> str:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    return address.of(RequestFactory().get("/", REMOTE_ADDR=peer, headers=headers))


def test_a_stranger_cannot_say_that_another_came() -> None:
    assert came("198.51.100.1", "203.0.113.5") == "198.51.100.1"


@pytest.mark.usefixtures("behind_proxies")
@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("10.1.2.3", "203.0.113.5", "203.0.113.5"),
        ("10.1.2.3", "203.0.113.9, 203.0.113.5", "203.0.113.5"),
        ("10.1.2.3", "203.0.113.5, 192.0.2.1, 10.9.9.9", "203.0.113.5"),
        ("10.1.2.3", "", "10.1.2.3"),
        ("10.1.2.3", "10.4.4.4", "10.4.4.4"),
        ("198.51.100.1", "203.0.113.5", "198.51.100.1"),
    ],
)
def test_the_nearest_address_that_is_not_a_proxy_of_ours_counts(
    peer: str, forwarded: str, address: str
) -> None:
    assert came(peer, forwarded) == address

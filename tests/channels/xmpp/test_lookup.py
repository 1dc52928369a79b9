"""Where a domain's server listens, by what a name server says."""

import asyncio
import socket
from types import SimpleNamespace
from typing import Any

import pytest

from menting.channels import base
from menting.channels.xmpp.lookup import Address, Lookup


class Names:
    """A name server with these SRV records and addresses."""

    def __init__(
        self, records: dict[str, list[tuple[str, int, int]]], hosts: dict[str, str]
    ) -> None:
        self._records, self._hosts = records, hosts
        self.asked: list[str] = []

    async def query_dns(self, name: str, _kind: str) -> Any:
        """Answer as aiodns does."""
        self.asked.append(name)
        rows = self._records.get(name)
        if rows is None:
            raise OSError("no such name")
        told = [
            SimpleNamespace(target=host, port=port, weight=0, priority=priority)
            for host, port, priority in rows
        ]
        return SimpleNamespace(answer=[SimpleNamespace(data=row) for row in told])

    async def getaddrinfo(self, host: str, family: int) -> Any:
        """Answer as aiodns does."""
        if family != socket.AF_INET or host not in self._hosts:
            raise OSError("no such host")
        address = SimpleNamespace(addr=(self._hosts[host].encode(), 0))
        return SimpleNamespace(nodes=[address])

    async def close(self) -> None:
        """Have no sockets."""


async def test_records_are_tried_in_their_order_and_say_how_tls_begins() -> None:
    names = Names(
        {
            "_xmpps-client._tcp.example.org": [("direct.example.org.", 443, 5)],
            "_xmpp-client._tcp.example.org": [
                ("second.example.org", 5222, 20),
                ("first.example.org", 5222, 10),
            ],
        },
        {
            "direct.example.org": "192.0.2.3",
            "first.example.org": "192.0.2.1",
            "second.example.org": "192.0.2.2",
        },
    )
    assert await Lookup().find("example.org", names) == [
        Address("192.0.2.3", 443, is_direct_tls=True),
        Address("192.0.2.1", 5222),
        Address("192.0.2.2", 5222),
    ]


async def test_a_domain_without_records_is_its_own_server() -> None:
    names = Names({}, {"example.org": "192.0.2.9"})
    assert await Lookup().find("example.org", names) == [Address("192.0.2.9", 5222)]


async def test_a_domain_that_is_not_there_is_unreachable() -> None:
    with pytest.raises(base.Unreachable):
        await Lookup().find("nowhere.example", Names({}, {}))


async def test_a_thousand_accounts_of_a_domain_ask_once() -> None:
    names, lookup = Names({}, {"example.org": "192.0.2.9"}), Lookup()
    await lookup.find("example.org", names)
    asked = list(names.asked)
    await asyncio.gather(*(lookup.find("example.org", names) for _ in range(1000)))
    assert names.asked == asked

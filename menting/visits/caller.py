"""Who calls, as far as it is kept: a country and families of device, browser and system.

The address and the user agent are looked at in memory and go nowhere from here.
"""

import ipaddress
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import iptocc
import ua_parser
from crawleruseragents import is_crawler
from python_ipware import IpWare

#: Longer user agents are cut: browsers stay below 300 characters.
AGENT_LENGTH = 512
_FAMILY_LENGTH = 40
#: Proxies of one's own in a row, at most.
_HOPS_MAX = 8

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: In-app browsers that ua-parser calls "Chrome Mobile WebView" and the like, by their own
#: token; the first that is found counts (WeCom's also says MicroMessenger).
_IN_APP = (
    (re.compile(r"\bwxwork/", re.IGNORECASE), "WeCom"),
    (re.compile(r"\bMicroMessenger/", re.IGNORECASE), "WeChat"),
    (re.compile(r"\bQQ/\d"), "QQ"),
)
_DESKTOP = frozenset({"Windows", "Mac OS X", "Linux", "Ubuntu", "Fedora", "Chrome OS"})
_TABLET = re.compile(r"iPad|Tablet|PlayBook|Silk/")
_PHONE = re.compile(r"Mobile|iPhone|Phone")


class Agent(NamedTuple):
    """What a user agent says, in families; empty for unknown."""

    is_bot: bool
    device: str
    browser: str
    os: str


class Addresses:
    """Finds the caller's own address behind proxies that the operator trusts."""

    def __init__(self, trusted_proxies: Iterable[str]) -> None:
        self._trusted: list[_Network] = [
            ipaddress.ip_network(item, strict=False) for item in trusted_proxies
        ]
        self._by_hops = [
            IpWare(precedence=("HTTP_X_FORWARDED_FOR",), proxy_count=hops)
            for hops in range(1, _HOPS_MAX)
        ]
        self._behind = lru_cache(maxsize=8192)(self._look_behind)

    def address(self, peer: str, *, forwarded: str) -> str:
        """Return the caller's address: the last one that is no trusted proxy's.

        `forwarded` (X-Forwarded-For) is believed from a trusted proxy only.
        """
        if not forwarded or not self._trusted:
            return peer
        return self._behind(peer, forwarded)

    def _look_behind(self, peer: str, forwarded: str) -> str:
        chain = {"HTTP_X_FORWARDED_FOR": f"{forwarded}, {peer}"}
        caller = peer
        for ware in self._by_hops:
            if not self._is_trusted(caller):
                break
            found, _ = ware.get_client_ip(chain)
            if found is None:
                break
            caller = str(found)
        return caller

    def _is_trusted(self, address: str) -> bool:
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(ip in network for network in self._trusted)


@lru_cache(maxsize=16_384)
def agent(user_agent: str) -> Agent:
    """Return what a user agent says; remembered, for it takes some 200 us to find out."""
    if is_crawler(user_agent):
        return Agent(is_bot=True, device="", browser="", os="")
    parsed = ua_parser.parse(user_agent)
    system = parsed.os.family if parsed.os else ""
    browser = parsed.user_agent.family if parsed.user_agent else ""
    for pattern, name in _IN_APP:
        if pattern.search(user_agent):
            browser = name
            break
    return Agent(
        is_bot=False,
        device=_device(user_agent, system),
        browser=browser[:_FAMILY_LENGTH],
        os=system[:_FAMILY_LENGTH],
    )


def country(address: str) -> str:
    """Return where the address block is registered, or an empty string."""
    return iptocc.country_code(address) or ""


def _device(user_agent: str, system: str) -> str:
    if _TABLET.search(user_agent):
        return "tablet"
    if _PHONE.search(user_agent):
        return "phone"
    if system == "Android":
        return "tablet"  # Android's own rule: without "Mobile" it is a tablet
    return "desktop" if system in _DESKTOP else ""

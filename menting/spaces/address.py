"""From which address a request came, believing a proxy only where the settings name it."""

from ipaddress import ip_address, ip_network

from django.http import HttpRequest

from menting.base import config


def of(request: HttpRequest) -> str:
    """Return the nearest address that is not one of our own proxies."""
    peer = str(request.META.get("REMOTE_ADDR", ""))
    forwarded = request.headers.get("X-Forwarded-For", "").split(",")
    while _is_trusted(peer) and any(part.strip() for part in forwarded):
        peer = forwarded.pop().strip()
    return peer


def _is_trusted(address: str) -> bool:
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    networks = (ip_network(item, strict=False) for item in config.current().trusted_proxies)
    return any(ip in network for network in networks)

"""From which address a request came, believing a proxy only where the settings name it."""

from functools import lru_cache

from django.http import HttpRequest

from menting.base import config
from menting.visits.caller import Addresses

_behind = lru_cache(Addresses)


def of(request: HttpRequest) -> str:
    """Return the nearest address that is not one of our own proxies."""
    behind = _behind(config.current().trusted_proxies)
    return behind.address(
        request.META["REMOTE_ADDR"],
        forwarded=request.headers.get("X-Forwarded-For", ""),
    )

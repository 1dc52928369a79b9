"""How often a guestbook may be signed: GCRA over rows, without keeping an address."""

from datetime import timedelta
from ipaddress import ip_address, ip_network

from menting.base import clock, config, crypto, pace
from menting.base.folder import Folder
from menting.spaces.models import Throttle

#: A family at one address signs together; a script does so more often.
PER_NETWORK = pace.Rate.per(6, timedelta(hours=1), burst=3)
#: Above this an owner cannot read what waits.
PER_SPACE = pace.Rate.per(60, timedelta(hours=1), burst=30)


def take(space_id: int, address: str) -> bool:
    """Spend one entry of both limits in the caller's transaction; say if there was one."""
    Throttle.objects.filter(tat__lt=clock.micros(clock.now())).delete()
    return _take(f"{space_id}:{network_of(address)}", PER_NETWORK) and _take(
        f"{space_id}", PER_SPACE
    )


def network_of(address: str) -> str:
    """Return the network that one subscriber holds: an IPv4 address, or an IPv6 /64."""
    try:
        ip = ip_address(address)
    except ValueError:
        return "unknown"
    mapped = getattr(ip, "ipv4_mapped", None)
    if ip.version == 4 or mapped:
        return str(mapped or ip)
    return str(ip_network((ip, 64), strict=False))


def _take(name: str, rate: pace.Rate) -> bool:
    key = crypto.keyed_hash(_key(), name)
    row, _ = Throttle.objects.select_for_update().get_or_create(key=key)
    now = clock.now()
    if pace.headroom(rate, row.tat, now, wanted=1) < 1:
        return False
    row.tat = pace.debit(rate, row.tat, now, spent=1)
    row.save(update_fields=["tat"])
    return True


def _key() -> bytes:
    house = Folder(config.current().data).key("house")
    return crypto.derive(house, "guestbook")

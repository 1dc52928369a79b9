"""Which limit or connection an account shares with others, as its channel says."""

from collections.abc import Sequence

from menting.accounts.models import Account, Bond
from menting.channels import base, registry

#: Names in one statement.
CHUNK = 500


def bound(rows: Sequence[Account]) -> Sequence[Account]:
    """Return the same accounts, not yet saved, with `host` and `bond` as channels say."""
    told: dict[str, base.Bond] = {}
    names: list[str] = []
    for row in rows:
        channel = registry.get(row.channel)
        row.host = channel.host(row.handle, row.options)[:255]
        bond = channel.bond(row.handle, row.options)
        # Two channels may well name an owner alike.
        names.append(f"{row.channel} {bond.name}"[:320] if bond else "")
        if bond:
            told[names[-1]] = bond
    ids = _stored(told)
    for row, name in zip(rows, names, strict=True):
        row.bond_id = ids[name] if name else None
    return rows


def _stored(told: dict[str, base.Bond]) -> dict[str, int]:
    """Write bonds that are new or have another limit now; return their ids by name."""
    names = sorted(told)
    for start in range(0, len(names), CHUNK):
        made = [_row(name, told[name]) for name in names[start:][:CHUNK]]
        Bond.objects.bulk_create(
            made,
            update_conflicts=True,
            unique_fields=["name"],
            update_fields=["interval", "burst", "one_holder"],
        )
    ids: dict[str, int] = {}
    for start in range(0, len(names), CHUNK):
        found = Bond.objects.filter(name__in=names[start:][:CHUNK])
        ids |= dict(found.values_list("name", "pk"))
    return ids


def _row(name: str, bond: base.Bond) -> Bond:
    return Bond(
        name=name,
        interval=bond.rate.interval,
        burst=bond.rate.burst,
        one_holder=bond.one_holder,
    )

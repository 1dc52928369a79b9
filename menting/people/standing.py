"""Where a person stands with the house, over all its accounts, as the ledger has it."""

from dataclasses import dataclass
from datetime import datetime

from menting.people.models import ANY_PURPOSE, Consent

_GRANTED, _WITHDRAWN = Consent.Act.GRANTED, Consent.Act.WITHDRAWN


@dataclass(frozen=True, slots=True)
class Standing:
    """A person's entries in the order of the ledger."""

    entries: tuple[Consent, ...]

    @property
    def granted(self) -> dict[tuple[int, str], Consent]:
        """Return the grants that no later entry ended, by account and purpose."""
        found: dict[tuple[int, str], Consent] = {}
        for entry in self.entries:
            if entry.act == _GRANTED:
                found[entry.account_id, entry.purpose] = entry
                continue
            for account, purpose in list(found):
                if account == entry.account_id and entry.purpose in (purpose, ANY_PURPOSE):
                    del found[account, purpose]
        return found

    @property
    def has_refused(self) -> bool:
        """Say whether the person's last act was to end it; they are not asked again."""
        return bool(self.entries) and self.entries[-1].act != _GRANTED

    def last_at(self, account_id: int) -> Consent | None:
        """Return the latest entry for this account."""
        own = [entry for entry in self.entries if entry.account_id == account_id]
        return own[-1] if own else None

    def ended_at(self, account_id: int) -> datetime | None:
        """Return when it last ended for this account: in words anywhere, or by a leave."""
        return max(
            (
                entry.at
                for entry in self.entries
                if entry.act != _GRANTED
                and (entry.act == _WITHDRAWN or entry.account_id == account_id)
            ),
            default=None,
        )


def of(contact_id: int) -> Standing:
    """Read where the person stands now."""
    return Standing(tuple(Consent.objects.filter(contact=contact_id).order_by("pk")))

"""The revision: one hash over everything that decides what is sent to whom."""

import hashlib
import json

from menting.campaigns.models import Campaign


def of(campaign: Campaign) -> str:
    """Return the hash that is approved, planned and sent; any change makes it differ."""
    decides = {
        "purpose": campaign.purpose,
        "segment": campaign.segment,
        "content": campaign.content,
        "post": campaign.post,
        "accounts": _ids(campaign.accounts),
        "walls": _ids(campaign.walls),
        "invitations": _ids(campaign.invitations),
        "occurrence": campaign.occurrence,
    }
    canonical = json.dumps(decides, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _ids(related: object) -> list[int]:
    return sorted(related.values_list("pk", flat=True))  # type: ignore[attr-defined]  # a manager of any model

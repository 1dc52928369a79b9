"""What a campaign says, to whom and from where, read from TOML and checked."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from django.db import transaction
from django.utils.translation import gettext
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from menting.accounts.models import Account
from menting.base import clock
from menting.campaigns import revision, text
from menting.campaigns.errors import ContentError
from menting.campaigns.models import Campaign
from menting.people import segments
from menting.spaces.models import Invitation
from menting.users import audit, guard
from menting.users.guard import Actor

#: What the page for a new campaign begins with.
SAMPLE = """\
name = "Opening hours in spring"
purpose = "news"
segment = '{}'
from = ["*"]

[content.zh-hans]
text = "{{ person.name }}，您好！我们从三月起每天十点开门。"

[content.en]
text = "Hello {{ person.name }}, from March on we open at ten every day."
"""

Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)
]
Purpose = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]


class _Words(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: str


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Name
    purpose: Purpose = "news"
    segment: dict[str, Any] | str = Field(default_factory=dict)
    content: dict[str, _Words] = Field(default_factory=dict)
    post: dict[str, _Words] = Field(default_factory=dict)
    senders: list[str | int] = Field(default_factory=list, alias="from")
    walls: list[str | int] = Field(default_factory=list)
    guestbooks: list[str] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Draft:
    """A campaign as it was written, checked as far as it can be without the accounts."""

    source: str
    name: str
    purpose: str
    segment: Mapping[str, Any]
    content: Mapping[str, str]
    post: Mapping[str, str]
    senders: tuple[str, ...]
    walls: tuple[str, ...]
    guestbooks: tuple[str, ...]


def read_toml(path: Path) -> Draft:
    """Return the draft in a file. Raises ContentError with the place and the remedy."""
    try:
        return parse(path.read_text(encoding="utf-8-sig"), source=str(path))
    except UnicodeDecodeError as error:
        raise ContentError(
            gettext("%(file)s, byte %(byte)d: this is not UTF-8; save the file as UTF-8")
            % {"file": path, "byte": error.start}
        ) from error


def parse(toml: str, *, source: str = "campaign") -> Draft:
    """Return the draft in a text. Raises ContentError with the place and the remedy."""
    try:
        written = _File.model_validate(tomllib.loads(toml))
    except tomllib.TOMLDecodeError as error:
        raise ContentError(
            gettext("%(file)s: this is not TOML: %(why)s") % {"file": source, "why": error}
        ) from error
    except ValidationError as error:
        raise ContentError(f"{source}: {_explain(error)}") from error
    draft = Draft(
        source=source,
        name=written.name,
        purpose=written.purpose,
        segment=_segment(written.segment, source),
        content=_texts(written.content, f"{source}: content", may_name=text.VARIABLES),
        post=_texts(written.post, f"{source}: post", may_name=text.POST_VARIABLES),
        senders=tuple(map(str, written.senders)),
        walls=tuple(map(str, written.walls)),
        guestbooks=tuple(written.guestbooks),
    )
    _check_whole(draft)
    return draft


@transaction.atomic
def create(actor: Actor, draft: Draft) -> Campaign:
    """Store a draft as a campaign. Raises ContentError for accounts that are not there."""
    guard.check(actor, "campaigns.write")
    campaign = Campaign.objects.create(
        name=draft.name,
        purpose=draft.purpose,
        segment=dict(draft.segment),
        content={language: {"text": words} for language, words in draft.content.items()},
        post={language: {"text": words} for language, words in draft.post.items()},
        created_at=clock.now(),
    )
    campaign.accounts.set(_accounts(draft.senders, f"{draft.source}: from"))
    campaign.walls.set(_accounts(draft.walls, f"{draft.source}: walls"))
    campaign.invitations.set(_invitations(draft))
    campaign.revision = revision.of(campaign)
    campaign.save(update_fields=["revision"])
    audit.record(actor, "campaign.create", target=f"campaign:{campaign.pk}")
    return campaign


def _explain(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}"
        for item in error.errors()
    )


def _segment(written: Mapping[str, Any] | str, source: str) -> Mapping[str, Any]:
    place = f"{source}: segment"
    try:
        tree = json.loads(written or "{}") if isinstance(written, str) else dict(written)
        if not isinstance(tree, dict):
            raise ContentError(
                gettext("%(place)s: must be a JSON object; {} is everybody")
                % {"place": place}
            )
        segments.compile(tree)
    except json.JSONDecodeError as error:
        raise ContentError(
            gettext(
                "%(place)s, line %(line)d, column %(column)d: this is not JSON: %(why)s"
            )
            % {
                "place": place,
                "line": error.lineno,
                "column": error.colno,
                "why": error.msg,
            }
        ) from error
    except segments.SegmentError as error:
        raise ContentError(f"{place}: {error}") from error
    return tree


def _texts(
    written: Mapping[str, _Words], place: str, *, may_name: text.Names
) -> dict[str, str]:
    texts: dict[str, str] = {}
    for tag, words in written.items():
        language = tag.lower()
        if language not in text.FRAMES:
            raise ContentError(
                gettext(
                    "%(place)s: the mandatory parts of a message are not known in this "
                    "language; write in %(languages)s"
                )
                % {"place": f"{place}.{tag}", "languages": ", ".join(text.FRAMES)}
            )
        text.check(words.text, place=f"{place}.{tag}.text", may_name=may_name)
        texts[language] = words.text
    return texts


def _check_whole(draft: Draft) -> None:
    if not draft.content and not draft.post:
        raise ContentError(
            gettext("%(file)s: content: there is nothing to send; add [content.en]")
            % {"file": draft.source}
        )
    if bool(draft.content) != bool(draft.senders):
        raise ContentError(
            gettext(
                "%(file)s: from: messages need [content.…] and the accounts they come "
                'from; name handles, ids or "*"'
            )
            % {"file": draft.source}
        )
    if bool(draft.post) != bool(draft.walls or draft.guestbooks):
        raise ContentError(
            gettext(
                "%(file)s: post: posts need [post.…] and walls or guestbooks to stand on"
            )
            % {"file": draft.source}
        )


def _accounts(names: tuple[str, ...], place: str) -> list[Account]:
    there = Account.objects.filter(removed_at=None)
    if names == ("*",):
        return list(there)
    return [_account(name, place) for name in names]


def _account(name: str, place: str) -> Account:
    there = Account.objects.filter(removed_at=None)
    found = list(there.filter(handle=name))
    if not found and name.isdecimal():
        found = list(there.filter(pk=int(name)))
    if len(found) == 1:
        return found[0]
    if found:
        told = gettext("%(place)s: “%(name)s” names several accounts; give the id of one")
    else:
        told = gettext(
            "%(place)s: “%(name)s” is no account of yours; "
            "`menting account list` shows them"
        )
    raise ContentError(told % {"place": place, "name": name})


def _invitations(draft: Draft) -> list[Invitation]:
    issued = Invitation.objects.filter(revoked_at=None, code__in=draft.guestbooks)
    found = {invitation.code: invitation for invitation in issued}
    for code in draft.guestbooks:
        if code not in found:
            raise ContentError(
                gettext(
                    "%(file)s: guestbooks: “%(code)s” is no valid invitation; the space's "
                    "owner issues them on its guestbook page"
                )
                % {"file": draft.source, "code": code}
            )
    return list(found.values())

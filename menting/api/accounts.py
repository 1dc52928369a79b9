"""Accounts by the API: the list, the roster, and who is to be signed in."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Self

from django.http import HttpResponse
from ninja import P, QueryEx, Status
from pydantic import BaseModel, ConfigDict, Field, model_validator

from menting.accounts import change, read, roster, signin
from menting.accounts.models import AccountState
from menting.accounts.roster import Roster
from menting.api import paging
from menting.api.call import ApiRequest
from menting.api.noun import LIMIT, MOST_ID, Cursor, Id, Limit, Noun, Shape
from menting.api.problem import Problem

READ, WRITE = "accounts:read", "accounts:write"
ROSTER_TYPES = ("text/csv", "application/jsonl", "application/x-ndjson")
MOST_ROSTER = 16 * 1024 * 1024
#: Rejected lines in an answer; the file on the server has them all.
MOST_REJECTED = 1000

EXAMPLE: dict[str, Any] = {
    "id": 7,
    "channel": "matrix",
    "handle": "@desk:example.org",
    "state": "online",
    "reason": "",
    "since": "2026-11-24T02:42:00+00:00",
}

noun = Noun(tags=["accounts"])


class Account(Shape):
    """One of the house's own accounts on a platform."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    id: int
    channel: str
    handle: str
    state: AccountState
    reason: str
    since: datetime


class AccountPage(Shape):
    """Some accounts, and where the next ones are."""

    items: list[Account]
    next: str | None


class NewAccount(BaseModel):  # the library's own Schema drops what is not declared
    """An account as a line of a roster: its channel's own columns stand beside these."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "channel": "matrix",
                    "handle": "@desk:example.org",
                    "name": "Front desk",
                    "homeserver": "https://matrix.example.org",
                    "password": "…",
                }
            ]
        },
    )

    channel: str
    handle: str
    name: str = ""


class AccountChange(BaseModel):
    """The columns that change; those left out stay as they are."""

    model_config = ConfigDict(
        extra="allow", json_schema_extra={"examples": [{"password": "…"}]}
    )

    name: str = ""


class AccountChoice(Shape):
    """Which accounts: these, or all."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"ids": [7, 8]}, {"all": True}]}
    )

    ids: list[Annotated[int, Field(ge=1, le=MOST_ID)]] | None = Field(
        None, min_length=1, max_length=100_000
    )
    all: bool = False

    @model_validator(mode="after")
    def _either(self) -> Self:
        if (self.ids is None) is not self.all:
            raise ValueError("give ids, or all: true")
        return self


class Asked(Shape):
    """How many accounts were asked for; the list says how far each one is."""

    asked: int


class RejectedLine(Shape):
    """A line of a roster that was not taken, and why."""

    line: int
    handle: str
    reason: str


class RosterResult(Shape):
    """What a roster did."""

    #: The key of the call.
    id: str
    dry_run: bool
    added: int
    changed: int
    unchanged: int
    #: The first thousand.
    rejected: list[RejectedLine]
    rejected_lines: int
    #: Its name within the server's data folder.
    rejected_file: str | None


@noun.reads("/accounts", scope=READ, answer=AccountPage)
def list_accounts(
    request: ApiRequest,
    state: QueryEx[AccountState | None, P(description="Only those in it.")] = None,
    channel: QueryEx[str, P(pattern="^[a-z]{0,16}$", examples=["matrix"])] = "",
    limit: Limit = LIMIT,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """List accounts by id, with the state of each and the reason for it."""
    page = read.items(
        state=state or "",
        channel=channel,
        cursor=paging.place(request, cursor),
        limit=limit,
    )
    return {
        "items": [asdict(item) for item in page.items],
        "next": paging.cursor(request, page.next),
    }


@noun.acts("/accounts", scope=WRITE, answer=Account, status=201)
def add_account(
    request: ApiRequest, response: HttpResponse, account: NewAccount
) -> Status[dict[str, Any]]:
    """Add one account; it signs in when it is asked to."""
    made = change.add(request.actor, account.model_dump())
    response.headers["Location"] = f"{request.path}/{made}"
    return Status(201, _item(made))


@noun.acts(
    "/accounts/import",
    scope=WRITE,
    answer=RosterResult,
    types=ROSTER_TYPES,
    most=MOST_ROSTER,
    before=lambda request: roster.parse(request.content, name=_file_name(request)),
    in_parts=True,  # the same roster twice changes nothing
)
def import_accounts(request: ApiRequest, dry_run: bool = False) -> dict[str, Any]:
    """Import a roster of CSV or JSON Lines, up to 16 MiB; good lines are kept."""
    brought: Roster = request.brought
    act = roster.dry_run if dry_run else roster.store
    told = act(request.actor, brought)
    return {
        "id": request.headers["Idempotency-Key"].strip('"'),
        "dry_run": dry_run,
        "added": told.added,
        "changed": told.changed,
        "unchanged": told.unchanged,
        "rejected": [
            {"line": one.number, "handle": one.handle, "reason": one.reason}
            for one in brought.rejected[:MOST_REJECTED]
        ],
        "rejected_lines": len(brought.rejected),
        "rejected_file": told.rejected_file.name if told.rejected_file else None,
    }


@noun.acts("/accounts/signin", scope=WRITE, answer=Asked)
def sign_in_accounts(request: ApiRequest, choice: AccountChoice) -> dict[str, int]:
    """Want accounts online: the running program signs them in, and keeps them so."""
    return {"asked": signin.want_online(request.actor, choice.ids)}


@noun.acts("/accounts/signout", scope=WRITE, answer=Asked)
def sign_out_accounts(request: ApiRequest, choice: AccountChoice) -> dict[str, int]:
    """Want accounts offline; their secrets stay for the next sign-in."""
    return {"asked": signin.want_offline(request.actor, choice.ids)}


@noun.reads("/accounts/{account_id}", scope=READ, answer=Account)
def get_account(request: ApiRequest, account_id: Id) -> dict[str, Any]:
    """Return one account."""
    item = read.one(account_id, also_removed=False)
    if item is None:
        raise Problem("not-found", "There is no account with this id.")
    return asdict(item)


@noun.changes("/accounts/{account_id}", scope=WRITE, answer=Account)
def change_account(
    request: ApiRequest, account_id: Id, columns: AccountChange
) -> dict[str, Any]:
    """Change an account's name, options or secret; a new secret is tried at once."""
    change.change(request.actor, account_id, columns.model_dump(exclude_unset=True))
    return _item(account_id)


@noun.removes("/accounts/{account_id}", scope=WRITE, answer=Account)
def remove_account(request: ApiRequest, account_id: Id) -> dict[str, Any]:
    """Sign an account out and destroy its secret."""
    signin.remove(request.actor, account_id)
    return _item(account_id)


def _item(account_id: int) -> dict[str, Any]:
    item = read.one(account_id)
    if item is None:
        raise Problem("not-found", "There is no account with this id.")
    return asdict(item)


def _file_name(request: ApiRequest) -> str:
    return "roster.csv" if request.content_type == "text/csv" else "roster.jsonl"

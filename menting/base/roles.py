"""The roles that a process of the program may take; by default it takes them all."""

from enum import StrEnum


class Role(StrEnum):
    """One kind of work; a process takes some of them (`menting run --only ROLE`)."""

    #: Pages, the door of visits, hooks.
    WEB = "web"
    #: Sessions, incoming events, and the sender of the accounts held here.
    KEEPER = "keeper"
    #: Visits from the folder's spool into its store.
    ROLLER = "roller"
    #: Erasures, old texts, sign-ins that have run out.
    CHORES = "chores"


ALL = tuple(Role)

"""One line of the table of figures."""

from typing import NamedTuple


class Row(NamedTuple):
    """A figure beside the limit that was measured in the same run, and the goal."""

    what: str
    figure: float
    unit: str
    #: In the same unit; None where nothing bounds the figure but the goal itself.
    limit: float | None
    #: Figure to limit.
    ratio: float | None
    goal: str

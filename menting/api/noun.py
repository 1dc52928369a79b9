"""How an operation is declared: its address, its scope, and what it answers."""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ninja import P, PathEx, QueryEx, Router, Schema
from ninja.decorators import decorate_view
from pydantic import ConfigDict

from menting.api.call import JSON_TYPES, MOST_BYTES, ApiRequest, Step, needs, takes
from menting.api.once import once

View = TypeVar("View", bound=Callable[..., Any])

#: The largest integer of either database.
MOST_ID = 2**63 - 1
LIMIT = 50

Id = PathEx[int, P(ge=1, le=MOST_ID, examples=[7])]
Limit = QueryEx[int, P(ge=1, le=500, description="Items at most.")]
Cursor = QueryEx[str | None, P(max_length=1000, description="`next` of the page before.")]


class Shape(Schema):
    """What an answer or a body holds: these fields and no other."""

    model_config = ConfigDict(extra="forbid")


class Noun(Router):
    """The operations of one noun."""

    def reads(self, path: str, *, scope: str, answer: Any) -> Callable[[View], View]:
        """Declare a GET that changes nothing."""
        return self._operation("GET", path, scope, {200: answer}, ())

    def acts(  # noqa: PLR0913  # each says one thing of the operation, by name
        self,
        path: str,
        *,
        scope: str,
        answer: Any,
        status: int = 200,
        types: tuple[str, ...] = JSON_TYPES,
        most: int = MOST_BYTES,
        before: Callable[[ApiRequest], object] | None = None,
        in_parts: bool = False,
    ) -> Callable[[View], View]:
        """Declare a POST that is done once, however often it is sent."""
        steps = (takes(types, most=most), once(before, in_parts=in_parts))
        extra = {} if types == JSON_TYPES else _text_body(types)
        return self._operation("POST", path, scope, {status: answer}, steps, extra)

    def changes(self, path: str, *, scope: str, answer: Any) -> Callable[[View], View]:
        """Declare a PATCH; done again it changes nothing more."""
        steps = (takes(JSON_TYPES, most=MOST_BYTES),)
        return self._operation("PATCH", path, scope, {200: answer}, steps)

    def removes(self, path: str, *, scope: str, answer: Any) -> Callable[[View], View]:
        """Declare a DELETE."""
        return self._operation("DELETE", path, scope, {200: answer}, ())

    def _operation(  # as above
        self,
        method: str,
        path: str,
        scope: str,
        answers: Mapping[int, Any],
        steps: tuple[Step, ...],
        extra: Mapping[str, Any] | None = None,
    ) -> Callable[[View], View]:
        def register(view: View) -> View:
            # The library runs the decorator that was given last first.
            inner_first = (*reversed(steps), needs(scope))
            return self.api_operation(
                [method],
                path,
                operation_id=_camel(view.__name__),
                response=dict(answers),
                openapi_extra={"security": [{"token": [scope]}], **(extra or {})},
            )(decorate_view(*inner_first)(view))

        return register


def _text_body(types: tuple[str, ...]) -> dict[str, Any]:
    content = {media: {"schema": {"type": "string"}} for media in types}
    return {"requestBody": {"required": True, "content": content}}


def _camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda found: found[1].upper(), name)

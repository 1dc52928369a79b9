"""The OpenAPI document: what the library writes, completed with what it leaves out.

It types refusals as plain JSON, knows no scopes and no headers of answers.
"""

import functools
import json
from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from menting.api import once, problem
from menting.api.v1 import api
from menting.users import tokens

PREFIX = "/api/v1/"

Node = dict[str, Any]

_EVERY = (401, 403, 406, 422, 429, 500, 503)
_WITH_BODY = (400, 413, 415)
_RATE: Node = {
    "RateLimit-Policy": {"$ref": "#/components/headers/RateLimit-Policy"},
    "RateLimit": {"$ref": "#/components/headers/RateLimit"},
}


@require_safe
def openapi(request: HttpRequest) -> HttpResponse:
    """Answer with the document; it is open to all and holds nothing of this house."""
    return HttpResponse(
        text(),
        content_type="application/json",
        headers={"Cache-Control": "public, max-age=3600"},
    )


@functools.cache
def text() -> str:
    """Return the document as JSON."""
    return json.dumps(_document(), ensure_ascii=False)


def _document() -> Node:
    told: Node = json.loads(json.dumps(api.get_openapi_schema(path_prefix=PREFIX)))
    told["servers"] = [{"url": "/"}]
    told["info"]["license"] = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
    parts = told["components"]
    parts["schemas"]["Problem"] = _problem()
    parts["headers"] = _headers()
    parts["responses"] = dict(_refusals())
    parts["securitySchemes"] = {"token": _scheme()}
    for method, path, operation in _operations(told):
        _complete(method, path, operation)
    return told


def _operations(told: Node) -> Iterator[tuple[str, str, Node]]:
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def _complete(method: str, path: str, operation: Node) -> None:
    statuses = list(_EVERY)
    names = {parameter["name"] for parameter in operation["parameters"]}
    if "cursor" in names:
        statuses.append(400)
    if "{" in path or "space" in names or method == "post":
        statuses.append(404)
    if method in ("post", "patch"):
        statuses.extend(_WITH_BODY)
    if method == "post":
        statuses.append(409)
        operation["parameters"].append(_key())
    for parameter in operation["parameters"]:
        # A list in a schema, but a map in a parameter: the schema has them already.
        parameter.pop("examples", None)
    for answer in operation["responses"].values():
        answer["headers"] = dict(_RATE)
    for status in sorted(set(statuses)):
        operation["responses"][str(status)] = {"$ref": f"#/components/responses/{status}"}


def _key() -> Node:
    return {
        "in": "header",
        "name": once.HEADER,
        "required": True,
        "description": "New for each act, the same for a retry; kept for 24 hours.",
        "schema": {
            "type": "string",
            "minLength": 1,
            "maxLength": once.MOST_KEY,
            "pattern": "^[!-~]+$",
        },
        "example": "8e03978e-40d5-43dd-bc93-6894a57f9324",
    }


def _scheme() -> Node:
    scopes = ", ".join(tokens.SCOPES)
    return {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "mnt_p_…",
        "description": f"A token of Settings or `menting token create`; scopes: {scopes}.",
    }


def _headers() -> Node:
    return {
        "RateLimit-Policy": {
            "description": "How many calls in how many seconds.",
            "schema": {"type": "string"},
            "example": '"default";q=100;w=10',
        },
        "RateLimit": {
            "description": "How many may go at once now, and in how many seconds one may.",
            "schema": {"type": "string"},
            "example": '"default";r=99;t=1',
        },
    }


def _refusals() -> Iterator[tuple[str, Node]]:
    titles: dict[int, list[str]] = {}
    for status, title in problem.KINDS.values():
        titles.setdefault(status, []).append(title)
    for status, said in titles.items():
        yield (
            str(status),
            {
                "description": "; ".join(said),
                "content": {
                    problem.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}
                },
            },
        )


def _problem() -> Node:
    """Return the schema of RFC 9457, with our list of fields."""
    text: Node = {"type": "string"}
    return {
        "type": "object",
        "title": "Problem",
        "description": "Why a call was refused (RFC 9457); it repeats nothing sent.",
        "required": ["type", "title", "status", "detail"],
        "additionalProperties": False,
        "properties": {
            "type": {
                "type": "string",
                "enum": [f"/problems/{kind}" for kind in problem.KINDS],
            },
            "title": text,
            "status": {"type": "integer"},
            "detail": text,
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["in", "name", "detail"],
                    "additionalProperties": False,
                    "properties": {"in": text, "name": text, "detail": text},
                },
            },
        },
        "examples": [
            {
                "type": "/problems/insufficient-scope",
                "title": problem.KINDS["insufficient-scope"][1],
                "status": 403,
                "detail": "This token has not the scope accounts:write: make one that has.",
            }
        ],
    }

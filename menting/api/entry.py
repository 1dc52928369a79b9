"""Everything under `/api/` is answered here, before sessions, cookies and HTML pages."""

import hashlib
from collections.abc import Callable
from typing import cast

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import resolve
from django.utils import translation
from django.utils.cache import get_conditional_response

from menting.api import call, problem, refusals
from menting.api.problem import Problem

ROOT = "/api"
_JSON = ("application/json", problem.MEDIA_TYPE)
#: Answers that a client may hold on to and ask for again.
_TAGGED = ("GET", "HEAD")

Next = Callable[[HttpRequest], HttpResponseBase]


def entry(get_response: Next) -> Next:
    """Make the middleware: the API speaks English, as the commands do."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.path_info != ROOT and not request.path_info.startswith(f"{ROOT}/"):
            return get_response(request)
        with translation.override("en"):
            return _answered(request)

    return middleware


def _answered(request: HttpRequest) -> HttpResponse:
    method = str(request.method)
    try:
        _check(request)
        if method == "HEAD":
            request.method = "GET"
        answer = _run(request, method)
    except Exception as error:
        # The outermost place: the caller gets a problem, and the log the rest.
        answer = problem.answer(refusals.of(error))
    return _finished(request, method, answer)


def _check(request: HttpRequest) -> None:
    request.get_host()  # raises DisallowedHost
    if not any(request.accepts(kind) for kind in _JSON):
        raise Problem("not-acceptable", "Accept application/json.")


def _run(request: HttpRequest, method: str) -> HttpResponse:
    found = resolve(request.path_info)
    answer = cast("HttpResponse", found.func(request, *found.args, **found.kwargs))
    return _not_allowed(method, answer) if answer.status_code == 405 else answer


def _not_allowed(method: str, answer: HttpResponse) -> HttpResponse:
    """Name the methods that there are; to OPTIONS that is the answer."""
    methods = {name.strip() for name in answer.headers["Allow"].split(",")} | {"OPTIONS"}
    if "GET" in methods:
        methods.add("HEAD")
    allow = {"Allow": ", ".join(sorted(methods))}
    if method == "OPTIONS":
        return HttpResponse(status=204, headers=allow)
    raise Problem("method-not-allowed", "See the header Allow.", headers=allow)


def _finished(request: HttpRequest, method: str, answer: HttpResponse) -> HttpResponse:
    if method in _TAGGED and answer.status_code == 200:
        answer = _tagged(request, answer)
    answer.headers.setdefault("Cache-Control", "no-store")
    allowance = getattr(request, "allowance", None)
    if allowance is not None:
        for name, said in call.rate_headers(allowance).items():
            answer.headers[name] = said
    if answer.status_code in (204, 304):
        answer.headers.pop("Content-Type", None)
    else:
        answer.headers["Content-Length"] = str(len(answer.content))
    if method == "HEAD":
        answer.content = b""
    return answer


def _tagged(request: HttpRequest, answer: HttpResponse) -> HttpResponse:
    """Answer 304 to one who has it already: a poll then costs the headers alone."""
    tag = f'"{hashlib.sha256(answer.content).hexdigest()[:32]}"'
    answer.headers["ETag"] = tag
    return cast("HttpResponse", get_conditional_response(request, tag, response=answer))

"""The headers of every answer: nothing but our own files may run, be framed or be kept."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from menting.base import config


def csp() -> str:
    """Return the policy; a form may lead to QQ only where visitors sign in by it."""
    qq = config.current().qq_connect
    forms = f"'self' {qq.api}" if qq else "'self'"
    return (
        f"default-src 'self'; object-src 'none'; base-uri 'none'; form-action {forms}; "
        "frame-ancestors 'none'"
    )


def security(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Make the middleware that adds them, and keeps signed-in pages out of every cache."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", csp())
        response.headers.setdefault(
            "Permissions-Policy", "camera=(), microphone=(), geolocation=()"
        )
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if _is_personal(request):
            response.headers["Cache-Control"] = "no-store"
        return response

    return middleware


def _is_personal(request: HttpRequest) -> bool:
    return request.path.startswith(("/console/", "/accounts/"))

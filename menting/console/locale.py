"""Show each signed-in operator the pages in their own language and time zone."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation


def own_language_and_zone(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Make the middleware: an operator's setting goes before the browser's wish."""

    def middleware(request: HttpRequest) -> HttpResponse:
        user = request.user
        if not (user.is_authenticated and user.is_operator):
            return get_response(request)
        with (
            translation.override(user.language),
            timezone.override(ZoneInfo(user.time_zone)),
        ):
            request.LANGUAGE_CODE = translation.get_language() or user.language
            response = get_response(request)
        response.headers["Content-Language"] = user.language
        return response

    return middleware

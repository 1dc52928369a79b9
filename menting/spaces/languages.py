"""In which language a public page speaks: the reader's if we have it, else the space's."""

from django.conf import settings
from django.http import HttpRequest
from django.utils import translation
from django.utils.translation.trans_real import parse_accept_lang_header

from menting.spaces.models import Space


def of(request: HttpRequest, space: Space) -> str:
    """Return the language for this reader; a choice made here goes before the browser's."""
    if settings.LANGUAGE_COOKIE_NAME in request.COOKIES or _is_operator(request):
        return translation.get_language() or space.language
    for wish, _ in parse_accept_lang_header(request.headers.get("Accept-Language", "")):
        try:
            return translation.get_supported_language_variant(wish)
        except LookupError:
            continue
    return space.language


def _is_operator(request: HttpRequest) -> bool:
    return request.user.is_authenticated and request.user.is_operator

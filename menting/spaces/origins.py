"""Proof that another site is ours: a file there says what only this house can know."""

import http.client
from urllib.parse import urlsplit

from menting.base import config, crypto
from menting.base.folder import Folder

#: Below /.well-known/ only a site's owner puts files (RFC 8615).
PATH = "/.well-known/menting.txt"
SECONDS = 10
MOST_BYTES = 4096


class NotProvenError(Exception):
    """The site does not say that it is ours; the message says what to put where."""


def proof(slug: str, origin: str) -> str:
    """Return the line that the site's file has to hold."""
    house = Folder(config.current().data).key("house")
    key = crypto.derive(house, "origin")
    return crypto.keyed_hash(key, f"{slug} {origin}").hex()


def prove(slug: str, origin: str) -> None:
    """Ask the site for its file, without following it elsewhere. Raises NotProvenError."""
    line = proof(slug, origin)
    try:
        lines = _fetch(origin)
    except (OSError, http.client.HTTPException) as error:
        raise NotProvenError(f"{_remedy(origin, line)} ({error})") from error
    if line not in lines:
        raise NotProvenError(_remedy(origin, line))


def _fetch(origin: str) -> list[str]:
    parts = urlsplit(origin)
    kinds = {"https": http.client.HTTPSConnection, "http": http.client.HTTPConnection}
    connection = kinds[parts.scheme](parts.netloc, timeout=SECONDS)
    try:
        connection.request("GET", PATH)
        answer = connection.getresponse()
        body = answer.read(MOST_BYTES) if answer.status == http.HTTPStatus.OK else b""
    finally:
        connection.close()
    return [line.strip() for line in body.decode(errors="replace").splitlines()]


def _remedy(origin: str, line: str) -> str:
    return (
        f"{origin} is not proven to be yours: put the line {line} into {origin}{PATH}, "
        "and say this again"
    )

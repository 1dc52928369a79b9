"""The questions of `menting doctor`, each with what to do about a bad answer."""

import os
import shutil
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from menting.base import clock, config
from menting.base.folder import Folder, is_running
from menting.server import dump
from menting.users import house
from menting.users.models import AuditEntry

LEAST_FREE_BYTES = 1 << 30
CERTIFICATE_SPARE = timedelta(days=14)
#: No clock of a machine that runs this version can be before its release.
RELEASED = datetime(2026, 11, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer; `remedy` is empty when all is well."""

    id: str
    found: str
    remedy: str = ""


def examine(folder: Folder, settings: config.Settings) -> Iterator[Finding]:
    """Ask everything that can be asked from here; nothing is changed."""
    yield _folder(folder)
    yield _disk(folder)
    yield _clock()
    yield _database()
    yield _migrations()
    yield _port(folder, settings)
    yield _certificate(settings)
    yield _key(folder, settings)
    yield _house()


def _folder(folder: Folder) -> Finding:
    mode = folder.root.stat().st_mode & 0o777
    found = f"{folder.root}, mode {mode:o}"
    if not os.access(folder.root, os.W_OK | os.X_OK):
        return Finding("folder", found, "make it writable for the user that runs Menting")
    if mode & 0o077:
        return Finding("folder", found, f"others can look into it: chmod 700 {folder.root}")
    return Finding("folder", found)


def _disk(folder: Folder) -> Finding:
    free = shutil.disk_usage(folder.root).free
    found = f"{free / 1e9:.1f} GB free"
    low = free < LEAST_FREE_BYTES
    return Finding(
        "disk", found, "free some space: below 1 GB visits may be refused" if low else ""
    )


def _clock() -> Finding:
    now = clock.now()
    latest = (
        AuditEntry.objects.order_by("-pk").values_list("at", flat=True).first() or RELEASED
    )
    behind = now < max(latest, RELEASED)
    return Finding(
        "clock", now.isoformat(), "the clock is behind: set it, by NTP" if behind else ""
    )


def _database() -> Finding:
    if connection.vendor != "postgresql":
        return Finding("database", "SQLite, in the folder")
    with connection.cursor() as cursor:
        cursor.execute("select current_setting('server_version'), current_setting('fsync')")
        version, fsync = cursor.fetchone()
    found = f"PostgreSQL {version}, {connection.settings_dict['NAME']}"
    if fsync != "on":
        return Finding("database", found, "set fsync = on: a power loss loses the state")
    if not dump.is_here():
        return Finding("database", found, "install its client programs: pg_dump is missing")
    return Finding("database", found)


def _migrations() -> Finding:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    found = f"{len(executor.loader.applied_migrations)} applied, {len(missing)} missing"
    return Finding(
        "migrations", found, "start `menting run` once: it applies them" if missing else ""
    )


def _port(folder: Folder, settings: config.Settings) -> Finding:
    where = f"{settings.host}:{settings.port}"
    if is_running(folder):
        return Finding("port", f"{where}, the program runs")
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            return Finding(
                "port", f"{where}: {error.strerror}", "choose another port in menting.toml"
            )
    return Finding("port", f"{where} is free")


def _certificate(settings: config.Settings) -> Finding:
    if not settings.is_https:
        return Finding(
            "certificate", "none needed: public_url is http, for this machine alone"
        )
    parts = urlsplit(settings.public_url)
    host, port = parts.hostname or "", parts.port or 443
    context = ssl.create_default_context()
    try:
        with (
            socket.create_connection((host, port), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname=host) as tls,
        ):
            ends = ssl.cert_time_to_seconds(str((tls.getpeercert() or {}).get("notAfter")))
    except (OSError, ValueError) as error:
        return Finding(
            "certificate", f"{host}:{port}: {error}", "check the proxy and its certificate"
        )
    until = datetime.fromtimestamp(ends, UTC)
    soon = until < clock.now() + CERTIFICATE_SPARE
    return Finding(
        "certificate", f"valid until {until:%Y-%m-%d}", "renew it" if soon else ""
    )


def _key(folder: Folder, settings: config.Settings) -> Finding:
    if settings.vault_key.get_secret_value():
        return Finding("vault key", "from MENTING_VAULT_KEY")
    path = folder.root / "keys" / "vault.key"
    if not path.exists():
        return Finding("vault key", "none yet: made with the first account")
    loose = path.stat().st_mode & 0o077
    return Finding(
        "vault key", str(path), f"others can read it: chmod 600 {path}" if loose else ""
    )


def _house() -> Finding:
    here = house.get()
    if here.held_since is not None:
        since = f"held since {here.held_since:%Y-%m-%d %H:%M} UTC, after a restore"
        return Finding(
            "house", since, "look what went out since, then `menting restore --go-on`"
        )
    if not (here.legal_name and here.contact):
        return Finding(
            "house",
            "the sender's legal name or contact is missing",
            "fill them in: `menting init --link`",
        )
    return Finding("house", "the sender is named")

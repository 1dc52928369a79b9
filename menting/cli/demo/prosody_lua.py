"""The whole configuration of the private Prosody."""

from pathlib import Path
from typing import NamedTuple

HOST = "localhost"
COMPONENT = "desk.localhost"

_LUA = """\
pidfile = "{folder}/prosody.pid"
data_path = "{folder}/data"
certificates = "{folder}"
run_as_root = true
network_backend = "epoll"
network_settings = {{ tcp_backlog = 1024 }}
storage = "internal"
modules_enabled = {{
    "blocklist", "carbons", "disco", "iq", "mam", "message", "offline", "pep", "ping",
    "presence", "roster", "saslauth", "smacks", "vcard4", "vcard_legacy"{tls}
}}
modules_disabled = {{ "limits", "s2s" }}
-- A file holds the password itself: accounts are made by writing one.
authentication = "internal_plain"
allow_unencrypted_plain_auth = false
c2s_require_encryption = false
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {ports.client} }}
c2s_direct_tls_ports = {{ {direct} }}
component_interfaces = {{ "127.0.0.1" }}
component_ports = {{ {ports.component} }}
log = {{ warn = "{folder}/prosody.log" }}
{ssl}
VirtualHost "{host}"
Component "{component}"
    component_secret = "{secret}"
"""


class Ports(NamedTuple):
    """Where it listens on 127.0.0.1."""

    client: int
    tls: int
    component: int


class Certificate(NamedTuple):
    """A certificate for `localhost` and its key."""

    certificate: Path
    key: Path


def text(
    folder: Path, ports: Ports, *, secret: str, certificate: Certificate | None
) -> str:
    """Return the file's text; STARTTLS and TLS are offered with a certificate alone."""
    ssl = ""
    if certificate is not None:
        files = f'certificate = "{certificate.certificate}"; key = "{certificate.key}"'
        ssl = f"ssl = {{ {files} }}"
    return _LUA.format(
        folder=folder,
        ports=ports,
        direct=ports.tls if certificate else "",
        tls=', "tls"' if certificate else "",
        ssl=ssl,
        host=HOST,
        component=COMPONENT,
        secret=secret,
    )

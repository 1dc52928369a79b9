"""Settings of a Synapse that serves one machine, for a while, as fast as it can."""

import secrets
from pathlib import Path

SERVER_NAME = "localhost"

_SETTINGS = """\
server_name: {server_name}
report_stats: false
pid_file: {folder}/synapse.pid
signing_key_path: {folder}/signing.key
macaroon_secret_key: {macaroon}
form_secret: {form}
registration_shared_secret: {secret}
enable_registration: false
suppress_key_server_warning: true
trusted_key_servers: []
bcrypt_rounds: 4  # 12 by default, which is 6 sign-ins a second
media_store_path: {folder}/media
listeners:
  - port: {port}
    type: http
    bind_addresses: ["127.0.0.1"]
    tls: false
    x_forwarded: false
    resources: [{{names: [client]}}]
database: {{name: sqlite3, args: {{database: {folder}/homeserver.db}}}}
presence: {{enabled: false}}
federation_domain_whitelist: []
url_preview_enabled: false
rc_message: &none {{per_second: 100000, burst_count: 100000}}
rc_registration: *none
rc_login: {{address: *none, account: *none, failed_attempts: *none}}
rc_joins: {{local: *none, remote: *none}}
rc_joins_per_room: *none
rc_invites: {{per_room: *none, per_user: *none, per_issuer: *none}}
rc_room_creation: *none
rc_presence: {{per_user: *none}}
log_config: {folder}/log.yaml
"""

_LOG = """\
version: 1
handlers:
  file: {{class: logging.FileHandler, filename: {folder}/synapse.log}}
root: {{level: WARNING, handlers: [file]}}
disable_existing_loggers: false
"""

#: A room costs 7 commits, each a wait for the disk: 4 s instead of 8 s for 60 rooms.
#: What is lost with the machine's power is a demo.
#: And it ends with its parent, even one that was killed (PR_SET_PDEATHSIG is 1).
_SITECUSTOMIZE = """\
import ctypes
import signal
import sqlite3
import sys

if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)

_connect = sqlite3.connect


def connect(*args, **kwargs):
    connection = _connect(*args, **kwargs)
    connection.execute("PRAGMA synchronous = OFF")
    return connection


sqlite3.connect = connect
"""


def files(folder: Path, port: int, secret: str) -> dict[str, str]:
    """Return the settings files by name; `secret` lets its holder make accounts."""
    # One for the life of the folder, so that tokens outlive a restart of the server.
    settings = _SETTINGS.format(
        server_name=SERVER_NAME,
        folder=folder,
        port=port,
        secret=secret,
        macaroon=secret[::-1],
        form=secrets.token_hex(16),
    )
    return {
        "homeserver.yaml": settings,
        "log.yaml": _LOG.format(folder=folder),
        "sitecustomize.py": _SITECUSTOMIZE,
    }

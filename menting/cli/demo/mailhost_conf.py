"""The settings of the private Postfix and Dovecot, each on loopback in one folder."""

from pathlib import Path
from typing import NamedTuple

#: Reserved by RFC 6761: no such domain exists anywhere.
SHOPS, PEOPLE = "shop.test", "people.test"
#: Whatever goes there is thrown away, for measuring.
SINK = "sink.test"
#: Refused at once; any other name without a mailbox is taken and bounces.
NOBODY = "nobody"
_DAEMONS = "/usr/lib/postfix/sbin"


class Ports(NamedTuple):
    """Where the two listen: the last two are between them."""

    smtp: int
    imap: int
    lmtp: int
    auth: int


def main_cf(folder: Path, ports: Ports, certificate: Path | None) -> str:
    """Return Postfix's main.cf: no DNS, STARTTLS if wanted, LMTP to Dovecot."""
    tls = "smtpd_tls_security_level = none\n"
    if certificate is not None:
        tls = (
            "smtpd_tls_security_level = may\n"
            f"smtpd_tls_cert_file = {certificate}\nsmtpd_tls_key_file = {certificate}\n"
        )
    return f"""\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = {_DAEMONS}
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/postfix.log
maillog_file_prefixes = {folder}
myhostname = mail.{SHOPS}
mydestination =
alias_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.1/32
local_header_rewrite_clients =
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject
smtpd_peername_lookup = no
smtpd_error_sleep_time = 0
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:{ports.auth}
smtpd_client_connection_count_limit = 0
{tls}smtp_dns_support_level = disabled
virtual_mailbox_domains = {SHOPS}, {PEOPLE}
virtual_mailbox_maps = regexp:{folder}/taken
virtual_transport = lmtp:inet:127.0.0.1:{ports.lmtp}
transport_maps = inline:{{ {{ {SINK} = discard: }} }}
in_flow_delay = 0
"""


def master_cf(ports: Ports) -> str:
    """Return Postfix's master.cf: what takes, queues, delivers and bounces."""
    services = [
        f"127.0.0.1:{ports.smtp} inet n - n - - smtpd",
        "cleanup unix n - n - 0 cleanup",
        "qmgr unix n - n 300 1 qmgr",
        "rewrite unix - - n - - trivial-rewrite",
        "proxymap unix - - n - - proxymap",
        "anvil unix - - n - 1 anvil",
        "postlog unix-dgram n - n - 1 postlogd",
        *(f"{name} unix - - n - 0 bounce" for name in ("bounce", "defer", "trace")),
        *(f"{name} unix - - n - - {name}" for name in ("lmtp", "discard", "error")),
        "retry unix - - n - - error",
        "verify unix - - n - 1 verify",
        "tlsmgr unix - - n 1000? 1 tlsmgr",
        "scache unix - - n - 1 scache",
        "flush unix n - n 1000? 0 flush",
    ]
    return "\n".join(services) + "\n"


def taken() -> str:
    """Return the names for which Postfix takes mail: all but one."""
    return f"if !/^{NOBODY}@/\n/@/ taken\nendif\n"


def dovecot_conf(folder: Path, ports: Ports, certificate: Path | None) -> str:
    """Return Dovecot's settings: mail in Maildirs, LMTP, and SASL for Postfix.

    A passwd file for each user: one for all would be read again once a second only, and
    whoever signed in before were refused and made to wait.
    """
    tls = "ssl = no\n"
    if certificate is not None:
        tls = f"ssl = yes\nssl_cert = <{certificate}\nssl_key = <{certificate}\n"
    return f"""\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = imap lmtp
listen = 127.0.0.1
{tls}disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
mail_location = maildir:{folder}/mail/%u
mail_max_userip_connections = 0
first_valid_uid = 1
default_process_limit = 1000
default_client_limit = 4000
service imap-login {{
  service_count = 0
  inet_listener imap {{
    port = {ports.imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {ports.lmtp}
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service auth {{
  inet_listener {{
    address = 127.0.0.1
    port = {ports.auth}
  }}
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%Lu {folder}/users/%Lu
}}
userdb {{
  driver = passwd-file
  args = username_format=%Lu {folder}/users/%Lu
  default_fields = uid=mail gid=mail home={folder}/mail/%Lu
}}
"""

#!/bin/sh
# Debian packages that the tests, the bench and the demo use: installed when root, else
# named. With names of programs: only what those need.
set -eu

missing=""
wanted=" $* "
need() {
    case "$wanted" in
    "  " | *" $1 "*) command -v "$1" >/dev/null 2>&1 || missing="$missing $2" ;;
    esac
}
need chromium chromium
need chromedriver chromium-driver
need dovecot "dovecot-imapd dovecot-lmtpd"
need msgfmt gettext
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || need initdb postgresql
need postfix postfix
need prosody prosody
need wrk wrk
[ -n "$*" ] || fc-list 2>/dev/null | grep -qi 'cjk' ||
    missing="$missing fontconfig fonts-noto-cjk"

[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing$missing"
    export DEBIAN_FRONTEND=noninteractive
    # The tests run servers of their own: none of the machine's is set up or started.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        trap 'rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod +x "$policy"
    fi
    echo "postfix postfix/main_mailer_type select No configuration" | debconf-set-selections
    # shellcheck disable=SC2086  # a list of words
    { apt-get update -q && apt-get install -q -y --no-install-recommends $missing; } >/dev/null
else
    echo "Packages are needed that are not here. As root:" >&2
    echo "    apt-get install$missing" >&2
fi

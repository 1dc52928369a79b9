"""Django's settings, all derived from `base.config`."""

import secrets
from urllib.parse import urlsplit

from django.utils.translation import gettext_lazy as _

from menting.base import config, crypto
from menting.base.folder import Folder
from menting.server import engines

_menting = config.current()
_folder = Folder(_menting.data)


def _django_key() -> str:
    """Return the key of cookies and links; tools without a folder get a passing one."""
    if not (_folder.root / "keys").exists():
        return secrets.token_hex(32)
    return crypto.derive(_folder.key("house"), "django").hex()


SECRET_KEY = _django_key()
DEBUG = False
ROOT_URLCONF = "menting.server.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "menting.users",
    "menting.accounts",
    "menting.people",
    "menting.spaces",
    "menting.campaigns",
    "menting.console",
]

MIDDLEWARE = [
    "menting.server.headers.security",
    "django.middleware.security.SecurityMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "menting.api.entry.entry",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "menting.console.locale.own_language_and_zone",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [config.package_folder() / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {"default": engines.engine(_menting, _folder)}

# One store for all processes: limits on signing in must not be one bucket a process.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cache",
    }
}

# Hosts, origins and cookies follow the one public address.
_local = ["localhost", "127.0.0.1", "[::1]"]
ALLOWED_HOSTS = sorted({_menting.public_host, *_local})
CSRF_TRUSTED_ORIGINS = [_menting.public_url]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _menting.is_https
SESSION_COOKIE_NAME = "__Host-session" if _menting.is_https else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if _menting.is_https else "csrf"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_HSTS_SECONDS = 31_536_000 if _menting.is_https else 0
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if _menting.trusted_proxies else None
)
X_FRAME_OPTIONS = "DENY"

AUTH_USER_MODEL = "users.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/console/"
LOGOUT_REDIRECT_URL = "/"

ACCOUNT_ADAPTER = "menting.users.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_USER_MODEL_EMAIL_FIELD = "email"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
# Codes by mail exist only where mail can be sent.
ACCOUNT_LOGIN_BY_CODE_ENABLED = _menting.smtp is not None
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_DEFAULT_HTTP_PROTOCOL = urlsplit(_menting.public_url).scheme
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_TOLERANCE = 0
MFA_TOTP_ISSUER = "Menting"
# Browsers offer passkeys on plain http for localhost alone.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not _menting.is_https
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if _menting.trusted_proxies else 0

# Of what another house says of somebody only an id, a name and a picture are kept.
SOCIALACCOUNT_ADAPTER = "menting.users.adapter.SocialAdapter"
SOCIALACCOUNT_AUTO_SIGNUP = True
SOCIALACCOUNT_EMAIL_REQUIRED = SOCIALACCOUNT_QUERY_EMAIL = False
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_PROVIDERS: dict[str, object] = {}
if _menting.qq_connect is not None:
    INSTALLED_APPS.append("menting.users.qq")
    SOCIALACCOUNT_PROVIDERS["qq"] = {
        "APPS": [
            {
                "client_id": _menting.qq_connect.client_id,
                "secret": _menting.qq_connect.client_secret.get_secret_value(),
            }
        ]
    }

if _menting.smtp is not None:
    EMAIL_HOST = _menting.smtp.host
    EMAIL_PORT = _menting.smtp.port
    EMAIL_HOST_USER = _menting.smtp.user
    EMAIL_HOST_PASSWORD = _menting.smtp.password.get_secret_value()
    EMAIL_USE_TLS = _menting.smtp.starttls
    DEFAULT_FROM_EMAIL = _menting.smtp.sender
    EMAIL_TIMEOUT = 10

# An uploaded roster holds secrets: it stays in memory, and larger files are refused.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
FILE_UPLOAD_MAX_MEMORY_SIZE = 20 * 1024 * 1024

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", _("Chinese")), ("en", _("English"))]
LOCALE_PATHS = [config.package_folder() / "locale"]

STATIC_URL = "/static/"
STATICFILES_DIRS = [config.package_folder() / "static"]
# Files are served from where they lie in the installed packages: no collect step.
SERVESTATIC_USE_FINDERS = True
SERVESTATIC_AUTOREFRESH = False

LOGGING_CONFIG = None

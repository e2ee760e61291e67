"""Settings, all from the environment; with none set at all the panel brings its own servers and keys."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import environ
from cryptography.fernet import Fernet, MultiFernet
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from cutover.data_folder import PROJECT, data_folder, default_folder, generated

env = environ.Env()

# ── what this installation is ────────────────────────────────────────────────


def _yes_or_no(name: str, default: bool) -> bool:
    """A switch; what is neither yes nor no is refused, lest a misspelt «yes» turn something off."""
    value: str = env.str(name, default="").strip().lower()
    if value not in ("", "1", "true", "yes", "on", "0", "false", "no", "off"):
        raise ImproperlyConfigured(f"{name} is {value}. Write true or false.")
    return value in ("1", "true", "yes", "on") if value else default


DEBUG = _yes_or_no("DEBUG", False)
CUTOVER_DATA = Path(env.str("CUTOVER_DATA", default="") or default_folder())
if not CUTOVER_DATA.is_absolute():
    raise ImproperlyConfigured(
        f"CUTOVER_DATA is {CUTOVER_DATA}: write it from / on, for all processes alike."
    )
EMBEDDED_POSTGRES = not env.str("DATABASE_URL", default="")
EMBEDDED_VALKEY = not env.str("REDIS_URL", default="")
#: With servers and keys of our own this is one machine's panel; otherwise somebody runs it for others.
STANDALONE = EMBEDDED_POSTGRES


def _own_folder() -> Path:
    try:
        data_folder(CUTOVER_DATA)
    except OSError as error:
        raise ImproperlyConfigured(
            f"The data folder {CUTOVER_DATA} cannot be used ({error.strerror}). "
            "Set CUTOVER_DATA to a folder that belongs to whoever runs the panel."
        )
    return CUTOVER_DATA


def _secret(name: str, make: Callable[[], str] | None = None) -> str:
    """A key from the environment; a panel on its own servers makes one and keeps it in its data folder."""
    value: str = env.str(name, default="")
    if value:
        return value
    if STANDALONE:
        return generated(_own_folder(), name.lower(), make)
    raise ImproperlyConfigured(
        f"{name} is not set. DATABASE_URL is, so this panel serves others and must not make up its own keys. "
        f"Set {name}; docs/reference/settings.md says how to make one."
    )


SECRET_KEY = _secret("SECRET_KEY")
#: Fernet keys for exports at rest and fingerprints of secrets; the first encrypts, all decrypt.
CUTOVER_SECRET_KEYS = _secret("CUTOVER_SECRET_KEYS", lambda: Fernet.generate_key().decode())
# Actions know the environment and no Django settings: a key that we made up belongs there, too.
os.environ.setdefault("CUTOVER_SECRET_KEYS", CUTOVER_SECRET_KEYS)
try:
    MultiFernet([Fernet(key.strip()) for key in CUTOVER_SECRET_KEYS.split(",")])
except ValueError:
    raise ImproperlyConfigured(
        "CUTOVER_SECRET_KEYS must be Fernet keys, separated by commas. Make one with: python -c "
        "'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"
    )

# ── servers ──────────────────────────────────────────────────────────────────
if not EMBEDDED_POSTGRES and not re.fullmatch(
    r"postgres(ql)?://[^/]*/[^/?]+(\?.*)?", env.str("DATABASE_URL")
):
    raise ImproperlyConfigured(
        "DATABASE_URL must be the address of a PostgreSQL database: postgresql://user:password@host:5432/cutover"
    )
DATABASES: dict[str, dict[str, Any]] = {
    "default": (
        {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": "cutover",
            "USER": "postgres",
            "HOST": str(CUTOVER_DATA / "postgres" / "s"),
            "PORT": "5432",
        }
        if EMBEDDED_POSTGRES
        else env.db("DATABASE_URL")
    )
}
DATABASES["default"].update(
    CONN_MAX_AGE=0,  # under ASGI a kept connection belongs to nobody
    CONN_HEALTH_CHECKS=True,
    OPTIONS={
        **DATABASES["default"].get("OPTIONS", {}),
        "application_name": "cutover:panel",
        "options": "-c lock_timeout=5000 -c statement_timeout=30000 "
        "-c idle_in_transaction_session_timeout=15000",
    },
)

REDIS_URL = env.str("REDIS_URL", default=f"unix://{CUTOVER_DATA}/valkey/valkey.sock?db=0")
if not REDIS_URL.startswith(("redis://", "rediss://", "unix://")):
    raise ImproperlyConfigured("REDIS_URL must begin with redis://, rediss:// or unix://")


def _broker(url: str) -> str:
    """The same address as kombu writes it: it knows sockets under another name."""
    if not url.startswith("unix://"):
        return url
    path, _, query = url.removeprefix("unix://").partition("?")
    return f"redis+socket://{path}?virtual_host={query.removeprefix('db=') or '0'}"


# ── Celery: carries «look at attempt X», nothing else (docs/explanation/execution.md) ──
CELERY_BROKER_URL = _broker(REDIS_URL)
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_TASK_REJECT_ON_WORKER_LOST = False
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_DEFAULT_QUEUE = "control"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_PUBLISH_RETRY_POLICY = {
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.2,
    "interval_max": 0.2,
}
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 5,
    "socket_connect_timeout": 3,
    "socket_keepalive": not REDIS_URL.startswith("unix://"),
    "health_check_interval": 5,
    "visibility_timeout": 43200,
}

# ── web ──────────────────────────────────────────────────────────────────────
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"] if STANDALONE else [])
if not ALLOWED_HOSTS:
    raise ImproperlyConfigured(
        "ALLOWED_HOSTS is not set. Name the hosts people use to reach the panel, separated by commas."
    )
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
#: On loopback there is no TLS; everywhere else cookies travel over https only.
HTTPS = _yes_or_no("CUTOVER_HTTPS", not STANDALONE)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if _yes_or_no("CUTOVER_BEHIND_PROXY", False) else None
)
SECURE_HSTS_SECONDS = 31536000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^health/"]
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_NAME = "__Host-sessionid" if HTTPS else f"cutover_{'standalone' if STANDALONE else 'panel'}"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "servestatic.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "django_htmx",
    "template_partials",
    "pgtrigger",
    "csp",
    "checklists",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "cutover.urls"
ASGI_APPLICATION = "cutover.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [PROJECT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# ── people ───────────────────────────────────────────────────────────────────
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "cutover.accounts.ClosedDoor"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = STANDALONE  # passkeys on http://localhost only
SOCIALACCOUNT_ONLY = False
EMAIL_BACKEND = env.str("EMAIL_BACKEND", default="django.core.mail.backends.console.EmailBackend")

# ── the rest ─────────────────────────────────────────────────────────────────
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
USE_THOUSAND_SEPARATOR = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "/static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(CUTOVER_DATA / "static")))
STATICFILES_DIRS = [PROJECT / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "servestatic.storage.CompressedManifestStaticFilesStorage"},
}
SERVESTATIC_USE_MANIFEST = False
SERVESTATIC_AUTOREFRESH = DEBUG
SERVESTATIC_USE_FINDERS = True
SERVESTATIC_USE_STATIC_ROOT = STATIC_ROOT.is_dir()  # the names with a hash that collectstatic wrote
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": "INFO"},
}

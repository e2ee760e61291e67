"""Settings, all from the environment. With none set, the panel uses embedded servers and own keys."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from cryptography.fernet import Fernet, MultiFernet
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from cutover.addresses import refuse_wrong_addresses
from cutover.data_folder import PROJECT, data_folder, default_folder, load_or_create_secret
from cutover.database.address import EMBEDDED_APPLICATION, EMBEDDED_OWNER, SMALLEST_POOL, connection_settings
from cutover.environment import env, whole_number, yes_or_no
from cutover.own_secrets import list_own_secrets
from cutover.safe_settings import refuse_unsafe_settings
from cutover.sign_in_settings import *  # noqa: F403  # settings of their own file
from cutover.sign_in_settings import HTTPS, OIDC_ORIGINS
from cutover.storage_settings import refuse_wrong_storage
from integrations.credentials import generate_key
from integrations.redact.process_output import register_secrets

register_secrets(*list_own_secrets(os.environ))  # before anything below may quote one
# ── what this installation is ────────────────────────────────────────────────

DEBUG = yes_or_no("DEBUG", False)
CUTOVER_DATA = Path(env.str("CUTOVER_DATA", default="") or default_folder())
if not CUTOVER_DATA.is_absolute():
    raise ImproperlyConfigured(
        f"CUTOVER_DATA is {CUTOVER_DATA}: write an absolute path, the same for all processes."
    )
#: Files that actions read from the environment; checked here, so that a wrong one is told at the start.
for _name, _file in (
    ("CUTOVER_PROGRAMS", env.str("CUTOVER_PROGRAMS", default="")),
    ("CUTOVER_SSH_CONFIG", env.str("CUTOVER_SSH_CONFIG", default="")),
):
    if _file and not Path(_file).is_absolute():
        raise ImproperlyConfigured(f"{_name} is {_file}: write the absolute path of the file.")
EMBEDDED_POSTGRES = not env.str("DATABASE_URL", default="")
EMBEDDED_VALKEY = not env.str("REDIS_URL", default="")
#: With an embedded database this is a panel for one machine; otherwise it serves others.
STANDALONE = EMBEDDED_POSTGRES


def _own_folder() -> Path:
    try:
        data_folder(CUTOVER_DATA)
    except OSError as error:
        raise ImproperlyConfigured(
            f"The data folder {CUTOVER_DATA} cannot be used ({error.strerror}). "
            "Set CUTOVER_DATA to a folder that belongs to the user that runs the panel."
        )
    return CUTOVER_DATA


def _secret(name: str, make: Callable[[], str] | None = None) -> str:
    """A key from the environment. A standalone panel creates one and keeps it in its data folder."""
    value: str = env.str(name, default="")
    if value:
        return value
    assert STANDALONE  # otherwise `refuse_unsafe_settings` has named it
    return load_or_create_secret(_own_folder(), name.lower(), make)


refuse_wrong_addresses(env)
refuse_unsafe_settings(env)
refuse_wrong_storage()
SECRET_KEY = _secret("SECRET_KEY")
#: Fernet keys for exports at rest and fingerprints of secrets; the first encrypts, all decrypt.
CUTOVER_SECRET_KEYS = _secret("CUTOVER_SECRET_KEYS", generate_key)
# Actions read the environment, not Django settings: a created key has to be there, too.
os.environ.setdefault("CUTOVER_SECRET_KEYS", CUTOVER_SECRET_KEYS)
#: Masked in everything that the panel writes, shows and stores; see `checklists.redaction`.
OWN_SECRETS = (*list_own_secrets(os.environ), SECRET_KEY)
register_secrets(*OWN_SECRETS)
try:
    MultiFernet([Fernet(key.strip()) for key in CUTOVER_SECRET_KEYS.split(",")])
except ValueError:
    raise ImproperlyConfigured(
        "CUTOVER_SECRET_KEYS must be Fernet keys, separated by commas. Make one with: python -c "
        "'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"
    )

#: Minutes between two preflights that the dispatcher asks for by itself; 0 turns it off.
CUTOVER_PREFLIGHT_MINUTES = whole_number("CUTOVER_PREFLIGHT_MINUTES", 15, zero="is never")

# ── servers ──────────────────────────────────────────────────────────────────
#: Connections that a web process has at most, and keeps for the next request; other processes have no pool.
CUTOVER_DATABASE_POOL = whole_number("CUTOVER_DATABASE_POOL", 20, zero="opens one for each request")
if 0 < CUTOVER_DATABASE_POOL < SMALLEST_POOL:
    raise ImproperlyConfigured(
        f"CUTOVER_DATABASE_POOL is {CUTOVER_DATABASE_POOL}. Write {SMALLEST_POOL} or more (live pages take "
        "up to 5, and each of the people who tick at once takes one), or 0: a connection for each request."
    )
DATABASE_URL = env.str("DATABASE_URL", default="")
#: `migrate` and `database_roles` connect as the owner; no other process needs this address.
DATABASE_OWNER_URL = env.str("DATABASE_OWNER_URL", default="")
DATABASES = {"default": connection_settings(DATABASE_URL, EMBEDDED_APPLICATION, CUTOVER_DATA)}
#: Copies: while `migrate` runs, the connection of Django's "default" is the owner's.
DATABASE_APPLICATION = dict(DATABASES["default"])
DATABASE_OWNER = (
    connection_settings(DATABASE_OWNER_URL, EMBEDDED_OWNER, CUTOVER_DATA)
    if DATABASE_OWNER_URL or EMBEDDED_POSTGRES
    else None
)

REDIS_URL = env.str("REDIS_URL", default=f"unix://{CUTOVER_DATA}/valkey/valkey.sock?db=0")
if not REDIS_URL.startswith(("redis://", "rediss://", "unix://")):
    raise ImproperlyConfigured("REDIS_URL must begin with redis://, rediss:// or unix://")


def _broker(url: str) -> str:
    """The same address in kombu's form, which has another scheme for Unix sockets."""
    if not url.startswith("unix://"):
        return url
    path, _, query = url.removeprefix("unix://").partition("?")
    return f"redis+socket://{path}?virtual_host={query.removeprefix('db=') or '0'}"


# ── Celery: a message says “look at attempt X” (docs/explanation/execution.md) ──
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
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
SECURE_HSTS_SECONDS = 31536000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^health/"]
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
        "form-action": [SELF, *OIDC_ORIGINS],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}

INSTALLED_APPS = [
    "cutover.database",  # first: its `migrate` connects as the owner
    "cutover.accounts.admin_app.PanelAdminConfig",
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
    "cutover.accounts",
]
if (PROJECT / "cutover" / "demo").is_dir():  # the production image leaves the demo out (.dockerignore)
    INSTALLED_APPS.append("cutover.demo")
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
    "cutover.accounts.idle.IdleSessionMiddleware",
    "cutover.accounts.second_factor.SecondFactorMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "checklists.views.failures.RequestMiddleware",
    "checklists.views.failures.hide_found_values",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
MESSAGE_STORAGE = "cutover.message_cookies.ApartStorage"
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
                "cutover.accounts.page_context.sign_in_options",
            ]
        },
    }
]

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
#: One handler for everything, and it masks. Loggers that libraries give handlers of their own lose them:
#: the web server's, whose tracebacks are those of our code, and Django's, which could send mails.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "masking": {
            "()": "integrations.redact.process_output.MaskingFormatter",
            "fmt": "%(asctime)s %(levelname)s %(name)s: %(message)s",
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "masking"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        name: {"handlers": [], "propagate": True}
        for name in ("django", "django.server", "uvicorn", "uvicorn.error", "uvicorn.access", "asyncio")
    },
}

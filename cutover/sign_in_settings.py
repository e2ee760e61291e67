"""Settings of accounts and sign-in: passwords, second factor, identity provider, mail, cookies.

A part of `cutover.settings`, which imports all its names. Every value comes from the environment.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from cutover.environment import env, whole_number, yes_or_no

_standalone = not env.str("DATABASE_URL", default="")

# ── cookies and addresses ────────────────────────────────────────────────────
#: On loopback there is no TLS; everywhere else cookies travel over https only.
HTTPS = yes_or_no("CUTOVER_HTTPS", not _standalone)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
#: A browser takes a cookie of this prefix only over https, from this host, for all of its paths.
_prefix = "__Host-" if HTTPS else f"cutover_{'standalone' if _standalone else 'panel'}_"
SESSION_COOKIE_NAME = "__Host-sessionid" if HTTPS else _prefix.removesuffix("_")
CSRF_COOKIE_NAME = "__Host-csrftoken" if HTTPS else "csrftoken"
KNOWN_BROWSER_COOKIE_NAME = f"{_prefix}known-browser"
SESSION_ENGINE = "cutover.accounts.sessions"
#: Seconds from signing in to the end of the session; requests do not prolong it.
SESSION_COOKIE_AGE = 12 * 3600
#: Minutes without anything that a person does, after which a session ends before that.
CUTOVER_SESSION_IDLE_MINUTES = whole_number("CUTOVER_SESSION_IDLE_MINUTES", 240, zero="never ends it earlier")
BEHIND_PROXY = yes_or_no("CUTOVER_BEHIND_PROXY", False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
#: How many proxies in a row add the client's address to X-Forwarded-For; 0: the header is not read.
CUTOVER_PROXIES = whole_number("CUTOVER_PROXIES", 0, zero="ignores X-Forwarded-For")

# ── passwords and second factor ──────────────────────────────────────────────
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
ACCOUNT_ADAPTER = "cutover.accounts.adapters.PanelAccountAdapter"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
ACCOUNT_REAUTHENTICATION_REQUIRED = True
#: Our own limits (cutover/accounts/limits.py) count failures only, and not for everybody at an address.
ACCOUNT_RATE_LIMITS = {"login": False, "login_failed": False, "reauthenticate": False}
MFA_RATE_LIMITS = {"webauthn_login": False}  # a signature cannot be guessed
MFA_ADAPTER = "cutover.accounts.adapters.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
ACCOUNT_FORMS = {
    "login": "cutover.accounts.forms.SignInForm",
    "reauthenticate": "cutover.accounts.forms.RepeatedPasswordForm",
    "change_password": "cutover.accounts.forms.NewPasswordForm",
    "set_password": "cutover.accounts.forms.FirstPasswordForm",
    "reset_password": "cutover.accounts.forms.ForgottenPasswordForm",
    "reset_password_from_key": "cutover.accounts.forms.PasswordFromLinkForm",
}
MFA_FORMS = {
    "authenticate": "cutover.accounts.forms.CodeForm",
    "reauthenticate": "cutover.accounts.forms.RepeatedCodeForm",
    "activate_totp": "cutover.accounts.forms.AddAppForm",
}
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_ALLOW_UNVERIFIED_EMAIL = True  # nobody signs up, so no address needs to be proven first
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not HTTPS  # passkeys on http://localhost
#: Must people who can change something have a second factor? Where others reach the panel, yes.
CUTOVER_REQUIRE_SECOND_FACTOR = yes_or_no("CUTOVER_REQUIRE_SECOND_FACTOR", not _standalone)
#: Used codes; in PostgreSQL, so that it is shared by all web processes and needs no Redis.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "accounts_cacheentry",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}

# ── mail: without a server, nobody can reset a password ──────────────────────
_mail = env.str("EMAIL_URL", default="")
HAS_MAIL = bool(_mail)
if _mail and urlsplit(_mail).scheme not in ("smtp", "smtps", "smtp+tls", "smtp+ssl"):
    raise ImproperlyConfigured(
        "EMAIL_URL must be the address of a mail server: smtp+tls://user:password@mail.example.org:587"
    )
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
if HAS_MAIL:
    globals().update(env.email_url_config(_mail))
EMAIL_TIMEOUT = 10  # seconds; without it, a silent mail server holds a request for ever
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="") or "cutover@localhost"
ACCOUNT_EMAIL_NOTIFICATIONS = HAS_MAIL  # “your password was changed” and the like
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[Cutover] "

# ── identity provider (OpenID Connect) ───────────────────────────────────────
SOCIALACCOUNT_ADAPTER = "cutover.accounts.oidc.IdentityProviderAdapter"
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = {}
OIDC_ISSUER = env.str("OIDC_ISSUER", default="").rstrip("/")
#: Link an account by its e-mail address, when the provider says that the address is verified.
OIDC_LINK_VERIFIED_EMAIL = yes_or_no("OIDC_LINK_VERIFIED_EMAIL", False)
#: Who signs in must be in one of these groups of the claim “groups”; it gives no rights here.
OIDC_GROUPS = env.list("OIDC_GROUPS", default=[])
_client = env.str("OIDC_CLIENT_ID", default=""), env.str("OIDC_CLIENT_SECRET", default="")
if OIDC_ISSUER and not all(_client):
    raise ImproperlyConfigured(
        "OIDC_ISSUER is set. Set OIDC_CLIENT_ID and OIDC_CLIENT_SECRET, too: the provider gives both."
    )
if OIDC_ISSUER and HTTPS and not OIDC_ISSUER.startswith("https://"):
    raise ImproperlyConfigured("OIDC_ISSUER must begin with https://")


def identity_provider(issuer: str, client: tuple[str, str], name: str) -> dict[str, Any]:
    """The provider as allauth wants it: the code flow with PKCE."""
    app = {
        "provider_id": "oidc",
        "name": name or urlsplit(issuer).hostname,
        "client_id": client[0],
        "secret": client[1],
        "settings": {
            "server_url": issuer,
            "oauth_pkce_enabled": True,
            "scope": env.list("OIDC_SCOPES", default=["openid", "profile", "email"]),
        },
    }
    return {"openid_connect": {"APPS": [app]}}


if OIDC_ISSUER:
    SOCIALACCOUNT_PROVIDERS = identity_provider(OIDC_ISSUER, _client, env.str("OIDC_NAME", default=""))
#: Where the form of the sign-in page leads: browsers apply form-action to redirects, too.
OIDC_ORIGINS = [f"{urlsplit(OIDC_ISSUER).scheme}://{urlsplit(OIDC_ISSUER).netloc}"] if OIDC_ISSUER else []

"""Refuses to start a panel that serves others with settings that are not safe; one message names them all."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from environ import Env

from cutover.environment import yes_or_no

MIN_KEY, MIN_SIGNS, MIN_REDIS_PASSWORD = 50, 10, 12
#: Words of examples and templates; a generated key has none of them.
PLACEHOLDERS = ("django-insecure", "change-me", "changeme", "secret-key", "your-", "example", "password")
MAKE_KEY = "Make one: python -c 'import secrets; print(secrets.token_urlsafe(64))'"
MAKE_FERNET = (
    "Make one: python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"
)


def refuse_unsafe_settings(env: Env) -> None:
    """Raises `ImproperlyConfigured` with every problem and its remedy.

    A panel on its own servers is not asked: they listen on private sockets, and its keys are made for it.
    """
    if not (env.str("DATABASE_URL", default="") or env.str("REDIS_URL", default="")):
        return
    problems = [*_keys(env), *_pages(env), *_redis(env.str("REDIS_URL", default="")), *_roles(env)]
    if problems:
        raise ImproperlyConfigured(
            f"the panel does not start, because {len(problems)} of them would not be safe or are missing:\n"
            + "\n".join(f"  {number}. {problem}" for number, problem in enumerate(problems, start=1))
        )


def _keys(env: Env) -> Iterator[str]:
    key: str = env.str("SECRET_KEY", default="")
    fernet: str = env.str("CUTOVER_SECRET_KEYS", default="")
    serves_others = bool(env.str("DATABASE_URL", default=""))
    if not key and serves_others:
        yield f"SECRET_KEY is not set: with DATABASE_URL the panel makes no keys by itself. {MAKE_KEY}"
    elif key and _is_weak(key):
        yield (
            f"SECRET_KEY can be guessed, and with it sessions can be forged: it needs {MIN_KEY} characters, "
            f"{MIN_SIGNS} of them different, and no words of an example. {MAKE_KEY}"
        )
    if not fernet and serves_others:
        yield f"CUTOVER_SECRET_KEYS is not set: with DATABASE_URL the panel makes no keys. {MAKE_FERNET}"
    for number, one in enumerate(filter(None, fernet.split(",")), start=1):
        if _is_weak_fernet(one.strip()):
            yield f"Key {number} of CUTOVER_SECRET_KEYS is no Fernet key, or no random one. {MAKE_FERNET}"


def _is_weak(key: str) -> bool:
    plain = key.lower()
    return len(key) < MIN_KEY or len(set(key)) < MIN_SIGNS or any(word in plain for word in PLACEHOLDERS)


def _is_weak_fernet(key: str) -> bool:
    try:
        Fernet(key)
    except ValueError:
        return True
    return len(set(key)) < MIN_SIGNS


def _pages(env: Env) -> Iterator[str]:
    hosts = [host.strip() for host in env.list("ALLOWED_HOSTS", default=[]) if host.strip()]
    if not hosts and env.str("DATABASE_URL", default=""):
        yield "ALLOWED_HOSTS is not set. Name the hosts by which people reach the panel, separated by commas."
    if "*" in hosts:
        yield (
            "ALLOWED_HOSTS is *: any name would be accepted, and links in mails could lead elsewhere. "
            "Name the hosts by which people reach the panel."
        )
    if yes_or_no("DEBUG", False):
        yield "DEBUG is on: error pages would show settings and rows to everybody. Take it out."
    if not yes_or_no("CUTOVER_HTTPS", True) and any(not _is_loopback(host) for host in hosts):
        others = ", ".join(host for host in hosts if not _is_loopback(host))
        yield (
            f"CUTOVER_HTTPS is off, and people reach the panel as {others}: passwords and sessions would "
            "travel in clear text. Put a proxy with TLS before the panel and take the setting out, or allow "
            "only localhost."
        )


def _is_loopback(host: str) -> bool:
    name = host.strip("[]").removeprefix(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _redis(url: str) -> Iterator[str]:
    if not url.startswith(("redis://", "rediss://")):
        return  # a Unix socket has the rights of its file; another scheme is refused elsewhere
    parts = urlsplit(url)
    password = parts.password or ""
    if len(password) < MIN_REDIS_PASSWORD:
        said = "no password" if not password else "a short password"
        yield (
            f"REDIS_URL has {said}: whoever reaches the port could empty the queues and read live lines. "
            f"Start Redis with requirepass, and write redis://:PASSWORD@host with "
            f"{MIN_REDIS_PASSWORD} characters or more."
        )
    if parts.scheme == "redis" and not _is_near(parts.hostname or ""):
        yield (
            f"REDIS_URL goes to {parts.hostname} without TLS: its password would travel in clear text. Write "
            "rediss://, or use a name or address of a private network (no dot in the name, as in "
            "compose.yaml)."
        )


def _is_near(host: str) -> bool:
    """A name without a dot belongs to this host or to a network of containers."""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host or _is_loopback(host)


def _roles(env: Env) -> Iterator[str]:
    application = urlsplit(env.str("DATABASE_URL", default=""))
    owner = urlsplit(env.str("DATABASE_OWNER_URL", default=""))
    if application.username and application.username == owner.username:
        yield (
            f"DATABASE_URL and DATABASE_OWNER_URL have the same role ({owner.username}). The owner can turn "
            "every rule of the database off. Keep it in DATABASE_OWNER_URL, name a new role in "
            "DATABASE_URL, and run `manage.py migrate` (docs/how-to/upgrade.md)."
        )

"""The secret parts of an address: its login, and what its query says besides the known public options."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote, unquote_plus, urlsplit

from integrations.torn_address import is_torn_address


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Options in the query of an address that say how to connect. The value of every other option is secret.
PUBLIC_OPTIONS = _names(
    "host hostaddr port dbname db user username schema options service passfile charset encoding "
    "protocol sslmode sslrootcert sslcert sslkey sslcrl ssl ssl-mode requiressl sslnegotiation "
    "channel_binding ssl_cert_reqs ssl_ca_certs ssl_certfile ssl_keyfile gssencmode require_auth "
    "client_encoding connect_timeout socket_timeout socket_connect_timeout timeout tcp_user_timeout "
    "pool_timeout keepalives keepalives_idle keepalives_interval keepalives_count application_name "
    "fallback_application_name target_session_attrs load_balance_hosts pgbouncer connection_limit "
    "statement_cache_size max_connections health_check_interval decode_responses page per_page limit"
)
#: The login of a database without a password names a role, and pages say as which role the panel works.
#: Elsewhere a login without a password is a token.
_DATABASES = frozenset({"postgres", "postgresql", "mysql", "mariadb", "redis", "rediss", "unix"})
_SIGNS = re.compile(r"[:/@#?&=\[\]]+")


def list_address_secrets(text: str) -> Iterator[str]:
    """What must be masked of an address, of several with blanks between, or of libpq's ``name=value`` pairs.

    Of a text that is no address all is secret, and so is each piece of one that a sign in its password has
    torn: nobody knows which piece belongs to the password.
    """
    for word in text.split():
        if "://" in word:
            yield from _list_of_url(word)
        elif "=" in word:
            yield from _list_of_option(word)
        else:
            yield word


def _list_of_url(url: str) -> Iterator[str]:
    if is_torn_address(url):
        yield url
        yield from (piece for piece in _SIGNS.split(url.partition("://")[2]) if piece)
        return
    parts = urlsplit(url)
    login, is_given, _ = parts.netloc.rpartition("@")
    if is_given:
        yield from _list_of_login(login, is_database=parts.scheme in _DATABASES)
    for option in filter(None, parts.query.split("&")):
        yield from _list_of_option(option)


def _list_of_login(login: str, *, is_database: bool) -> Iterator[str]:
    user, has_password, password = login.partition(":")
    if has_password:
        yield from (login, unquote(login), password, unquote(password))
    elif not is_database:
        yield from (user, unquote(user))


def _list_of_option(option: str) -> Iterator[str]:
    name, is_pair, value = option.partition("=")
    if is_pair and name.lower() in PUBLIC_OPTIONS:
        return
    secret = value if is_pair else name
    yield from (secret, unquote(secret), unquote_plus(secret))

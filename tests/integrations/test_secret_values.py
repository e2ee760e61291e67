"""What has to be masked follows from declarations of settings and parameters, not from their names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from integrations.actions import registry
from integrations.address_secrets import list_address_secrets
from integrations.errors import Problem, UnreleasedVariable
from integrations.runbook_commands import read_command
from integrations.secrecy import Secrecy
from integrations.secret_values import (
    find_short_secrets,
    list_parameter_secrets,
    list_system_secrets,
    list_system_texts,
)
from integrations.system_kinds import system_kinds
from integrations.systems import Systems
from integrations.variables import ReleasedVariables, is_own_variable
from tests.allowed import allow
from tests.source_tree import PROJECT

TOKEN = "kq81-zzTop-99-deploy"

#: Settings and parameters that are secret, whether somebody declared it or forgot to. A new one that appears
#: in this comparison has to be decided: add it here, or declare it `public` or an address.
SECRET_SETTINGS = {
    "api_process.variables",
    "dns.access_key",
    "dns.key_secret",
    "dns.secret_key",
    "dns.token",
    "http.token",
    "login.password",
    "oauth.client_secret",
    "oauth.private_key",
    "payments.secret_key",
    "payments.webhook_secret",
    "proxy.token",
    "registry.password",
}
SECRET_PARAMETERS = {
    "bullmq.added.send",
    "bullmq.watch.canary_data",
    "bullmq.watch.retry_data",
    "http.check.send_headers",
    "login.canary.register",
    "secrets.revoked.mail",
    "sql.check.query",
}


def secrets_of(settings: Mapping[str, Any], environ: Mapping[str, str], kind: str = "http") -> set[str]:
    return set(list_system_secrets(Systems({"shop": {"kind": kind, **settings}}, environ)))


def test_every_setting_of_every_kind_has_been_decided() -> None:
    found = {
        f"{name}.{setting}"
        for name, kind in system_kinds().items()
        for setting in kind.settings
        if kind.secrecy_of(setting) == Secrecy.SECRET
    }
    assert found == SECRET_SETTINGS


def test_nothing_is_declared_for_a_setting_that_does_not_exist() -> None:
    for name, kind in system_kinds().items():
        assert kind.public | kind.addresses | kind.commands <= kind.settings, name
        assert not kind.public & kind.addresses, name
        assert not (kind.public | kind.addresses) & kind.commands, name


def test_every_parameter_of_every_action_has_been_decided() -> None:
    found = {
        f"{key}.{name}"
        for key, action in registry().items()
        for name in action.Params.base_fields
        if action.secrecy_of(name) == Secrecy.SECRET and not key.startswith("sample.")
    }
    assert found == SECRET_PARAMETERS


def test_a_variable_in_a_command_is_secret_whatever_its_name(tmp_path: Path) -> None:
    allow("/usr/bin/deployctl")
    engine = {
        "kind": "platform",
        "driver": "command",
        "apply": "/usr/bin/deployctl --credentials ${DEPLOY_NOTE} apply {images}",
        "status": "/usr/bin/true",
    }
    systems = Systems({"shop": engine}, {"DEPLOY_NOTE": TOKEN})
    assert TOKEN in set(list_system_secrets(systems))
    assert TOKEN not in " ".join(read_command(systems["shop"], "apply").shown)
    shown = Systems({"shop": engine}, ReleasedVariables({"DEPLOY_NOTE": TOKEN}, {"DEPLOY_NOTE": True}))
    assert TOKEN not in set(list_system_secrets(shown))
    assert TOKEN in " ".join(read_command(shown["shop"], "apply").shown)


def test_a_variable_in_a_parameter_is_secret_unless_every_place_that_uses_it_is_public() -> None:
    environ = {"REGION": "eu-central-7-blue"}
    images, headers = {"images": {"web": "${REGION}"}}, {"send_headers": {"X-Region": "${REGION}"}}
    of_deploy, of_check = registry()["deploy.apply"].secrecy_of, registry()["http.check"].secrecy_of
    assert list(list_parameter_secrets(images, of_deploy, environ)) == []
    assert list(list_parameter_secrets(headers, of_check, environ)) == ["eu-central-7-blue"]
    assert list(list_parameter_secrets({"unknown": "${REGION}"}, of_check, environ)) == ["eu-central-7-blue"]
    shown = ReleasedVariables(environ, {"REGION": True})
    assert list(list_parameter_secrets(headers, of_check, shown)) == []


def test_a_secret_setting_is_secret_also_where_it_stands_in_the_runbook() -> None:
    assert secrets_of({"url": "https://shop.example", "token": "in-the-file-1"}, {}) == {"in-the-file-1"}


@pytest.mark.parametrize(
    ("address", "secret"),
    [
        ("postgresql://app:p%40ss-word-1@db.example/shop", {"app:p%40ss-word-1", "app:p@ss-word-1",
                                                             "p%40ss-word-1", "p@ss-word-1"}),
        ("postgresql://app@db.example/shop?sslmode=require&connect_timeout=10", set()),
        ("postgresql://db.example/shop?password=hid%2Fden-1", {"hid%2Fden-1", "hid/den-1"}),
        ("https://shop.example/path?page=2", set()),
        ("https://ghp-token-91@shop.example/", {"ghp-token-91"}),
        ("https://shop.example/hook?key=abc-123-xyz", {"abc-123-xyz"}),
        ("http://a.example:1/m http://u:pass-word-2@b.example/m", {"u:pass-word-2", "pass-word-2"}),
        ("host=db.example dbname=shop password=pass-word-3", {"pass-word-3"}),
        ("not-an-address", {"not-an-address"}),
    ],
)  # fmt: skip
def test_of_an_address_login_and_query_are_secret(address: str, secret: set[str]) -> None:
    assert set(list_address_secrets(address)) == secret


def test_a_variable_inside_an_address_is_secret_by_its_place() -> None:
    environ = {"WHO": "somebody-1", "WORD": "pass-word-4", "HOST": "db.example", "NAME": "shop-name-1"}
    found = secrets_of({"url": "postgresql://${WHO}:${WORD}@${HOST}/${NAME}"}, environ, "postgres")
    assert {"somebody-1", "pass-word-4", "somebody-1:pass-word-4"} == found


@pytest.mark.parametrize("sign", "@/#?")
@pytest.mark.parametrize("kind", ["postgres", "redis", "mysql", "http"])
def test_an_address_torn_by_its_password_is_refused_without_any_part_of_it(kind: str, sign: str) -> None:
    scheme = {"postgres": "postgresql", "http": "https"}.get(kind, kind)
    url = f"{scheme}://keeper-1:first-half{sign}second-half@db-host-7.example:77/shop-base"
    system = Systems({"shop": {"kind": kind, "url": "${URL}"}}, {"URL": url})["shop"]
    with pytest.raises(Problem) as refused:
        _ = system["url"]
    said = f"{refused.value.what} {refused.value.means} {refused.value.next}"
    assert "“shop”" in said
    assert "%40" in said
    for part in ("keeper-1", "first-half", "second-half", "db-host-7", "shop-base"):
        assert part not in said
    assert {"first-half", "second-half"} <= secrets_of({"url": "${URL}"}, {"URL": url}, kind)


def test_a_fragment_of_a_web_address_is_no_torn_password() -> None:
    address = "https://shop.example/#/sign-in"
    assert Systems({"shop": {"kind": "http", "url": address}}, {})["shop"]["url"] == address


def test_short_secrets_are_named_by_their_place_and_never_shown() -> None:
    environ = {"KEY": "s3cret", "LONG": "long-enough-1"}
    systems = Systems(
        {
            "a": {"kind": "http", "url": "https://u:tiny7@a.example", "token": "${KEY}"},
            "b": {"kind": "login", "email": "x@y.z", "password": "${LONG}"},
        },
        environ,
    )
    found = find_short_secrets(list_system_texts(systems))
    assert found == [
        "url: of the system “a”",
        "the variable KEY (token: of the system “a”)",
        "token: of the system “a”",
    ]


def test_a_variable_that_is_not_released_cannot_be_used_and_its_default_is_not_taken() -> None:
    environ = ReleasedVariables(
        {"OTHER": "https://other.example", "URL": "https://a.example"}, {"URL": False}
    )
    assert Systems({"a": {"kind": "http", "url": "${URL}"}}, environ)["a"]["url"] == "https://a.example"
    other = Systems({"a": {"kind": "http", "url": "${OTHER:-https://b.example}"}}, environ)["a"]
    with pytest.raises(UnreleasedVariable, match="OTHER is not released") as refused:
        _ = other["url"]
    assert "variables release OTHER" in refused.value.next


def test_the_panels_own_variables_are_never_released() -> None:
    own = {"SECRET_KEY": "x" * 50, "DATABASE_OWNER_URL": "postgresql://h/d", "CUTOVER_SECRET_KEYS": "k"}
    environ = ReleasedVariables(own, dict.fromkeys(own, True))
    assert dict(environ) == {}
    for name in own:
        with pytest.raises(UnreleasedVariable, match=f"{name} is not released") as refused:
            Systems({}, environ).fill_variables(f"${{{name}}}")
        assert "belongs to the panel" in refused.value.means


def test_every_variable_that_the_settings_read_belongs_to_the_panel() -> None:

    text = (PROJECT / "cutover/settings.py").read_text()
    names = set(re.findall(r"env(?:\.\w+)?\(\s*\"([A-Z_]+)\"", text)) | set(
        re.findall(r"environ\S*\"([A-Z_]+)\"", text)
    )
    assert {"DATABASE_URL", "REDIS_URL", "ALLOWED_HOSTS"} <= names
    assert [name for name in sorted(names) if not is_own_variable(name)] == []

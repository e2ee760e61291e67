"""The files that the move works with: option files, the application's settings, rights, and two lists."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from integrations.sandbox.mariadb_programs import MariaDbPrograms
from integrations.sandbox.private_files import write_private
from integrations.sandbox.shop.database import ADMINISTRATOR, APPLICATION, GRANTS, NAME

OPTIONS = "[client]\nhost = 127.0.0.1\nport = {port}\nuser = {user}\npassword = {password}\nprotocol = tcp\n"
#: Answers of `bin/shop-state`; the probes of the runbook rely on them.
STATE = """\
#!/bin/sh
# Answers one question about the move. Exit code 0: yes. 3: no. Anything else: it cannot tell.
# The client of a database ends with 1 for every failure: its exit code cannot tell “no” from “not reached”.
cd {folder} || exit 4
ask() {{ {mariadb} --defaults-file="$1.cnf" --batch --skip-column-names -e "$2"; }}
tables="select count(*) from information_schema.tables where table_schema = 'shop'"
sums="select (select count(*) from shop.customers), (select count(*) from shop.products),
 (select count(*) from shop.orders), (select count(*) from shop.sales)"
case $1 in
    frozen | writable)
        answer=$(ask old "select if(@@global.read_only, 'frozen', 'writable')") || exit 4
        [ "$answer" = "$1" ] || exit 3
        ;;
    dumped)
        [ -s shop.sql ] || exit 3
        tail -n 1 shop.sql | grep -q '^-- Dump completed' || exit 3
        ;;
    dropped)
        answer=$(ask new "show databases like 'shop'") || exit 4
        [ -z "$answer" ] || exit 3
        ;;
    loaded)
        tables=$(ask new "$tables") || exit 4
        [ "$tables" != 0 ] || exit 3
        there=$(ask old "$sums") && here=$(ask new "$sums") || exit 5
        [ "$there" = "$here" ] || exit 5
        ;;
    granted)
        answer=$(ask new "select count(*) from mysql.global_priv where user = 'shop_app'") || exit 4
        [ "$answer" != 0 ] || exit 3
        ;;
    on-new | on-old)
        [ "$(readlink app.json)" = "app-${{1#on-}}.json" ] || exit 3
        ;;
    *) exit 2 ;;
esac
"""
LIST = """\
# The programs that the runbook of the shop may start. docs/reference/allowed-programs.md explains this file.
# A client that can run other programs is allowed with exactly these words; “= ” says so.
"""


def write_files(
    folder: Path, programs: MariaDbPrograms, ports: dict[str, int], passwords: dict[str, str]
) -> None:
    """Writes what is missing; the link to the settings in use stays where it points."""
    for name in ("old", "new"):
        values = {"port": ports[name], "user": ADMINISTRATOR, "password": passwords[ADMINISTRATOR]}
        write_private(folder / f"{name}.cnf", OPTIONS.format(**values))
        known = {"host": "127.0.0.1", "port": ports[name], "user": APPLICATION, "database": NAME}
        write_private(folder / f"app-{name}.json", json.dumps({**known, "password": passwords[APPLICATION]}))
    if not (folder / "app.json").is_symlink():
        (folder / "app.json").symlink_to("app-old.json")
    grants = (line.format(user=APPLICATION, password=passwords[APPLICATION]) for line in GRANTS)
    write_private(folder / "grants.sql", "".join(f"{line}\n" for line in grants))
    state = folder / "bin" / "shop-state"
    state.parent.mkdir(mode=0o700, exist_ok=True)
    values = {"folder": shlex.quote(str(folder)), "mariadb": shlex.quote(str(programs.path("mariadb")))}
    write_private(state, STATE.format(**values))
    state.chmod(0o700)
    write_private(
        folder / "allowed-programs", LIST + "".join(f"{line}\n" for line in _allowed(folder, programs))
    )


def _allowed(folder: Path, programs: MariaDbPrograms) -> list[str]:
    client, dump = programs.path("mariadb"), programs.path("mariadb-dump")
    old, new = ([str(client), f"--defaults-file={name}.cnf"] for name in ("old", "new"))
    exact = [
        [*old, "-e", "set global read_only = 1"],
        [*old, "-e", "set global read_only = 0"],
        [*new, "--abort-source-on-error", "shop", "-e", "source shop.sql"],
        [*new, "--abort-source-on-error", "-e", "source grants.sql"],
        [*new, "-e", "drop user if exists 'shop_app'@'127.0.0.1'"],
        [*new, "-e", "drop database shop"],
        *(["/usr/bin/ln", "-sfn", f"app-{name}.json", "app.json"] for name in ("new", "old")),
        ["/usr/bin/rm", "-f", "shop.sql"],
    ]
    state = folder / "bin" / "shop-state"
    open_ended = [[str(dump), "--defaults-file=old.cnf"], ["/usr/bin/sha256sum"], [str(state)]]
    return [f"= {shlex.join(words)}" for words in exact] + [shlex.join(words) for words in open_ended]

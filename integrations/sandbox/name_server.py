"""The name server of the sandbox: BIND where it is installed, else a small strict one of our own.

``python -m integrations.sandbox.name_server FOLDER`` with PORT, ZONE, RECORDS (“www 300 A 127.0.0.1; …”),
TSIG_NAME and TSIG_SECRET in the environment; PROGRAM (bind or python) chooses. On 127.0.0.1 only.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from integrations import programs
from integrations.errors import Problem
from integrations.sandbox import name_server_python
from integrations.sandbox.private_files import write_private

CONFIGURATION = """
options {{
    directory "{folder}"; pid-file none; session-keyfile none; lock-file none;
    listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
    recursion no; notify no; dnssec-validation no; allow-transfer {{ none; }};
}};
controls {{ }};
key "{key}" {{ algorithm hmac-sha256; secret "{secret}"; }};
zone "{zone}" {{ type primary; file "{folder}/zone.db"; update-policy {{ grant {key} zonesub ANY; }}; }};
"""


def zone_file(zone: str, records: str) -> str:
    """A zone with these records, in the form of RFC 1035."""
    head = [
        "$TTL 60",
        f"@ 60 IN SOA ns.{zone}. hostmaster.{zone}. 1 3600 600 86400 60",
        f"@ 60 IN NS ns.{zone}.",
        "ns 60 IN A 127.0.0.1",
    ]
    return "\n".join([*head, *(line.strip() for line in records.split(";") if line.strip())]) + "\n"


def lay_out_name_server(folder: Path, environ: Mapping[str, str]) -> Path:
    """BIND's configuration (0600: it has the key) and, where there is none yet, the zone; its path."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (folder / "zone.db").exists():
        (folder / "zone.db").write_text(zone_file(environ["ZONE"], environ.get("RECORDS", "")))
    text = CONFIGURATION.format(
        folder=folder,
        port=environ["PORT"],
        key=environ["TSIG_NAME"],
        secret=environ["TSIG_SECRET"],
        zone=environ["ZONE"],
    )
    write_private(folder / "named.conf", text)
    return folder / "named.conf"


def _bind() -> str:
    """The program, or nothing; nothing, too, where AppArmor keeps Debian's BIND inside its own folders."""
    confined = Path("/sys/module/apparmor/parameters/enabled")
    is_on = confined.exists() and confined.read_text().strip() == "Y"
    if is_on and Path("/etc/apparmor.d/usr.sbin.named").exists():
        return ""
    try:
        return programs.find_program("named")
    except Problem:
        return "/usr/sbin/named" if os.access("/usr/sbin/named", os.X_OK) else ""


def main() -> None:
    """Becomes BIND, or serves itself, until SIGTERM."""
    folder, chosen, bind = Path(sys.argv[1]).absolute(), os.environ.get("PROGRAM", ""), _bind()
    if chosen == "bind" and not bind:
        raise SystemExit("BIND is not installed (Debian: bind9), or AppArmor confines it.")
    configuration = lay_out_name_server(folder, os.environ)
    if bind and chosen != "python":
        os.execv(bind, [bind, "-g", "-n", "1", "-c", str(configuration)])
    name_server_python.serve(folder / "zone.db", os.environ)


if __name__ == "__main__":
    main()

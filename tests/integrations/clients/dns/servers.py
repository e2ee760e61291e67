"""Real name servers on loopback: BIND, our own small one, PowerDNS; and moto's Route 53."""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3

from integrations.clients.dns import RecordSet, query_server
from integrations.errors import Problem, Unreachable
from integrations.systems import System
from tests.ports import free_port
from tests.waiting import wait_for

ZONE = "move.test"
RECORDS = "www 300 A 192.0.2.1; alias 120 CNAME www.move.test."
Settings = dict[str, str]
#: what PowerDNS 4.7 asks of its SQLite backend (doc.powerdns.com/authoritative/backends/generic-sqlite3)
TABLES = """
create table domains (id integer primary key, name text, master text, last_check integer, type text,
  notified_serial integer, account text, options text, catalog text);
create table records (id integer primary key, domain_id integer, name text, type text, content text,
  ttl integer, prio integer, disabled boolean default 0, ordername text, auth boolean default 1);
create table supermasters (ip text, nameserver text, account text);
create table comments (id integer primary key, domain_id integer, name text, type text, modified_at integer,
  account text, comment text);
create table domainmetadata (id integer primary key, domain_id integer, kind text, content text);
create table cryptokeys (id integer primary key, domain_id integer, flags integer, active boolean,
  published boolean default 1, content text);
create table tsigkeys (id integer primary key, name text, algorithm text, secret text);
"""


def serves(server: str) -> bool:
    try:
        # A UDP query that is sent too early waits for its whole timeout; a TCP connection is refused at once.
        socket.create_connection(("127.0.0.1", int(server.rpartition(":")[2])), 1).close()
        return bool(query_server(server, f"www.{ZONE}", "A").values)
    except (Unreachable, Problem, OSError):
        return False


@contextmanager
def running(argv: list[str], there: Callable[[], bool], **more: str) -> Iterator[None]:
    child = subprocess.Popen(
        argv, env={**os.environ, **more}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for(there)
        yield
    finally:
        child.terminate()
        child.wait(90)


@contextmanager
def updated(folder: Path, program: str, records: str = RECORDS) -> Iterator[Settings]:
    """A server that takes RFC 2136 updates; ``program`` is bind or python."""
    port, secret = free_port(), base64.b64encode(secrets.token_bytes(32)).decode()
    server = f"127.0.0.1:{port}"
    argv = [sys.executable, "-m", "integrations.sandbox.name_server", str(folder)]
    more = {
        "PORT": str(port),
        "ZONE": ZONE,
        "RECORDS": records,
        "TSIG_NAME": "cutover",
        "TSIG_SECRET": secret,
    }
    with running(argv, lambda: serves(server), PROGRAM=program, **more):
        yield {
            "kind": "dns",
            "driver": "rfc2136",
            "zone": ZONE,
            "server": server,
            "servers": server,
            "key_name": "cutover",
            "key_secret": secret,
        }


@contextmanager
def powerdns(folder: Path) -> Iterator[Settings]:
    """PowerDNS with SQLite, its API and its own DNS."""
    folder.mkdir(parents=True, exist_ok=True)
    port, web, key = free_port(), free_port(), secrets.token_hex(16)
    with sqlite3.connect(folder / "zones.db") as database:
        database.executescript(TABLES)
        database.execute("insert into domains (id, name, type) values (1, ?, 'NATIVE')", [ZONE])
        rows = [
            (ZONE, "SOA", f"ns.{ZONE} hostmaster.{ZONE} 1 3600 600 86400 60", 60),
            (ZONE, "NS", f"ns.{ZONE}", 60),
            (f"ns.{ZONE}", "A", "127.0.0.1", 60),
            (f"www.{ZONE}", "A", "192.0.2.1", 300),
        ]
        query = "insert into records (domain_id, name, type, content, ttl) values (1, ?, ?, ?, ?)"
        database.executemany(query, rows)
    database.close()
    (folder / "pdns.conf").write_text(
        f"launch=gsqlite3\ngsqlite3-database={folder}/zones.db\nlocal-address=127.0.0.1\nlocal-port={port}\n"
        f"socket-dir={folder}\nwebserver=yes\nwebserver-address=127.0.0.1\nwebserver-port={web}\n"
        f"api=yes\napi-key={key}\ncache-ttl=0\nquery-cache-ttl=0\nnegquery-cache-ttl=0\nsecurity-poll-suffix=\n"
    )
    program = shutil.which("pdns_server") or "/usr/sbin/pdns_server"
    argv = [program, f"--config-dir={folder}", "--daemon=no", "--guardian=no", "--write-pid=no"]
    server = f"127.0.0.1:{port}"
    with running(argv, lambda: serves(server)):
        url = f"http://127.0.0.1:{web}"
        yield {"kind": "dns", "driver": "powerdns", "zone": ZONE, "url": url, "token": key, "servers": server}


def client_of(settings: Mapping[str, str]) -> Any:
    return boto3.client(
        "route53",
        endpoint_url=settings["url"],
        region_name="us-east-1",
        aws_access_key_id=settings["access_key"],
        aws_secret_access_key=settings["secret_key"],
    )


def reset(system: System, wanted: RecordSet) -> None:
    """Writes the record set, whatever is there."""
    client = client_of({name: system[name] for name in ("url", "access_key", "secret_key")})
    records = [{"Value": value} for value in wanted.values]
    shaped = {"Name": f"{wanted.name}.", "Type": wanted.kind, "TTL": wanted.ttl, "ResourceRecords": records}
    change = {"Action": "UPSERT", "ResourceRecordSet": shaped}
    client.change_resource_record_sets(HostedZoneId=system["zone_id"], ChangeBatch={"Changes": [change]})
    client.close()


@contextmanager
def route53() -> Iterator[Settings]:
    """moto's server with one hosted zone. It serves no DNS."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"

    def there() -> bool:
        try:
            return bool(urllib.request.urlopen(f"{url}/moto-api/", timeout=2).status == 200)
        except OSError:
            return False

    argv = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with running(argv, there):
        keys = {"access_key": f"test{secrets.token_hex(6)}", "secret_key": secrets.token_hex(16)}
        client = client_of({"url": url, **keys})
        zone = client.create_hosted_zone(Name=ZONE, CallerReference="t")["HostedZone"]["Id"]
        record = {
            "Name": f"www.{ZONE}.",
            "Type": "A",
            "TTL": 300,
            "ResourceRecords": [{"Value": "192.0.2.1"}],
        }
        client.change_resource_record_sets(
            HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
        )
        client.close()
        settings = {"kind": "dns", "driver": "route53", "zone": ZONE, "url": url}
        yield {**settings, "zone_id": zone.rpartition("/")[2], **keys}

"""A small authoritative name server with dynamic updates, for machines without BIND: strict, on loopback.

It answers A, AAAA, CNAME, NS and SOA of one zone over UDP and TCP, and takes RFC 2136 updates that are
signed by its one TSIG key, prerequisites and all, whole or not at all.
"""

from __future__ import annotations

import contextlib
import socketserver
import struct
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.tsig
import dns.tsigkeyring
import dns.update
import dns.zone

from integrations.sandbox.serving import serve_until_stopped


class NameServer:
    """One zone in memory, kept in its file after each change."""

    def __init__(self, file: Path, environ: Mapping[str, str]) -> None:
        self.file, self.origin = file, dns.name.from_text(environ["ZONE"])
        self.zone = dns.zone.from_file(str(file), self.origin, relativize=False)
        self.keyring = dns.tsigkeyring.from_text({environ["TSIG_NAME"]: environ["TSIG_SECRET"]})
        self.lock = threading.Lock()

    def answer(self, wire: bytes) -> bytes:
        """The answer to one message; nothing for what is no message."""
        try:
            asked = dns.message.from_wire(wire, keyring=self.keyring, ignore_trailing=True)
        except (dns.message.UnknownTSIGKey, dns.tsig.BadSignature, dns.tsig.BadTime):
            return _not_authorised(wire)
        except dns.exception.DNSException:
            return b""
        with self.lock:
            answer = self._update(asked) if asked.opcode() == dns.opcode.UPDATE else self._query(asked)
        return answer.to_wire()

    def _query(self, asked: dns.message.Message) -> dns.message.Message:
        answer = dns.message.make_response(asked)
        question = asked.question[0]
        if not question.name.is_subdomain(self.origin):
            answer.set_rcode(dns.rcode.REFUSED)
            return answer
        answer.flags |= dns.flags.AA
        found = self.zone.get_rrset(question.name, question.rdtype)
        if found is None:  # an alias answers for every other type (RFC 1034, 4.3.2)
            found = self.zone.get_rrset(question.name, dns.rdatatype.CNAME)
        if found is not None:
            answer.answer.append(found)
        elif self.zone.get_node(question.name) is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer

    def _update(self, asked: Any) -> dns.message.Message:
        answer = dns.message.make_response(asked)
        answer.set_rcode(self._updated(asked))
        return answer

    def _updated(self, asked: Any) -> dns.rcode.Rcode:
        if not asked.had_tsig:
            return dns.rcode.REFUSED
        if asked.zone[0].name != self.origin:
            return dns.rcode.NOTAUTH
        wrong = next((code for one in _together(asked.prerequisite) if (code := self._unmet(one))), None)
        if wrong is not None:
            return wrong
        if not all(one.name.is_subdomain(self.origin) for one in asked.update):
            return dns.rcode.NOTZONE
        with self.zone.writer() as writer:
            for one in asked.update:
                if one.deleting == dns.rdataclass.ANY:
                    writer.delete(one.name, one.rdtype)
                else:
                    writer.add(one.name, one.to_rdataset())
            writer.update_serial(name=self.origin)
        self.zone.to_file(str(self.file), relativize=False)
        return dns.rcode.NOERROR

    def _unmet(self, one: dns.rrset.RRset) -> dns.rcode.Rcode | None:
        """What speaks against a prerequisite (RFC 2136, 3.2): a set is there or not, or has these values."""
        found = self.zone.get_rdataset(one.name, one.rdtype)
        if one.deleting == dns.rdataclass.NONE:
            return dns.rcode.YXRRSET if found else None
        if one.deleting == dns.rdataclass.ANY:
            return None if found else dns.rcode.NXRRSET
        return None if found is not None and set(found) == set(one) else dns.rcode.NXRRSET


def _together(prerequisite: list[dns.rrset.RRset]) -> list[dns.rrset.RRset]:
    """Values of one set come one by one in a message, and count together (RFC 2136, 3.2.3)."""
    found: dict[tuple[Any, ...], dns.rrset.RRset] = {}
    for one in prerequisite:
        key = (one.name, one.rdtype, one.deleting)
        if key in found:
            for value in one:
                found[key].add(value)
        else:
            found[key] = one
    return list(found.values())


def _not_authorised(wire: bytes) -> bytes:
    """NOTAUTH without a signature: for a key that is not known or did not sign this (RFC 8945, 5.2)."""
    identity, flags = struct.unpack("!HH", wire[:4])
    end = 12
    while wire[end]:
        end += wire[end] + 1
    zone = wire[12 : end + 5]  # the name, its type and class: dnspython reads no update without its zone
    flags = 0x8000 | (flags & 0x7800) | int(dns.rcode.NOTAUTH)
    return struct.pack("!HHHHHH", identity, flags, 1, 0, 0, 0) + zone


def serve(file: Path, environ: Mapping[str, str]) -> None:
    """Answers on 127.0.0.1, or on the ADDRESS of the environment, UDP and TCP, until SIGTERM."""
    server, place = NameServer(file, environ), (environ.get("ADDRESS", "127.0.0.1"), int(environ["PORT"]))

    class Datagrams(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            wire, sender = self.request
            answer = server.answer(wire)
            if answer:
                sender.sendto(answer, self.client_address)

    class Streams(socketserver.StreamRequestHandler):
        timeout = 10

        def handle(self) -> None:
            with contextlib.suppress(OSError, struct.error):
                (length,) = struct.unpack("!H", self.rfile.read(2))
                answer = server.answer(self.rfile.read(length))
                self.wfile.write(struct.pack("!H", len(answer)) + answer)

    socketserver.ThreadingTCPServer.allow_reuse_address = True
    with (
        socketserver.ThreadingUDPServer(place, Datagrams) as udp,
        socketserver.ThreadingTCPServer(place, Streams) as tcp,
    ):
        udp.daemon_threads = tcp.daemon_threads = True
        threading.Thread(target=tcp.serve_forever, daemon=True).start()
        serve_until_stopped(udp)

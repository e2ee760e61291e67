"""RFC 2136: dynamic updates signed with TSIG (RFC 8945), as BIND, Knot and PowerDNS take them."""

from __future__ import annotations

import binascii

import dns.exception
import dns.name
import dns.query
import dns.rcode
import dns.tsig
import dns.tsigkeyring
import dns.update

from integrations.clients.dns.lookup import query_server, query_types, read_address, with_port
from integrations.clients.dns.records import RecordSet
from integrations.clients.dns.zone import Zone, change_refused
from integrations.drivers import driver
from integrations.errors import Problem, Unreachable

TIMEOUT = 10.0  # seconds for the answer to an update
#: DNS response code → what to do
REMEDIES = {
    "NOTAUTH": "Check zone:, and key_name: and key_secret: of the system against the server's.",
    "REFUSED": "Let the server take updates of this key for this zone (update-policy, allow-update).",
    "NOTZONE": "Check zone: of the system.",
    "SERVFAIL": "Look into the server's log; a zone that it cannot write to is the usual reason.",
}

#: code for a prerequisite that is not fulfilled (RFC 2136, 2.2) → what it says
PREREQUISITES = {
    "NXRRSET": "the record set is not there as it was read",
    "YXRRSET": "a record set is there that was not read",
    "NXDOMAIN": "the name does not exist in the zone",
    "YXDOMAIN": "the name exists in the zone",
}
UNMET = (
    "Its answer then comes from elsewhere than the zone that takes the update: look for a wildcard, a DNAME "
    "or a second view of the zone."
)
WRONG_NAME = "Check key_name: of the system against the key of the server's configuration."
WRONG_SIGNATURE = (
    "Check key_secret: and key_algorithm: of the system against the key of the server's configuration."
)


@driver(
    "dns",
    "rfc2136",
    summary="dynamic updates with TSIG",
    settings={
        "server": "the primary, as `address:port`",
        "key_name": "",
        "key_secret": "in base64",
        "key_algorithm": "`hmac-sha256`",
    },
    public=("server", "key_name", "key_algorithm"),
)
class Rfc2136(Zone):
    """A zone whose primary server takes dynamic updates."""

    @property
    def server(self) -> str:
        """The primary, as ``address:port``; port 53 where none is given."""
        return with_port(self.system["server"])

    def read(self, name: str, kind: str) -> RecordSet:
        """The record set as the primary answers it."""
        return query_server(self.server, self.full_name(name), kind)

    def commands(self, before: RecordSet, after: RecordSet) -> list[str]:
        """The update in the language of nsupdate."""
        name, kind = after.name, after.kind
        prerequisites = [f"prereq yxrrset {name}. {kind} {value}" for value in before.zone_file_values()]
        return [
            f"server {self.server}, key {self.system.get('key_name') or '(none)'}",
            *(prerequisites or [f"prereq nxrrset {name}. {kind}"]),
            f"update delete {name}. {kind}",
            *(f"update add {name}. {after.ttl} {kind} {value}" for value in after.zone_file_values()),
        ]

    def read_types(self, name: str) -> set[str]:
        """Those that the primary answers."""
        return query_types(self.server, name)

    def write(self, before: RecordSet, after: RecordSet) -> None:
        """Sends one message with the old values as its prerequisite and the change.

        The server carries out both or neither. A prerequisite says nothing of TTLs, so these are compared
        by a read before.
        """
        update = self._message()
        if before.values:
            update.present(f"{before.name}.", before.kind, *before.zone_file_values())
        else:
            update.absent(f"{before.name}.", before.kind)
        update.delete(f"{after.name}.", after.kind)
        for value in after.zone_file_values():
            update.add(f"{after.name}.", after.ttl, after.kind, value)
        rcode = self._send(update)
        if rcode in PREREQUISITES:
            why = f"{rcode}: {PREREQUISITES[rcode]}, although it answers “{before}”."
            raise self.explain_refusal(before, why, UNMET)
        if rcode != "NOERROR":
            raise change_refused(self.where, rcode, REMEDIES.get(rcode, "Look into the server's log."))

    @property
    def key_algorithm(self) -> str:
        """The algorithm of the key."""
        return self.system.get("key_algorithm") or "hmac-sha256"

    def keyring(self) -> dict[dns.name.Name, dns.tsig.Key] | None:
        """The key that signs; None where the system names none. Raises `Problem` for a broken secret."""
        name = self.system.get("key_name")
        if not name:
            return None
        try:
            return dns.tsigkeyring.from_text({name: self.system["key_secret"]})
        except (binascii.Error, ValueError):
            raise Problem(
                f"key_secret of “{self.system.name}” is no base64.",
                means="The update cannot be signed; nothing was sent.",
                next="Take the secret: of the key as the server's configuration has it.",
            ) from None

    def _message(self) -> dns.update.UpdateMessage:
        keyring = self.keyring()
        if keyring is None:
            return dns.update.UpdateMessage(f"{self.name}.")
        return dns.update.UpdateMessage(f"{self.name}.", keyring=keyring, keyalgorithm=self.key_algorithm)

    def _send(self, update: dns.update.UpdateMessage) -> str:
        host, port = read_address(self.server)
        try:
            answer = dns.query.tcp(update, host, timeout=TIMEOUT, port=port)
        except dns.tsig.PeerBadKey:
            raise change_refused(self.where, "BADKEY: it does not know this key.", WRONG_NAME) from None
        except (dns.tsig.PeerBadSignature, dns.tsig.BadSignature):
            reason = "BADSIG: the signature does not fit its key of this name."
            raise change_refused(self.where, reason, WRONG_SIGNATURE) from None
        except KeyError:  # dnspython, for an algorithm that it does not know
            reason = f"key_algorithm “{self.system.get('key_algorithm')}” is not known."
            raise change_refused(self.where, reason, WRONG_SIGNATURE) from None
        except dns.exception.FormError:  # dnspython raises it for an answer that is not signed
            raise Problem(
                f"{self.where} refused: its answer is not signed by our key, which it seems not to know.",
                means="Whether it took the update is not known: anybody could have answered so.",
                next=REMEDIES["NOTAUTH"],
            ) from None
        except (dns.tsig.PeerBadTime, dns.tsig.BadTime):
            remedy = "Set the clocks of both machines (NTP): five minutes apart are too many."
            raise change_refused(self.where, "BADTIME: our clocks differ too much.", remedy) from None
        except (dns.exception.DNSException, OSError, EOFError) as error:
            raise Unreachable(
                f"The name server {self.server} does not answer the update: {type(error).__name__}.",
                means="Whether it took it is not known.",
                next="Look at the record (the probe does), then start this again.",
            ) from None
        return dns.rcode.to_text(answer.rcode())

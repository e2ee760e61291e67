"""RFC 2136: dynamic updates signed with TSIG (RFC 8945), as BIND, Knot and PowerDNS take them."""

from __future__ import annotations

import binascii

import dns.exception
import dns.query
import dns.rcode
import dns.tsig
import dns.tsigkeyring
import dns.update

from integrations.clients.dns.asking import answers_of
from integrations.clients.dns.records import RecordSet
from integrations.clients.dns.zone import Zone, changed_meanwhile, refused
from integrations.errors import Problem, Unreachable

TIMEOUT = 10.0
REMEDIES = {
    "NOTAUTH": "Check zone:, and key_name: and key_secret: of the system against the server's.",
    "REFUSED": "Let the server take updates of this key for this zone (update-policy, allow-update).",
    "NOTZONE": "Check zone: of the system.",
    "SERVFAIL": "Look into the server's log; a zone that it cannot write to is the usual reason.",
}


class Rfc2136(Zone):
    """``server`` is the primary's “address:port”; the update asks for the old values, too."""

    @property
    def server(self) -> str:
        """Of the primary."""
        given = self.system["server"]
        return given if ":" in given else f"{given}:53"

    def read(self, name: str, kind: str) -> RecordSet:
        """As the primary answers."""
        return answers_of(self.server, self.absolute(name), kind)

    def commands(self, before: RecordSet, after: RecordSet) -> list[str]:
        """In the words of nsupdate."""
        name, kind = after.name, after.kind
        prerequisites = [f"prereq yxrrset {name}. {kind} {value}" for value in before.written()]
        return [
            f"server {self.server}, key {self.system.get('key_name') or '(none)'}",
            *(prerequisites or [f"prereq nxrrset {name}. {kind}"]),
            f"update delete {name}. {kind}",
            *(f"update add {name}. {after.ttl} {kind} {value}" for value in after.written()),
        ]

    def replace(self, before: RecordSet, after: RecordSet) -> None:
        """One message: prerequisite and change are taken together, or not at all."""
        if self.read(before.name, before.kind) != before:  # a prerequisite knows nothing of TTLs
            raise changed_meanwhile(self.where, before)
        update = self._message()
        if before.values:
            update.present(f"{before.name}.", before.kind, *before.written())
        else:
            update.absent(f"{before.name}.", before.kind)
        update.delete(f"{after.name}.", after.kind)
        for value in after.written():
            update.add(f"{after.name}.", after.ttl, after.kind, value)
        said = self._sent(update)
        if said in ("NXRRSET", "YXRRSET", "NXDOMAIN", "YXDOMAIN"):
            raise changed_meanwhile(self.where, before)
        if said != "NOERROR":
            raise refused(self.where, said, REMEDIES.get(said, "Look into the server's log."))

    def _message(self) -> dns.update.UpdateMessage:
        name = self.system.get("key_name")
        if not name:
            return dns.update.UpdateMessage(f"{self.name}.")
        algorithm = self.system.get("key_algorithm") or "hmac-sha256"
        try:
            keyring = dns.tsigkeyring.from_text({name: self.system["key_secret"]})
        except (binascii.Error, ValueError):
            raise Problem(
                f"key_secret of “{self.system.name}” is no base64.",
                means="The update cannot be signed; nothing was sent.",
                next="Take the secret: of the key as the server's configuration has it.",
            ) from None
        return dns.update.UpdateMessage(f"{self.name}.", keyring=keyring, keyalgorithm=algorithm)

    def _sent(self, update: dns.update.UpdateMessage) -> str:
        host, _, port = self.server.rpartition(":")
        try:
            answer = dns.query.tcp(update, host.strip("[]"), timeout=TIMEOUT, port=int(port))
        except (dns.tsig.PeerBadKey, dns.tsig.PeerBadSignature, dns.tsig.BadSignature):
            raise refused(self.where, "it does not know this key.", REMEDIES["NOTAUTH"]) from None
        except dns.exception.FormError:  # which is what dnspython says of an answer without a signature
            said = "its answer is not signed by our key, which it seems not to know."
            raise refused(self.where, said, REMEDIES["NOTAUTH"]) from None
        except (dns.tsig.PeerBadTime, dns.tsig.BadTime):
            remedy = "Set the clocks of both machines (NTP): five minutes apart are too many."
            raise refused(self.where, "our clocks differ too much.", remedy) from None
        except (dns.exception.DNSException, OSError) as error:
            raise Unreachable(
                f"The name server {self.server} does not answer the update: {type(error).__name__}.",
                means="Whether it took it is not known.",
                next="Look at the record (the probe does), then start this again.",
            ) from None
        return dns.rcode.to_text(answer.rcode())

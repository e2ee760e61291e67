"""Amazon Route 53 by boto3, which is an extra: ``pip install cutover[route53]``.

boto3 signs the requests and reads the answers. The panel's own client sends them, with its limits of time
and size: boto3 would read an answer that has no end until the memory is full.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from integrations.clients.dns.names import normal_name
from integrations.clients.dns.records import RecordSet
from integrations.clients.dns.zone import Zone, change_refused, refuse_alias
from integrations.clients.http import HttpClient
from integrations.drivers import driver
from integrations.errors import Problem, Unreachable

OCTAL = re.compile(r"\\([0-7]{3})")
MOST_SETS = "100"  # of one name, for one request
#: error code → what to do (docs.aws.amazon.com/Route53/latest/APIReference/CommonErrors.html and the
#: errors of ChangeResourceRecordSets)
REMEDIES = {
    "InvalidChangeBatch": "Correct what it names: records of another type or policy at this name, or a value "
    "that the type cannot have.",
    "NoSuchHostedZone": "Check zone_id: of the system.",
    "AccessDenied": "Give the key the rights route53:ListResourceRecordSets and "
    "route53:ChangeResourceRecordSets for this zone.",
    "InvalidClientTokenId": "Check access_key: of the system.",
    "SignatureDoesNotMatch": "Check secret_key: of the system, and the clock of the worker's host.",
    "PriorRequestNotComplete": "Route 53 still carries out an earlier change. Start this again in a minute.",
    "Throttling": "Route 53 takes five requests a second of an account. Start this again in a minute.",
}


@driver(
    "dns",
    "route53",
    summary="boto3: `pip install cutover[route53]`",
    settings={
        "zone_id": "",
        "access_key": "",
        "secret_key": "",
        "region": "`us-east-1`",
        "url": "only for another endpoint",
    },
    public=("zone_id", "region"),
    addresses=("url",),
)
class Route53(Zone):
    """A hosted zone at Amazon Route 53."""

    def read(self, name: str, kind: str) -> RecordSet:
        """The record set. Raises `Problem` for an alias, which has no values of its own."""
        full = self.full_name(name)
        sets = self._record_sets(full)
        own = next((one for one in sets if one["Type"] == kind), None)
        if own is None:
            alias = next((one for one in sets if one["Type"] == "CNAME"), {})
            target = [one["Value"].rstrip(".") for one in alias.get("ResourceRecords", [])]
            refuse_alias(full, kind, ", ".join(target) or "an alias", {one["Type"] for one in sets})
            return RecordSet.of(full, kind, 0, ())
        if "AliasTarget" in own or "SetIdentifier" in own:
            raise change_refused(self.where, f"{full} is an alias or has a policy.", "Change it by hand.")
        values = (record["Value"] for record in own["ResourceRecords"])
        return RecordSet.of(full, kind, int(own["TTL"]), values)

    def read_types(self, name: str) -> set[str]:
        """Those of the zone's record sets with this name."""
        return {one["Type"] for one in self._record_sets(name)}

    def _record_sets(self, full: str) -> list[dict[str, Any]]:
        """All sets of one name, which Route 53 lists together; it writes a wildcard as ``\\052``."""
        found = self._call("list_resource_record_sets", StartRecordName=f"{full}.", MaxItems=MOST_SETS)
        return [one for one in found["ResourceRecordSets"] if normal_listed_name(one["Name"]) == full]

    def commands(self, before: RecordSet, after: RecordSet) -> list[str]:
        """The single request that `replace` sends."""
        return [f"ChangeResourceRecordSets: DELETE “{before}”, CREATE “{after}”, together"]

    def write(self, before: RecordSet, after: RecordSet) -> None:
        """Deletes the old set and creates the new one in one request.

        DELETE has to name the old set exactly, with its TTL, so Route 53 refuses the whole request when
        somebody else changed the set.
        """
        changes = [("DELETE", before), ("CREATE", after)]
        self._call(
            "change_resource_record_sets",
            before=before,
            ChangeBatch={
                "Changes": [
                    {"Action": word, "ResourceRecordSet": _resource_record_set(one)}
                    for word, one in changes
                    if one.values
                ]
            },
        )

    def _call(self, what: str, *, before: RecordSet | None = None, **values: Any) -> dict[str, Any]:
        client, boto = self._client()
        try:
            answer: dict[str, Any] = getattr(client, what)(HostedZoneId=self.system["zone_id"], **values)
        except boto.exceptions.ClientError as error:
            code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
            why, remedy = (
                f"{code}: {message}",
                REMEDIES.get(code, "Check zone_id: and the rights of the key."),
            )
            if code == "InvalidChangeBatch" and before is not None:
                raise self.explain_refusal(before, why, remedy) from None
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            raise change_refused(self.where, why, remedy, status=status if before else 400) from None
        except (boto.exceptions.BotoCoreError, boto.parsers.ResponseParserError) as error:
            raise Unreachable(
                f"The answer of Route 53 cannot be read: {type(error).__name__}.",
                means="Whether it took the change is not known." if before else "Nothing was changed.",
                next="Look at the record (the probe does), then start this again.",
            ) from None
        return answer

    def _client(self) -> tuple[Any, Any]:
        try:
            import boto3  # here: an extra, and slow to import
            import botocore
            import botocore.parsers
            from botocore.config import Config
        except ImportError:
            raise Problem(
                "The panel is not installed for Route 53.",
                means="boto3 is missing where the worker runs.",
                next="pip install cutover[route53], then start the worker again.",
            ) from None
        url = self.system.get("url") or None
        if (
            url
            and urlsplit(url).scheme != "https"
            and urlsplit(url).hostname not in ("127.0.0.1", "localhost")
        ):
            raise change_refused(
                self.where, f"{url} is no https address.", "Use https in url: of the system."
            )
        made = boto3.client(
            "route53",
            endpoint_url=url,
            region_name=self.system.get("region") or "us-east-1",
            aws_access_key_id=self.system["access_key"],
            aws_secret_access_key=self.system["secret_key"],
            config=Config(retries={"total_max_attempts": 1}),
        )
        # Documented: what a handler of this event returns is the answer, and boto3 sends nothing itself.
        made.meta.events.register("before-send.route53.*", _send)
        return made, botocore


class _Body:
    """A body that was read already, as boto3 reads one."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def stream(self) -> Iterator[bytes]:
        """All of it."""
        yield self.body


def _send(request: Any, **event: Any) -> Any:
    """Sends a signed request of boto3; its answer, whatever the status. Raises `Problem`."""
    from botocore.awsrequest import AWSResponse

    headers = {
        name: value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()
    }
    client = HttpClient([urlsplit(request.url).hostname or ""])
    body = request.body.encode() if isinstance(request.body, str) else request.body
    reply = client.request(request.url, method=request.method, body=body or None, headers=headers)
    return AWSResponse(request.url, reply.status, dict(reply.headers), _Body(reply.body))


def _resource_record_set(one: RecordSet) -> dict[str, Any]:
    records = [{"Value": value} for value in one.zone_file_values()]
    return {"Name": f"{one.name}.", "Type": one.kind, "TTL": one.ttl, "ResourceRecords": records}


def normal_listed_name(name: str) -> str:
    """A name as Route 53 lists it, in normal form.

    It writes what is no letter, digit, ``-`` or ``_`` as an octal code: ``*`` is ``\\052``
    (docs.aws.amazon.com/Route53/latest/DeveloperGuide/DomainNameFormat.html).
    """
    plain = OCTAL.sub(lambda match: chr(int(match.group(1), 8)), name)
    try:
        return normal_name(plain)
    except ValueError:  # a name that the panel never writes
        return plain

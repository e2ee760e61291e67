"""Amazon Route 53 by boto3, which is an extra: ``pip install cutover[route53]``.

boto3 brings its own HTTP: the panel's rules for outgoing calls are given to it as settings (no proxy, no
second try, 10 s), and an endpoint without TLS is refused unless it is on this machine.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from integrations.clients.dns.records import RecordSet
from integrations.clients.dns.zone import Zone, changed_meanwhile, refused
from integrations.errors import Problem, Unreachable


class Route53(Zone):
    """``zone_id``, ``access_key``, ``secret_key``; ``url`` only for another endpoint."""

    def read(self, name: str, kind: str) -> RecordSet:
        """The set as it is. Raises `Problem` for an alias, which has no values of its own."""
        full = self.absolute(name)
        found = self._call(
            "list_resource_record_sets",
            StartRecordName=f"{full}.",
            StartRecordType=kind,
            MaxItems="1",
        )["ResourceRecordSets"]
        for one in found:
            if (one["Name"].rstrip(".").lower(), one["Type"]) == (full, kind):
                if "AliasTarget" in one or "SetIdentifier" in one:
                    raise refused(self.where, f"{full} is an alias or has a policy.", "Change it by hand.")
                values = (record["Value"] for record in one["ResourceRecords"])
                return RecordSet.of(full, kind, int(one["TTL"]), values)
        return RecordSet.of(full, kind, 0, ())

    def commands(self, before: RecordSet, after: RecordSet) -> list[str]:
        """The one request."""
        return [f"ChangeResourceRecordSets: DELETE “{before}”, CREATE “{after}”, together"]

    def replace(self, before: RecordSet, after: RecordSet) -> None:
        """DELETE names the old set to the letter, TTL included: it fails when that no longer stands."""
        if self.read(before.name, before.kind) != before:
            raise changed_meanwhile(self.where, before)
        changes = [("DELETE", before), ("CREATE", after)]
        self._call(
            "change_resource_record_sets",
            before=before,
            ChangeBatch={
                "Changes": [
                    {"Action": word, "ResourceRecordSet": _shaped(one)} for word, one in changes if one.values
                ]
            },
        )

    def _call(self, what: str, *, before: RecordSet | None = None, **values: Any) -> dict[str, Any]:
        client, boto = self._client()
        try:
            answer: dict[str, Any] = getattr(client, what)(HostedZoneId=self.system["zone_id"], **values)
        except boto.exceptions.ClientError as error:
            code, said = error.response["Error"]["Code"], error.response["Error"]["Message"]
            if code == "InvalidChangeBatch" and before is not None:
                raise changed_meanwhile(self.where, before) from None
            raise refused(
                self.where, f"{code}: {said}", "Check zone_id: and the rights of the key."
            ) from None
        except boto.exceptions.BotoCoreError as error:
            raise Unreachable(
                f"Route 53 does not answer: {type(error).__name__}.",
                means="Whether it took the change is not known." if before else "Nothing was changed.",
                next="Look at the record (the probe does), then start this again.",
            ) from None
        return answer

    def _client(self) -> tuple[Any, Any]:
        try:
            import boto3
            import botocore
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
            raise refused(self.where, f"{url} is no https address.", "Use https in url: of the system.")
        made = boto3.client(
            "route53",
            endpoint_url=url,
            region_name=self.system.get("region") or "us-east-1",
            aws_access_key_id=self.system["access_key"],
            aws_secret_access_key=self.system["secret_key"],
            config=Config(connect_timeout=10, read_timeout=10, retries={"total_max_attempts": 1}, proxies={}),
        )
        return made, botocore


def _shaped(one: RecordSet) -> dict[str, Any]:
    records = [{"Value": value} for value in one.written()]
    return {"Name": f"{one.name}.", "Type": one.kind, "TTL": one.ttl, "ResourceRecords": records}

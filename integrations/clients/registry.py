"""Asks a registry of container images for the digests of what was pushed there.

The API: github.com/opencontainers/distribution-spec (spec.md, “Pulling manifests”). The token that most
registries want: distribution.github.io/distribution/spec/auth/token.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from urllib.parse import quote, urlencode, urlsplit

from integrations.clients.http import HttpClient, Response
from integrations.errors import Problem
from integrations.systems import System, Systems

#: Without the type of an index, a registry answers 404 for an image of several architectures.
MANIFEST_TYPES = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
LARGEST_MANIFEST = 4 * 1024 * 1024  # bytes; registries take no larger ones
DIGEST_HEADER = "docker-content-digest"
_PARAMETER = re.compile(r'\b(\w++)="([^"]*+)"')


class Registry:
    """One registry. ``system``: url; username and password, if it wants a login; ``token_url``, if its tokens
    come from another host."""

    def __init__(self, system: System, systems: Systems) -> None:
        self.system, self.http = system, HttpClient.of(systems)
        self.tokens: dict[str, str] = {}  # by repository: the Authorization header

    def find_digest(self, repository: str, reference: str) -> str | None:
        """The digest of the manifest that a tag or digest leads to; None when the registry has none.

        The header of a HEAD is optional, so without it the manifest is read. Raises `Problem` when the
        registry refuses the login, and for answers of no registry.
        """
        answer = self._ask(repository, reference, "HEAD")
        if answer is None:
            return None
        return answer.headers.get(DIGEST_HEADER) or self.read_digest(repository, reference)

    def read_digest(self, repository: str, reference: str) -> str | None:
        """The SHA-256 of the manifest's bytes, computed here; None when the registry has none."""
        answer = self._ask(repository, reference, "GET")
        return None if answer is None else f"sha256:{hashlib.sha256(answer.body).hexdigest()}"

    def _ask(self, repository: str, reference: str, method: str) -> Response | None:
        path = f"/v2/{quote(repository)}/manifests/{quote(reference, safe=':')}"
        answer = self._request(path, method, self.tokens.get(repository, ""))
        if answer.status == 401:
            self.tokens[repository] = self._authorize(answer.headers, repository)
            answer = self._request(path, method, self.tokens[repository])
        if answer.status == 404:
            return None
        if not answer.ok:
            raise self._refused(repository, answer.status)
        return answer

    def _request(self, path: str, method: str, authorization: str) -> Response:
        headers = {"Accept": MANIFEST_TYPES} | ({"Authorization": authorization} if authorization else {})
        return self.http.request(
            self.system["url"], path, method=method, headers=headers, largest=LARGEST_MANIFEST
        )

    def _authorize(self, headers: Mapping[str, str], repository: str) -> str:
        """The Authorization header that the registry's challenge asks for."""
        scheme, _, rest = headers.get("www-authenticate", "").partition(" ")
        if scheme.lower() == "basic":
            return self._basic()
        given = dict(_PARAMETER.findall(rest))
        if scheme.lower() != "bearer" or "realm" not in given:
            raise Problem(
                f"The registry {self.system.name} answers 401 without saying where a token is to be had.",
                means="Its WWW-Authenticate header names neither Basic nor a realm.",
                next="Check the url: of this system; it is the registry's own address, without a repository.",
            )
        return f"Bearer {self._fetch_token(given, repository)}"

    def _fetch_token(self, given: Mapping[str, str], repository: str) -> str:
        realm = self._trusted(given["realm"])
        asked = {"service": given.get("service", ""), "scope": f"repository:{repository}:pull"}
        login = {"Authorization": self._basic()} if self.system.get("username") else {}
        answer = self.http.request(f"{realm}?{urlencode(asked)}", headers=login)
        try:
            found = answer.json() if answer.ok else {}
        except ValueError:
            found = {}
        token = found.get("token") or found.get("access_token") if isinstance(found, dict) else None
        if not isinstance(token, str) or not token:
            raise self._refused(repository, answer.status)
        return token

    def _trusted(self, realm: str) -> str:
        """The login goes only to the registry's own host, or to that of ``token_url``."""
        known = {urlsplit(url).netloc for url in (self.system["url"], self.system.get("token_url")) if url}
        if urlsplit(realm).netloc not in known:
            raise Problem(
                f"The registry {self.system.name} wants a token from {urlsplit(realm).netloc or realm}.",
                means="The login was not sent there: no setting names that host.",
                next=f"If that is right, set token_url: of {self.system.name} to an address of that host.",
            )
        return realm

    def _basic(self) -> str:
        login = f"{self.system.get('username', '')}:{self.system.get('password', '')}"
        return f"Basic {base64.b64encode(login.encode()).decode()}"

    def _refused(self, repository: str, status: int) -> Problem:
        login = "this login" if self.system.get("username") else "reading without a login"
        if status in (401, 403):
            return Problem(
                f"The registry {self.system.name} refuses {login} for {repository} ({status}).",
                means="Whether the image is there is not known.",
                next="Give username: and password: (a token that may pull) in the settings of this system.",
            )
        return Problem(
            f"The registry {self.system.name} answers {status} for {repository}.",
            means="Whether the image is there is not known.",
            next="Check the url: of this system, then ask again.",
        )

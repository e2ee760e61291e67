"""A registry of container images that gives out manifests for a token.

The API: github.com/opencontainers/distribution-spec (spec.md); tokens:
distribution.github.io/distribution/spec/auth/token. Its manifests are the releases of the sandbox's platform,
whose digests are those of their bytes, as in a real one. ``pushed.json`` has what was pushed, as repository →
tag → digest.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from integrations.sandbox.images import PUSHED, is_published
from integrations.sandbox.serving import Answer, Asked

LOGIN = "cutover"
MANIFEST = re.compile(r"/v2/(?P<repository>[a-z0-9][a-z0-9/._-]*)/manifests/(?P<reference>[\w.:-]+)")
TYPE = "application/vnd.oci.image.manifest.v1+json"


class RegistryStandin:
    """``environ``: REGISTRY_FOLDER, the platform's folder with releases and `PUSHED`; REGISTRY_PASSWORD."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.folder = Path(environ.get("REGISTRY_FOLDER", "."))
        self.password = environ.get("REGISTRY_PASSWORD", "")
        self.tokens: dict[str, str] = {}  # → the scope that it was given for

    def __call__(self, asked: Asked) -> Answer:
        """A manifest, a token, or a refusal."""
        if asked.path == "/token":
            return self._token(asked)
        found = MANIFEST.fullmatch(asked.path)
        if found is None or asked.method not in ("GET", "HEAD"):
            return _error(404, "UNSUPPORTED", "the operation is unsupported")
        scope = f"repository:{found['repository']}:pull"
        if self.tokens.get(asked.headers.get("authorization", "").removeprefix("Bearer ")) != scope:
            return self._challenge(asked, scope)
        return self._manifest(found["repository"], found["reference"])

    def _challenge(self, asked: Asked, scope: str) -> Answer:
        realm = f"http://{asked.headers.get('host', '')}/registry/token"
        challenge = f'Bearer realm="{realm}",service="registry.sandbox",scope="{scope}"'
        refused = _error(401, "UNAUTHORIZED", "authentication required")
        return Answer(401, refused.body, {"WWW-Authenticate": challenge})

    def _token(self, asked: Asked) -> Answer:
        login = base64.b64encode(f"{LOGIN}:{self.password}".encode()).decode()
        if not self.password or asked.headers.get("authorization") != f"Basic {login}":
            return _error(401, "UNAUTHORIZED", "incorrect username or password")
        token = secrets.token_urlsafe(24)
        self.tokens[token] = asked.query.get("scope", "")
        return Answer(200, {"token": token, "access_token": token, "expires_in": 300})

    def _manifest(self, repository: str, reference: str) -> Answer:
        file = self.folder / PUSHED
        tags = json.loads(file.read_text()).get(repository, {}) if file.exists() else {}
        digest = reference if reference in tags.values() else tags.get(reference)
        if digest is None or not is_published(self.folder, repository):
            return _error(404, "MANIFEST_UNKNOWN", "manifest unknown")
        content = (self.folder / "releases" / f"{digest.removeprefix('sha256:')}.json").read_bytes()
        real = f"sha256:{hashlib.sha256(content).hexdigest()}"
        return Answer(200, content, {"Content-Type": TYPE, "Docker-Content-Digest": real})


def _error(status: int, code: str, message: str) -> Answer:
    return Answer(status, {"errors": [{"code": code, "message": message}]})

"""A Helm chart (helm.sh/docs); kubectl reads, starts and stops its deployments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from integrations.clients.platform.container_starts import ContainerStart, ImageReader, unreadable_release
from integrations.clients.platform.helm_releases import (
    last_good_revision,
    read_releases,
    unfinished_release,
)
from integrations.clients.platform.images import digest_of
from integrations.clients.platform.kubectl import KubectlPlatform
from integrations.clients.platform.manifests import starts_in_manifests
from integrations.drivers import driver
from integrations.errors import Problem
from integrations.program_output import ProgramReport

#: Helm's own timeout as a share of what its command may take. It counts anew for the hooks, the wait and the
#: rollback (helm.sh/docs/helm/helm_upgrade), so that three of them end before the command is killed.
TIMEOUT_SHARE = 0.3
TAG = "pinned"  # stands before the digest where the image has no tag; a registry ignores it then


@driver(
    "platform",
    "helm",
    summary="helm and kubectl",
    settings={
        **{"release": "", "chart": "", "values": "a file of values", "namespace": "", "context": ""},
        "chart_keys": "`service=key` each: the value below which the chart has the service's `image`",
        "image_values": "`tag` (default): `image.repository` and `image.tag`; `digest`: `image.digest`",
    },
    public=("release", "chart", "values", "namespace", "context", "chart_keys", "image_values"),
)
class HelmPlatform(KubectlPlatform):
    """One release of a chart.

    A chart ignores a value that it does not know, so `refuse_ignored_images` compares values and rendered
    manifests with what is set.
    """

    def apply_commands(self, images: Mapping[str, str]) -> list[list[str]]:
        """One ``upgrade``; with ``--atomic`` Helm itself rolls it back when it does not become ready."""
        command = ["helm", "upgrade", "--install", self.system["release"], self.system["chart"], "--atomic"]
        timeout = f"{max(1, int(self.change_seconds * TIMEOUT_SHARE))}s"
        return [[*command, "--timeout", timeout, *self._values(images)]]

    def run(self, commands: Sequence[Sequence[str]], report: ProgramReport, attempt: str) -> None:
        """As every platform; a release that a failed command left unfinished is told with the way out."""
        try:
            super().run(commands, report, attempt)
        except Problem as problem:
            unfinished = self._find_unfinished(attempt)
            if unfinished is None:
                raise
            raise Problem(problem.what, means=problem.means, next=unfinished.next) from None

    def refuse_unfinished_change(self, attempt: str = "") -> None:
        """Raises `Problem` for a release in pending-install, pending-upgrade or pending-rollback."""
        unfinished = self._find_unfinished(attempt)
        if unfinished is not None:
            raise unfinished

    def _find_unfinished(self, attempt: str) -> Problem | None:
        """The error for a pending release; None where it is none, or where Helm cannot be asked."""
        try:
            pending = read_releases(self.read_output(self._list_command(), attempt))
            state = pending.get(self.system["release"])
            if state is None:
                return None
            history = ["helm", "history", self.system["release"], *self._where(), "--output", "json"]
            revision = last_good_revision(self.read_output(history, attempt))
        except Problem:
            return None
        return unfinished_release(self.system["release"], state, revision, self._where())

    def _list_command(self) -> list[str]:
        named = f"^{re.escape(self.system['release'])}$"
        return ["helm", "list", "--pending", "--filter", named, *self._where(), "--output", "json"]

    def _where(self) -> list[str]:
        return [*self._flag("context", "--kube-context"), *self._flag("namespace", "--namespace")]

    def provision_commands(self, images: Mapping[str, str]) -> list[list[str]]:
        """The same release, in a namespace that is created where there is none."""
        return [[*command, "--create-namespace"] for command in self.apply_commands(images)]

    def describe_commands(self, images: Mapping[str, str]) -> list[list[str]]:
        """The rendered chart, then each image."""
        return [self._template_command(images), *(self.inspect_command(image) for image in images.values())]

    def container_starts(self, images: Mapping[str, str], attempt: str) -> Iterator[ContainerStart]:
        """The containers of the rendered chart."""
        text = self.read_output(self._template_command(images), attempt)
        return starts_in_manifests(text, "helm template", self.image_reader(attempt))

    def configuration_commands(self, names: Sequence[str], images: Mapping[str, str]) -> dict[str, list[str]]:
        """Deployments and pods, and the release as Helm has it: all values, and the manifests."""
        found = super().configuration_commands(names, images)
        release = [self.system["release"], *self._where()]
        found["helm-values.yaml"] = ["helm", "get", "values", *release, "--all"]
        found["helm-manifest.yaml"] = ["helm", "get", "manifest", *release]
        return found

    def refuse_ignored_images(self, images: Mapping[str, str], attempt: str = "") -> None:
        """Raises `Problem` for a value that the chart lacks, and for an image that it would not run."""
        values = _parse_values(self.read_output(["helm", "show", "values", self.system["chart"]], attempt))
        wanted = ("repository", self._image_value())
        missing = [
            f"{self._key(name)}.image.{value}"
            for name in images
            for value in wanted
            if value not in _find(values, f"{self._key(name)}.image")
        ]
        if missing:
            raise _ignored_value(self.system["chart"], missing, values)
        if images:
            self._refuse_other_images(images, attempt)

    def _refuse_other_images(self, images: Mapping[str, str], attempt: str) -> None:
        text = self.read_output(self._template_command(images), attempt)
        reader = ImageReader(lambda image: "{}")  # only the names of the images count here
        run = {one.image for one in starts_in_manifests(text, "helm template", reader)}
        digests = {digest_of(image) for image in run}
        left = [name for name, image in images.items() if digest_of(image) not in digests]
        if left:
            raise Problem(
                f"The chart {self.system['chart']} would not run the image of {', '.join(left)}.",
                means=f"Rendered with the values, it runs {', '.join(sorted(run)) or 'nothing'}. Nothing was "
                "deployed.",
                next="Correct chart_keys: and image_values: of the system, or the chart's templates.",
            )

    def _values(self, images: Mapping[str, str]) -> list[str]:
        words = [*self._where(), *self._flag("values", "--values")]
        for name, image in images.items():
            named, _, digest = image.partition("@")
            key, repository, tag = self._key(name), *_split_tag(named)
            value = digest if self._image_value() == "digest" else f"{tag or TAG}@{digest}"
            pairs = f"{key}.image.repository={repository},{key}.image.{self._image_value()}={value}"
            words += ["--set-string", pairs]
        return words

    def _key(self, name: str) -> str:
        return self.mapping("chart_keys").get(name, name)

    def _image_value(self) -> str:
        value = self.system.get("image_values") or "tag"
        if value not in ("tag", "digest"):
            raise Problem(
                f"image_values: of the system “{self.system.name}” is “{value}”.",
                means="Nothing was started.",
                next="Write tag or digest, whichever the chart has below image:.",
            )
        return value

    def _template_command(self, images: Mapping[str, str]) -> list[str]:
        """The chart rendered with the same values as an upgrade; it needs no cluster."""
        return ["helm", "template", self.system["release"], self.system["chart"], *self._values(images)]


def _split_tag(named: str) -> tuple[str, str]:
    """“host:5000/name:tag” → “host:5000/name” and “tag”; "" without a tag."""
    repository, colon, tag = named.rpartition(":")
    return (repository, tag) if colon and "/" not in tag else (named, "")


def _parse_values(text: str) -> Any:
    try:
        return yaml.safe_load(text) or {}
    except (yaml.YAMLError, RecursionError, ValueError) as error:  # also 2026-13-45, which is no date
        raise unreadable_release("The chart's values", str(error).splitlines()[0]) from None


def _find(values: Any, path: str) -> Mapping[str, Any]:
    """The mapping at a path such as “backend.image”; an empty one where there is none."""
    for part in path.split("."):
        values = values.get(part) if isinstance(values, Mapping) else None
    return values if isinstance(values, Mapping) else {}


def _ignored_value(chart: str, missing: list[str], values: Any) -> Problem:
    known = [name for name in values if _find(values, f"{name}.image")] if isinstance(values, Mapping) else []
    return Problem(
        f"The chart {chart} has no value {', '.join(missing)}.",
        means="Helm would ignore it without a word and deploy another image. Nothing was deployed. "
        f"Keys with an image: {', '.join(map(str, known)) or 'none'}.",
        next="Name the chart's keys in chart_keys: of the system (service=key), and in image_values: whether "
        "it has tag or digest.",
    )

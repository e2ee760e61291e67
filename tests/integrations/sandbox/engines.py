"""Stand-ins for docker, helm and kubectl: programs that take exactly the words that the originals take.

None of the three engines can be had here. Each stand-in parses its command line strictly (an unknown word
ends it with 1, as the original's), and prints what the original prints, from files of a folder of its own.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

DOCKER = """
import argparse, json, pathlib, sys, yaml
at = pathlib.Path({at!r})
docker = argparse.ArgumentParser(prog="docker", allow_abbrev=False)
kinds = docker.add_subparsers(dest="kind", required=True)
image = kinds.add_parser("image").add_subparsers(required=True).add_parser("inspect")
image.add_argument("name")
compose = kinds.add_parser("compose")
compose.add_argument("--file", default="compose.yaml")
compose.add_argument("--project-name", default="")
verbs = compose.add_subparsers(dest="verb", required=True)
verbs.add_parser("version")
config = verbs.add_parser("config")
config.add_argument("--format", choices=["json", "yaml"], required=True)
up = verbs.add_parser("up")
for flag in ("--detach", "--no-build", "--remove-orphans"):
    up.add_argument(flag, action="store_true", required=flag == "--detach")
up.add_argument("services", nargs="*")
asked = docker.parse_args()
if asked.kind == "image":
    known = json.loads((at / "images.json").read_text())
    if asked.name not in known:
        print("[]")
        sys.exit("Error response from daemon: No such image: " + asked.name)
    print(json.dumps([{{"Id": "sha256:1", "RepoDigests": [asked.name], "Config": known[asked.name]}}]))
    sys.exit()
if asked.verb == "version":
    if (at / "no.compose").exists():
        sys.exit("docker: unknown command: docker compose")
    print("Docker Compose version v2.40.0")
    sys.exit()
file = pathlib.Path(asked.file)
if not file.exists():
    sys.exit("open " + str(file.absolute()) + ": no such file or directory")
services = yaml.safe_load(file.read_text())["services"]
if asked.verb == "up":
    unknown = [name for name in asked.services if name not in services]
    if unknown:
        sys.exit("no such service: " + unknown[0])
    with (at / "done").open("a") as done:
        done.write(" ".join(sys.argv[1:]) + "\\n")
    print(" Container " + " ".join(asked.services or services) + "  Started", file=sys.stderr)
    sys.exit((at / "up.fails").exists())
def words(value):
    return value.split() if isinstance(value, str) else value and [w.replace("$", "$$") for w in value]
for one in services.values():
    one.update(command=words(one.get("command")), entrypoint=words(one.get("entrypoint")))
print(json.dumps({{"name": asked.project_name or "x", "services": services}}))
"""

HELM = """
import argparse, pathlib, re, sys
at = pathlib.Path({at!r})
helm = argparse.ArgumentParser(prog="helm", allow_abbrev=False)
kinds = helm.add_subparsers(dest="kind", required=True)
for name in ("template", "upgrade"):
    verb = kinds.add_parser(name)
    verb.add_argument("release")
    verb.add_argument("chart")
    for flag in ("--kube-context", "--namespace", "--values"):
        verb.add_argument(flag)
    verb.add_argument("--set-string", action="append", default=[])
    if name == "upgrade":
        for flag in ("--install", "--atomic", "--create-namespace"):
            verb.add_argument(flag, action="store_true")
asked = helm.parse_args()
chart = pathlib.Path(asked.chart)
if not (chart / "Chart.yaml").is_file():
    sys.exit("Error: path " + asked.chart + " not found")
values = dict(pair.split("=", 1) for one in asked.set_string for pair in one.split(","))
def filled(match):
    name = match.group(1)
    return values.get(name, "")
if asked.kind == "upgrade":
    with (at / "done").open("a") as done:
        done.write(" ".join(sys.argv[1:]) + "\\n")
    sys.exit((at / "up.fails").exists())
for file in sorted((chart / "templates").glob("*.yaml")):
    print("---\\n# Source: " + str(file))
    print(re.sub(r"\\{{\\{{ *\\.Values\\.([\\w.]+) *\\}}\\}}", filled, file.read_text()))
"""

KUBECTL = """
import argparse, pathlib, sys
at = pathlib.Path({at!r})
kubectl = argparse.ArgumentParser(prog="kubectl", allow_abbrev=False)
kubectl.add_argument("--context")
kubectl.add_argument("--namespace")
verbs = kubectl.add_subparsers(dest="verb", required=True)
get = verbs.add_parser("get")
get.add_argument("kind", choices=["deployments", "deployments,pods"])
get.add_argument("--output", choices=["json"], required=True)
apply = verbs.add_parser("apply")
apply.add_argument("--filename", required=True)
asked = kubectl.parse_args()
if asked.verb == "apply":
    if not pathlib.Path(asked.filename).exists():
        sys.exit("error: the path \\"" + asked.filename + "\\" does not exist")
    (at / "done").open("a").write(" ".join(sys.argv[1:]) + "\\n")
    sys.exit()
print((at / "deployments.json").read_text())
"""

PROGRAMS = {"docker": DOCKER, "helm": HELM, "kubectl": KUBECTL}


class Engines:
    """The stand-ins in a folder that stands first on the PATH, and what they know."""

    def __init__(self, at: Path, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
        self.at = at
        at.mkdir(parents=True, exist_ok=True)
        for name in names or PROGRAMS:
            program = at / name
            program.write_text(f"#!{sys.executable}\n{PROGRAMS[name].format(at=str(at))}")
            program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{at}")
        self.knows({})

    def knows(self, images: dict[str, dict[str, Any]]) -> None:
        """Image → its Config, for ``docker image inspect``."""
        (self.at / "images.json").write_text(json.dumps(images))

    @property
    def done(self) -> list[str]:
        """The command lines that changed something."""
        file = self.at / "done"
        return file.read_text().splitlines() if file.exists() else []

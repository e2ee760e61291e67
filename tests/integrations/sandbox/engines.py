"""Stand-ins for docker, helm and kubectl: programs that take exactly the words that the originals take.

None of the three engines can be had here. Each stand-in parses its command line strictly (an unknown word
ends it with 1, as the original's), and prints what the original prints, from files of a folder of its own.
"""

from __future__ import annotations

import json
import subprocess
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
up.add_argument("--scale", action="append", default=[])
up.add_argument("services", nargs="*")
ps = verbs.add_parser("ps")
ps.add_argument("--all", action="store_true", required=True)
ps.add_argument("--format", choices=["json"], required=True)
verbs.add_parser("stop").add_argument("services", nargs="+")
logs = verbs.add_parser("logs")
logs.add_argument("--no-color", action="store_true")
logs.add_argument("--no-log-prefix", action="store_true")
logs.add_argument("--tail", type=int, required=True)
logs.add_argument("service")
asked = docker.parse_args()
if asked.kind == "image":
    known = json.loads((at / "images.json").read_text())
    if asked.name not in known:
        print("[]")
        sys.exit("Error response from daemon: No such image: " + asked.name)
    digest = asked.name if "@" in asked.name else asked.name.rpartition(":")[0] + "@sha256:1"
    print(json.dumps([{{"Id": "sha256:1", "RepoDigests": [digest], "Config": known[asked.name]}}]))
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
running = at / "running.json"  # service: how many run, and how many containers there are
counts = json.loads(running.read_text()) if running.exists() else {{}}
if asked.verb == "ps":
    for name, (up, all_) in counts.items():
        for number in range(all_):
            state = "running" if number < up else "exited"
            row = {{"Service": name, "State": state, "Health": "", "Image": services[name]["image"]}}
            print(json.dumps({{**row, "Status": state}}))
    sys.exit()
if asked.verb == "logs":
    print("GET / 200 of " + asked.service)
    sys.exit()
if asked.verb in ("stop", "up"):
    scales = dict(one.split("=") for one in getattr(asked, "scale", []))
    for name in asked.services or services:
        wanted = int(scales.get(name, 1))
        was = counts.get(name, [0, 0])[1]
        counts[name] = [0, was] if asked.verb == "stop" else [wanted, wanted]
    running.write_text(json.dumps(counts))
if asked.verb == "stop":
    sys.exit()
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
import argparse, pathlib, re, sys, yaml
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
        verb.add_argument("--timeout")
        for flag in ("--install", "--atomic", "--create-namespace"):
            verb.add_argument(flag, action="store_true")
for name in ("list", "history"):
    verb = kinds.add_parser(name)
    if name == "history":
        verb.add_argument("release")
    else:
        verb.add_argument("--pending", action="store_true")
        verb.add_argument("--filter")
    for flag in ("--kube-context", "--namespace"):
        verb.add_argument(flag)
    verb.add_argument("--output", choices=["json"], required=True)
kept = kinds.add_parser("get").add_subparsers(dest="part", required=True)
for name in ("values", "manifest"):
    part = kept.add_parser(name)
    part.add_argument("release")
    for flag in ("--kube-context", "--namespace"):
        part.add_argument(flag)
    if name == "values":
        part.add_argument("--all", action="store_true")
shown = kinds.add_parser("show").add_subparsers(required=True).add_parser("values")
shown.add_argument("chart")
asked = helm.parse_args()
if asked.kind in ("list", "history"):
    kept = at / ("helm-" + asked.kind + ".json")
    print(kept.read_text() if kept.exists() else "[]")
    sys.exit()
if asked.kind == "get":
    print(asked.part + " of " + asked.release)
    sys.exit()
chart = pathlib.Path(asked.chart)
if not (chart / "Chart.yaml").is_file():
    sys.exit("Error: path " + asked.chart + " not found")
own = (chart / "values.yaml").read_text() if (chart / "values.yaml").exists() else ""
if asked.kind == "show":
    print(own)
    sys.exit()
def flat(prefix, value):
    if not isinstance(value, dict):
        return {{prefix: str(value)}}
    return {{k: v for n, one in value.items() for k, v in flat((prefix + "." + n).strip("."), one).items()}}
values = flat("", yaml.safe_load(own) or {{}})
values.update(pair.split("=", 1) for one in asked.set_string for pair in one.split(","))
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
import argparse, json, pathlib, sys
at = pathlib.Path({at!r})
def in_any(pod, names):
    return any(pod["metadata"]["name"].startswith(name + "-abc-") for name in names)
def pod(name, number, image):
    owner = [{{"kind": "ReplicaSet", "name": name + "-abc"}}]
    labels = {{"pod-template-hash": "abc"}}
    metadata = {{"name": f"{{name}}-abc-{{number}}", "ownerReferences": owner, "labels": labels}}
    container = {{"name": name, "restartCount": 0, "imageID": "docker-pullable://" + image + "@sha256:1"}}
    status = {{"phase": "Running", "containerStatuses": [container]}}
    return {{"kind": "Pod", "metadata": metadata, "status": status}}
kubectl = argparse.ArgumentParser(prog="kubectl", allow_abbrev=False)
kubectl.add_argument("--context")
kubectl.add_argument("--namespace")
verbs = kubectl.add_subparsers(dest="verb", required=True)
get = verbs.add_parser("get")
get.add_argument("kind", choices=["deployments,pods", "deployments,statefulsets,pods", "events"])
get.add_argument("--field-selector", choices=["type=Warning"])
get.add_argument("--output", choices=["json"], required=True)
apply = verbs.add_parser("apply")
apply.add_argument("--filename", required=True)
scale = verbs.add_parser("scale")
scale.add_argument("--replicas", type=int, required=True)
scale.add_argument("targets", nargs="+")
logs = verbs.add_parser("logs")
logs.add_argument("target")
logs.add_argument("--all-containers", action="store_true")
logs.add_argument("--tail", type=int)
can = verbs.add_parser("auth").add_subparsers(required=True).add_parser("can-i")
can.add_argument("right", choices=["patch"])
can.add_argument("target")
can.add_argument("--subresource", choices=["scale"], default="")
asked = kubectl.parse_args()
if asked.verb == "auth":
    kept = at / "forbidden.json"
    forbidden = json.loads(kept.read_text()) if kept.exists() else []
    no = "/".join(filter(None, (asked.target, asked.subresource))) in forbidden
    print("no" if no else "yes")
    sys.exit(int(no))
if asked.verb == "scale":
    known = json.loads((at / "deployments.json").read_text())["items"]
    named = [one.partition("/")[2] for one in asked.targets]
    kept = [one for one in known if one["kind"] == "Deployment" or not in_any(one, named)]
    for one in (one for one in kept if one["metadata"]["name"] in named):
        one["spec"]["replicas"] = asked.replicas
        counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
        one["status"] = dict.fromkeys(counts, asked.replicas)
        image = one["spec"]["template"]["spec"]["containers"][0]["image"]
        kept += [pod(one["metadata"]["name"], number, image) for number in range(asked.replicas)]
    (at / "deployments.json").write_text(json.dumps({{"items": kept}}))
    sys.exit()
if asked.verb == "logs":
    known = [one["metadata"]["name"] for one in json.loads((at / "deployments.json").read_text())["items"]]
    kind, _, name = asked.target.partition("/")
    if kind != "pod" or name not in known:
        sys.exit("error: timed out waiting for the condition")
    print("GET / 200 of " + name)
    sys.exit()
if asked.verb == "apply":
    if not pathlib.Path(asked.filename).exists():
        sys.exit("error: the path \\"" + asked.filename + "\\" does not exist")
    (at / "done").open("a").write(" ".join(sys.argv[1:]) + "\\n")
    sys.exit()
if asked.kind == "events":
    kept = at / "events.json"
    print(kept.read_text() if kept.exists() else json.dumps({{"items": []}}))
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

    def runs(self, name: str, replicas: int, image: str) -> None:
        """A service of both engines that runs so often: a deployment with its pods, and containers."""
        (self.at / "running.json").write_text(json.dumps({name: [replicas, replicas]}))
        containers = [{"name": name, "image": image}]
        deployment = {
            "kind": "Deployment",
            "metadata": {"name": name},
            "spec": {"replicas": 0, "template": {"spec": {"containers": containers}}},
        }
        (self.at / "deployments.json").write_text(json.dumps({"items": [deployment]}))
        scale = ["scale", f"--replicas={replicas}", f"deployment/{name}"]
        subprocess.run([str(self.at / "kubectl"), *scale], check=True)

    def forbids(self, *targets: str) -> None:
        """What this login may not patch: “deployment/api”, “deployment/api/scale”."""
        (self.at / "forbidden.json").write_text(json.dumps(targets))

    @property
    def done(self) -> list[str]:
        """The command lines that changed something."""
        file = self.at / "done"
        return file.read_text().splitlines() if file.exists() else []

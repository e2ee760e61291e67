"""What the panel's processes write passes through the redactor: logs, tracebacks, output of commands."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

from cutover.data_folder import PROJECT
from integrations.redact import MASK
from integrations.redact.process_output import MaskedOutput, mask_output, register_secrets
from tests.source_tree import modules

#: As a web process and a worker begin: the web server and Celery set logging up for themselves.
WEB_AND_WORKER = """
import logging, sys
import uvicorn
uvicorn.Config("cutover.asgi:application")
import django
django.setup()
from cutover.celery import app
app.log.setup(loglevel="INFO")
from integrations.redact.process_output import MaskingFormatter
known = [each for each in logging.root.manager.loggerDict.values() if isinstance(each, logging.Logger)]
handlers = {f"{each.name}: {one}": one for each in [logging.root, *known] for one in each.handlers
            if not isinstance(one, logging.NullHandler)}
print([name for name, one in handlers.items() if not isinstance(one.formatter, MaskingFormatter)])
from django.conf import settings
for name in ("django.request", "uvicorn.error", "celery.worker", "checklists.executor", "django.http"):
    try:
        raise ValueError(f"failed with {settings.SECRET_KEY}")
    except ValueError:
        logging.getLogger(name).exception("with %s", settings.SECRET_KEY)
"""
#: As somebody at a terminal: a command prints, warns, and fails in another thread and in its own.
COMMAND = """
import os, sys, threading, warnings
from django.conf import settings
key = settings.SECRET_KEY
print("printed", key)
sys.stderr.write(f"written {key}\\n")
warnings.warn(f"warned {key}")
def fail():
    raise ValueError(f"failed with {key}")
thread = threading.Thread(target=fail); thread.start(); thread.join()
fail()
"""


def output_of(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, *words], cwd=PROJECT, capture_output=True, text=True, check=False, env={**os.environ}
    )
    return done.stdout + done.stderr


def test_logs_of_web_server_django_and_celery_have_one_handler_and_it_masks() -> None:
    said = output_of("-c", WEB_AND_WORKER)
    assert said.startswith("[]"), said
    assert said.count(f"ValueError: failed with {MASK}") == 5, said
    assert os.environ["SECRET_KEY"] not in said


def test_output_and_tracebacks_of_a_command_are_masked() -> None:
    said = output_of("manage.py", "shell", "-c", COMMAND)
    for words in ("printed", "written", "warned", "failed with"):
        assert f"{words} {MASK}" in said, said
    assert said.count(f"ValueError: failed with {MASK}") == 2
    assert os.environ["SECRET_KEY"] not in said


def test_colours_stay_where_nothing_is_masked_and_prompts_are_not_held_back(tmp_path: Path) -> None:
    register_secrets("Zq9rT4mKe7PwX2vB")
    with (tmp_path / "out").open("w") as opened:
        output = MaskedOutput(opened)
        output.write("\x1b[32mgreen\x1b[0m\r")
        output.writelines(["Name: ", "\x1b[31mZq9rT4mKe7PwX2vB\x1b[0m\n"])
    assert (tmp_path / "out").read_bytes().decode() == f"\x1b[32mgreen\x1b[0m\rName: {MASK}\n"
    assert mask_output("a Zq9rT4mKe7PwX2vB\nb") == f"a {MASK}\nb"


#: Programs that are started by name, and why their output is not masked.
NOT_MASKED = {
    "cutover.dependency_audit": "prints names of packages; reads no secret",
    "cutover.deploy_check": "starts manage.py, which masks",
    "cutover.health_probe": "prints a path and a status; imports nothing of the panel, so that it is quick",
    "cutover.demo.__main__": "prints the passwords of its invented people",
    "cutover.demo.demo_runbooks": "prints a runbook of the demo",
    "checklists.record.verify_record": "runs alone, with a copy of the record, where there is no panel",
    "integrations.parity.__main__": "a distribution of its own, with a masking of its own (masked_passwords)",
}
#: Ways around the streams and the handler, and where they are right.
WAYS_AROUND = {
    ("checklists.management.commands.secrets", "buffer"): "decrypt-export writes what was asked for",
}


def test_every_program_masks_its_output() -> None:
    found = set()
    for name, tree in modules().items():
        if not name.startswith("integrations.sandbox") and _is_program(tree):
            calls = {
                node.func.id
                for node in ast.walk(tree)
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            }
            if "mask_standard_streams" not in calls:
                found.add(name)
    assert found == NOT_MASKED.keys()
    assert "mask_standard_streams()" in (PROJECT / "manage.py").read_text()
    assert "mask_standard_streams()" in (PROJECT / "cutover" / "asgi.py").read_text()


def test_nothing_writes_around_the_masked_streams() -> None:
    around = {
        "__stdout__",
        "__stderr__",
        "basicConfig",
        "StreamHandler",
        "FileHandler",
        "lastResort",
        "AdminEmailHandler",
    }
    found = {}
    for name, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and (node.attr in around or _is_bytes_of_stream(node)):
                found[name, node.attr] = node.lineno
    assert found.keys() <= WAYS_AROUND.keys(), found


def _is_program(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'" for node in tree.body
    )


def _is_bytes_of_stream(node: ast.Attribute) -> bool:
    return node.attr == "buffer" and ast.unparse(node.value) in ("sys.stdout", "sys.stderr")

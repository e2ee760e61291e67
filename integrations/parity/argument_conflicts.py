"""Arguments that cannot be used together, and the outputs that they name."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from integrations.parity.outputs import Output, find_output_conflict


def find_conflict(arguments: argparse.Namespace) -> str:
    """Why these arguments cannot be used together; empty when they can."""
    if not arguments.source:
        return "give SOURCE and TARGET, or a file with both in --config"
    is_file = "://" not in arguments.source and Path(arguments.source).is_file()
    if bool(arguments.take) == bool(arguments.target):
        return "give TARGET, or --take FILE"
    if arguments.resume and (arguments.keep_pass or arguments.recheck):
        return "--resume goes on with a pass and keeps it in the same file: give no other one"
    if arguments.keep_pass and arguments.recheck:
        return "--keep-pass reads everything, --recheck does not: give one of them"
    if is_file and (arguments.keep_pass or arguments.resume or arguments.recheck):
        return "--keep-pass, --resume and --recheck are for two live databases, and SOURCE is a file"
    if arguments.backup and not is_file:
        return "--backup names the rows of a fingerprint, and SOURCE is no file"
    if arguments.sample and (arguments.keep_pass or arguments.resume or arguments.recheck):
        return "a sample is no full pass: --sample goes with neither --keep-pass, --resume nor --recheck"
    selected = arguments.table or arguments.exclude or arguments.where
    if selected and (arguments.take or arguments.keep_pass or arguments.resume):
        return "what is kept for later is whole: --table, --exclude and --where belong to the comparison"
    if arguments.fail_fast and arguments.settle:
        return (
            "--fail-fast ends at the first difference, and --settle waits whether it goes: give one of them"
        )
    return find_output_conflict(list_outputs(arguments)) or _find_closed_folder(arguments)


def _find_closed_folder(arguments: argparse.Namespace) -> str:
    """A file that cannot be written: better now than after hours."""
    files = [output.path for output in list_outputs(arguments)]
    written = [path for path in (*files, arguments.take, arguments.keep_pass) if path]
    closed = [path for path in written if not os.access(Path(path).parent, os.W_OK)]
    return f"{closed[0]} cannot be written: its folder is not there, or closed to us" if closed else ""


def list_outputs(arguments: argparse.Namespace) -> list[Output]:
    """All outputs, those of the short options included."""
    short = [Output("json")] if arguments.json else []
    short += [Output("html", arguments.html)] if arguments.html else []
    return [*arguments.output, *short]

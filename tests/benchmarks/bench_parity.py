"""How long a comparison takes, as ratios to plain scans and to other programs in the same run.

``./panel bench parity`` is quick and small; ``--full`` has the sizes that are promised, ``--peers`` puts
other comparing programs beside it. It starts a PostgreSQL of its own and leaves nothing behind but what
``--write`` asks for and the environments of the peers. It is never a timed test: a ratio that is missed
is said in the table, and ends with exit code 1 only with ``--strict``. Findings that are wrong always do.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks.parity import parts
from tests.benchmarks.parity.declared import declared
from tests.benchmarks.parity.other_sources import other_sources
from tests.benchmarks.parity.parts import Run
from tests.benchmarks.parity.ranges import ranges
from tests.benchmarks.parity.same_rows import same_rows
from tests.benchmarks.parity.servers import DEBIAN, Bench, bench
from tests.benchmarks.parity.sizes import FULL, Sizes
from tests.benchmarks.parity.table import Table

Part = Callable[[Bench, Run], Iterator[Table]]
PARTS: dict[str, Part] = {
    "headline": parts.headline,
    "agreement": parts.agreement,
    "recheck": parts.rechecks,
    "many": parts.many,
    "scale": parts.scale,
    "small": parts.small,
    "workers": parts.workers,
    "declared": declared,
    "same": same_rows,
    "ranges": ranges,
    "sources": other_sources,
}
JUDGED = ("declared",)  # parts whose sizes are those that are promised, also without --full
ABOUT = """# What a comparison costs

Made by `./panel bench parity {options}`: one run on one machine, so that each number is a ratio to another
of the same run. {machine}

Source and target are two databases of one server and share its cores with the client. Times are medians
where a part was run more than once. Every run's findings are held against the edits that were made.
What is wanted holds for the sizes of `--full`: in small tables connections and catalogs weigh most. That of
declared differences holds for each of its sizes.
"""


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="./panel bench parity", description=__doc__)
    parser.add_argument("--full", action="store_true", help="the sizes that are promised (some 15 minutes)")
    parser.add_argument("--peers", action="store_true", help="put up other programs and run them, too")
    parser.add_argument("--only", default=",".join(PARTS), help=f"parts, with commas: {', '.join(PARTS)}")
    parser.add_argument("--times", type=int, default=3, help="runs of which the median is taken")
    parser.add_argument("--postgres", type=Path, help="folder of another PostgreSQL's programs")
    parser.add_argument("--write", type=Path, help="keep the tables in this file, as Markdown")
    parser.add_argument("--strict", action="store_true", help="exit code 1 when a ratio is missed")
    return parser


def main() -> int:
    """Measures, prints as it goes, and writes."""
    parser = arguments()
    asked = parser.parse_args()
    wanted = asked.only.split(",")
    if unknown := [name for name in wanted if name not in PARTS]:
        parser.error(f"there is no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    sizes = Sizes(**{**vars(FULL if asked.full else Sizes()), "times": asked.times})
    run, tables = Run(sizes, asked.peers), list[Table]()
    with bench(_programs(asked)) as server:
        about = _about(server)
        print(about, flush=True)
        for name in wanted:
            for table in _measured(name, server, run):
                table = table if asked.full or name in JUDGED else table.unjudged()
                print(f"\n{table.as_text()}", flush=True)
                tables.append(table)
                if asked.write:  # after each: a part that fails does not take the others with it
                    _write(asked.write, about, tables)
    missed = [line for table in tables for line in table.lines if line.missed]
    return int(bool(missed) and asked.strict)


def _write(file: Path, about: str, tables: list[Table]) -> None:
    head = ABOUT.format(options=" ".join(_without_write(sys.argv[1:])), machine=about)
    file.write_text("\n".join([head, *(table.as_markdown() for table in tables)]))


def _measured(name: str, server: Bench, run: Run) -> Iterator[Table]:
    started = time.monotonic()
    yield from PARTS[name](server, run)
    print(f"({name}: {time.monotonic() - started:.0f} s in all)", flush=True)


def _programs(asked: argparse.Namespace) -> Path | None:
    """PostgreSQL 15 where peers are asked for and it is there: one of them has a library for it."""
    if asked.postgres or not asked.peers:
        return asked.postgres
    return DEBIAN if DEBIAN.is_dir() else None


def _about(server: Bench) -> str:
    """The machine; a load that others make is said, because both sides need all cores at once."""
    cores, load = os.cpu_count() or 1, os.getloadavg()[0]
    busy = (
        " The machine was busy with other work, which makes every ratio to one core worse."
        if load > 1
        else ""
    )
    machine = f"{cores} cores ({platform.machine()}), load {load:.1f} at the start"
    return f"PostgreSQL {server.release}, Python {platform.python_version()}, {machine}.{busy}"


def _without_write(options: list[str]) -> list[str]:
    return [word for n, word in enumerate(options) if word != "--write" and options[n - 1 : n] != ["--write"]]


if __name__ == "__main__":
    sys.exit(main())

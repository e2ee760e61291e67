"""The long property tests: `./panel test long SECONDS SEED [ROUND]`.

Tests marked ``property`` try generated input. The suite tries a few hundred cases of one seed. A long
run repeats these tests in rounds until the time is up; each round has its own seed, made from the
seed of the run and the number of the round. A round that fails, or a run that was stopped, is repeated
or resumed with the numbers that are printed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
import zlib
from collections.abc import Sequence

import pytest
from hypothesis import settings

from cutover.data_folder import PROJECT

settings.register_profile("suite", max_examples=300, deadline=None)
settings.register_profile("long", max_examples=3000, deadline=None)


def pytest_addoption(parser: pytest.Parser) -> None:
    """One round of a long run; without it the suite's own seed and number of cases are used."""
    parser.addoption("--property-round", metavar="SEED:ROUND", help="more cases, from this seed")


def pytest_configure(config: pytest.Config) -> None:
    """Chooses how many cases hypothesis tries."""
    settings.load_profile("long" if config.getoption("--property-round") else "suite")


def run_round(seed: str, number: int) -> int:
    """Runs every property test once with the round's seed; pytest's exit code."""
    argv = [sys.executable, "-m", "pytest", "-q", "-m", "property", "--property-round", f"{seed}:{number}"]
    argv += ["--hypothesis-seed", str(zlib.crc32(f"{seed}:{number}".encode()))]
    return subprocess.run(argv, cwd=PROJECT, check=False).returncode


def main(argv: Sequence[str]) -> int:
    """Exit code 0 when no round failed, otherwise that of the failed round."""
    parser = argparse.ArgumentParser("panel test long", description=__doc__)
    parser.add_argument("seconds", type=float, help="no round begins after this time")
    parser.add_argument("seed", help="any text or number")
    parser.add_argument("round", type=int, nargs="?", default=1, help="the first round (default 1)")
    options = parser.parse_args(argv)
    end, number = time.monotonic() + options.seconds, options.round
    while True:
        code = run_round(options.seed, number)
        again = f"./panel test long {options.seconds:.0f} {options.seed} {number + (code == 0)}"
        print(f"seed {options.seed}, round {number}: {'ok' if code == 0 else 'FAILED'}", flush=True)
        if code or time.monotonic() > end:
            print(f"{'Repeat it' if code else 'Go on'} with: {again}", flush=True)
            return code
        number += 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

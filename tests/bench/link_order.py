"""The functions that ordinary commands run, in the order in which the linker is to put them: host/build/link-order.txt.

    python3 tests/bench/link_order.py --record [--binary target/release/forensic-host]
    python3 tests/bench/link_order.py             # how much of the list the binary still has

Of 28 MiB of code a run of a pipeline needs three, and left alone these lie all over the file: the kernel brings in the pages
around each, so that a run holds three times as much of it in memory. Side by side they share pages. Names that a binary does not
have are passed over, so that an old list does no harm but loses its use bit by bit: with a new compiler, for names have a hash of
it in them. Exit code 1: less than half of the names are left.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from counts import layers, pipeline
from tools import REPORTS

ORDER = Path(__file__).parents[2] / "host/build/link-order.txt"
ENOUGH = 0.5


def quiet(folder: Path) -> list[str]:
    """Stages that say nothing: what every run needs."""
    pipeline(folder, layers(40))
    return ["run", "--quiet"]


def talkative(folder: Path) -> list[str]:
    """Stages that print, one that fails and is tried again, one that is reused, outputs."""
    (folder / "in").write_text("1\n")
    pipeline(
        folder,
        '[stages.a]\nrun = "echo one; cat in > out"\ninputs = ["in"]\noutputs = ["out"]\ncache = true\n'
        '[stages.b]\nrun = "echo two >&2; exit 3"\nneeds = ["a"]\nallow_failure = true\nretries = { max = 1 }\n'
        '[stages.c]\nrun = "sleep 0.05; cat out"\nneeds = ["a"]\n',
    )
    return ["run"]


def reports(folder: Path) -> list[str]:
    """All report plugins that are shipped."""
    tables = "".join(f'[[report]]\nid = "{name}"\nplugin = "builtin:{name}"\n' for name in REPORTS)
    pipeline(folder, layers(10) + tables)
    return ["run", "--quiet"]


def validate(folder: Path) -> list[str]:
    """A check."""
    pipeline(folder, layers(10))
    return ["validate"]


def plan(folder: Path) -> list[str]:
    """A plan."""
    pipeline(folder, layers(10))
    return ["plan"]


COMMANDS = [quiet, talkative, reports, validate, plan]


def executed(binary: Path, folder: Path, arguments: list[str]) -> Iterator[str]:
    """Mangled names of the binary's functions that a command runs, as callgrind comes to write them."""
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_CACHE_HOME": f"{folder}/cache", "NO_COLOR": "1"}
    # What is done once, such as compiling plugins, is not ordinary.
    subprocess.run([binary, *arguments], cwd=folder, env=env, capture_output=True)
    out = folder / "callgrind.out"
    command = ["valgrind", "--tool=callgrind", "--demangle=no", f"--callgrind-out-file={out}", str(binary), *arguments]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, errors="replace")
    if not out.exists() or done.returncode not in (0, 1):
        raise SystemExit(f"{arguments}: exit code {done.returncode}\n{done.stderr[-3000:]}")
    # The format gives a name at its first use and a number later: callgrind's "name compression".
    objects: dict[str, str] = {}
    names: dict[str, str] = {}
    here = ""
    for line in out.read_text(errors="replace").splitlines():
        found = re.match(r"(c?)(ob|fn)=\((\d+)\)(?: (.+))?", line)
        if not found:
            continue
        called, kind, number, name = found.groups()
        known = objects if kind == "ob" else names
        if name:
            known[number] = name.strip()
        if kind == "ob" and not called:
            here = known[number]
        elif not called and here == str(binary):
            # Recursion has a mark of its own.
            yield known[number].partition("'")[0]


def record(binary: Path) -> None:
    """Writes the list: what all need first."""
    order: dict[str, None] = {}
    for prepare in COMMANDS:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            before = len(order)
            order |= dict.fromkeys(executed(binary, folder, prepare(folder)))
            print(f"{prepare.__name__:<12}{len(order) - before:>6} functions more", flush=True)
    present = held(binary, list(order))
    ORDER.write_text("".join(f"{name}\n" for name in present))


def held(binary: Path, names: list[str]) -> list[str]:
    """Those of the names that the binary has."""
    there = set(re.findall(rb"[!-~]{2,}", binary.read_bytes()))
    return [name for name in names if name.encode() in there]


def main() -> None:
    """Records or looks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", action="store_true", help="write the list")
    parser.add_argument("--binary", type=Path, default=Path("target/release/forensic-host"))
    options = parser.parse_args()
    binary = options.binary.resolve()
    if options.record:
        record(binary)
    names = ORDER.read_text().split()
    there = len(held(binary, names))
    print(f"{there:,} of {len(names):,} functions in the linker's list are in {options.binary}")
    if there < ENOUGH * len(names):
        print("The list is old: python3 tests/bench/link_order.py --record", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()

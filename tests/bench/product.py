"""Our own side of the benchmarks: the binary, the bench programs that cargo builds, and the phases that the host tells of itself."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from machine import Watch, version
from measure import Measured, measure

OURS = "forensic-host"
PHASES_VARIABLE = "FORENSIC_HOST_PHASES"
PEAK = "forensic.peak_memory_bytes"
MIB = 1 << 20


@dataclass
class Row:
    """What a tool took for a case: each measure has a value for every round; its name ends with its unit."""

    group: str
    case: str
    size: int
    tool: str
    role: str = "ours"
    measures: dict[str, list[float]] = field(default_factory=dict)
    facts: dict[str, object] = field(default_factory=dict)

    def push(self, **values: float) -> None:
        """What one more round gave."""
        for name, value in values.items():
            self.measures.setdefault(name, []).append(round(value, 6))

    def push_run(self, run: Measured, peak_mib: float | None = None) -> None:
        """The same for a whole process."""
        self.push(wall_s=run.wall_s, cpu_s=run.cpu_s)
        if peak_mib is not None:
            self.push(peak_mib=peak_mib)

    def as_json(self) -> dict[str, object]:
        """As the page reads it."""
        head = {"group": self.group, "case": self.case, "size": self.size, "tool": self.tool, "role": self.role}
        return {**head, **self.measures, **self.facts}


@dataclass(frozen=True)
class Phases:
    """The phases of one process. Times in seconds, by path: the names from the outermost on, joined by ` / `."""

    seconds: dict[str, float]
    peak_mib: float

    def named(self, name: str) -> float:
        """Seconds of all phases with this name, wherever they are."""
        return sum(value for path, value in self.seconds.items() if path.split(" / ")[-1] == name)

    @property
    def whole(self) -> float:
        """From the first line of `main` to the last."""
        return next(iter(self.seconds.values()))


def run_with_phases(argv: list[str], folder: Path, env: dict[str, str]) -> tuple[Measured, Phases]:
    """A run of the binary that also writes its phases; what that costs is far below a millisecond."""
    with tempfile.TemporaryDirectory(prefix="phases-", dir=folder) as place:
        run = measure(argv, folder, {**env, PHASES_VARIABLE: place})
        # Children of ours, if there were any, began later.
        first = min(Path(place).glob("*.json"), key=lambda file: json.loads(file.read_text())[0]["start_time"])
        return run, read_phases(json.loads(first.read_text()))


def read_phases(spans: list[dict[str, Any]]) -> Phases:
    """The file of one process: spans in the order of their starts, parents first. Phases of one path are added up."""
    paths: dict[str, str] = {}
    seconds: dict[str, float] = {}
    for span in spans:
        parent = paths.get(span["parent_span_id"] or "")
        path = f"{parent} / {span['name']}" if parent else span["name"]
        paths[span["span_id"]] = path
        seconds[path] = seconds.get(path, 0.0) + (span["end_time"] - span["start_time"]) / 1e9
    return Phases(seconds, spans[0]["attributes"][PEAK] / MIB)


def bench_program(name: str) -> str:
    """Builds one of the benches of the host's crate, if it has to be, and returns the path of its program."""
    words = ["cargo", "bench", "--locked", "-p", OURS, "--bench", name, "--no-run", "--message-format=json"]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    messages = (json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
    found = [message.get("executable") for message in messages if message.get("target", {}).get("name") == name]
    return str(next(path for path in found if path))


def arguments(description: str, part: str) -> argparse.Namespace:
    """The command line that all three parts have."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(f"target/bench/{part}.json"), metavar="FILE")
    parser.add_argument("--binary", default="target/release/forensic-host", metavar="FILE")
    parser.add_argument("--quick", action="store_true", help="the smallest sizes, fewest rounds: to see that it works")
    parser.add_argument("--rounds", type=int, metavar="N", help="no more rounds than this")
    args = parser.parse_args()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.binary = str(Path(args.binary).resolve())
    return args


def environment(place: Path) -> dict[str, str]:
    """Ours, with a cache of its own that starts empty; nothing that would change what a run does."""
    kept = {name: value for name, value in os.environ.items() if name not in ("CI", "GITHUB_ACTIONS", "GITLAB_CI")}
    return {**kept, "XDG_CACHE_HOME": str(place / "cache"), "NO_COLOR": "1"}


def alternating(number: int, things: Iterable[Any]) -> list[Any]:
    """In the opposite order every other round."""
    found = list(things)
    return found if number % 2 == 0 else found[::-1]


def write(part: str, args: argparse.Namespace, watch: Watch, versions: dict[str, str], rows: Iterable[dict[str, object]]) -> None:
    """The result, as tests/bench/page.py reads it."""
    rows = list(rows)
    rounds = max((len(row.get("wall_s", ())) for row in rows), default=0)  # type: ignore[arg-type]
    versions = {OURS: version([args.binary, "--version"]), **versions}
    result = {"part": part, "quick": args.quick, "machine": watch.finish(), "versions": versions, "rounds": rounds, "rows": rows}
    args.out.write_text(json.dumps(result, indent=1) + "\n")
    say(f"{args.out}")


def say(text: str) -> None:
    """A line for whoever waits."""
    print(text, file=sys.stderr, flush=True)

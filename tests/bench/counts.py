"""Instructions of the hot paths, counted by valgrind in the real binary, compared with what is recorded in counts.json.

    python3 tests/bench/counts.py [--record] [--binary target/release/forensic-host]

A count does not depend on how busy the machine is, so a regression shows without a timed assertion. Each path is counted at two
sizes; what is recorded is the difference for each unit more, so that start-up and set-up don't count (start-up is a case of its
own). Only our own process is counted: neither stages nor the compile child. Chance stays: hash seeds, and in `run` how threads meet. So the margin is wide, and what
changes a path on purpose is recorded with `--record`. Exit code 1: a path takes more than the margin allows.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

RECORD = Path(__file__).with_name("counts.json")
MARGIN = 0.25
VALGRIND = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]

Prepare = Callable[[Path, int], list[str]]


@dataclass(frozen=True)
class Case:
    """A hot path: `prepare` makes what it needs at a size, in a folder, and says the arguments."""

    name: str
    unit: str
    sizes: tuple[int, int]
    prepare: Prepare


def pipeline(folder: Path, stages: str) -> None:
    """Writes a pipeline of these stages."""
    (folder / "pipeline.toml").write_text(f'[pipeline]\nname = "counts"\nmax_parallel = 2\n{stages}')


def layers(count: int) -> str:
    """Stages in layers of ten, each needs two of the layer before."""
    needs = [f'needs = ["s{at - 10}", "s{at - at % 10 - 10 + (at + 1) % 10}"]\n' if at >= 10 else "" for at in range(count)]
    return "".join(f'[stages.s{at}]\ncommand = ["/bin/true"]\n{needs[at]}' for at in range(count))


def version(_: Path, size: int) -> list[str]:
    """Nothing but the start; at size 0 not even that, as nothing is subtracted from it."""
    return ["--version"] if size else []


def validate(folder: Path, size: int) -> list[str]:
    """A pipeline is read and checked."""
    pipeline(folder, layers(size))
    return ["validate"]


def plan(folder: Path, size: int) -> list[str]:
    """The same, planned and shown."""
    pipeline(folder, layers(size))
    return ["plan"]


def run(folder: Path, size: int) -> list[str]:
    """Stages that do nothing, with journal, logs and all that is measured."""
    pipeline(folder, layers(size))
    return ["run", "--quiet"]


def log(folder: Path, size: int) -> list[str]:
    """A stage that prints so many KiB, which are searched for secrets."""
    lines = "".join(f"2026-11-23 12:00:00 INFO loader: window {at:06} of prices, 256 rows, ratio 0.25 ok\n" for at in range(size * 13))
    (folder / "lines").write_text(lines[: size * 1024])
    pipeline(folder, '[stages.a]\ncommand = ["cat", "lines"]\n')
    return ["run", "--quiet"]


def summarize(folder: Path, size: int) -> list[str]:
    """A trace is read, and all its metrics are computed."""
    (folder / "trace.json").write_text(json.dumps(trace(size)))
    return ["trace", "summarize", "trace.json"]


def export(folder: Path, size: int) -> list[str]:
    """A trace becomes OTLP."""
    (folder / "trace.json").write_text(json.dumps(trace(size)))
    return ["trace", "export", "trace.json", "--format", "otlp-json"]


def trace(count: int) -> list[dict]:
    """A run with one stage that sent spans of eight attributes."""
    begin = 1_795_000_000_000_000_000

    def span(number: int, name: str, parent: int | None, start: int, end: int, attributes: dict) -> dict:
        return {
            "name": name,
            "start_time": begin + start,
            "end_time": begin + end,
            "duration_ms": (end - start) / 1e6,
            "status": "Success",
            "attributes": attributes,
            "trace_id": "0af7651916cd43dd8448eb211c80319c",
            "span_id": f"{number + 1:016x}",
            "parent_span_id": None if parent is None else f"{parent + 1:016x}",
        }

    last = count * 1000
    stage = {"forensic.stage.id": "a"}
    spans = [
        span(0, "RUN counts", None, 0, last, {"forensic.kind": "run", "forensic.run_id": "counts"}),
        span(1, "a", 0, 0, last, {"forensic.kind": "stage", **stage, "cicd.pipeline.task.run.result": "success"}),
        span(2, "a#1", 1, 0, last, {"forensic.kind": "attempt", "forensic.attempt": 1, **stage}),
    ]
    for number in range(3, count):
        sent = {"forensic.origin": "otlp", "forensic.attempt": 1, **stage, "app.symbol": "BTC-USD", "app.rows": number}
        sent |= {"app.ratio": 0.25, "app.cached": False, "app.message": "loaded a window of prices"}
        spans.append(span(number, f"step {number % 100}", 2, number * 1000, number * 1000 + 900, sent))
    return spans


CASES = [
    Case("start", "start", (0, 1), version),
    Case("validate", "stage", (500, 1500), validate),
    Case("plan", "stage", (500, 1500), plan),
    Case("run", "stage", (50, 250), run),
    Case("log", "KiB", (256, 2048), log),
    Case("summarize", "span", (2000, 12_000), summarize),
    Case("export", "span", (2000, 12_000), export),
]


def instructions(binary: Path, case: Case, size: int) -> int:
    """What our process takes at this size."""
    with tempfile.TemporaryDirectory() as place:
        arguments = case.prepare(Path(place), size)
        if not arguments:
            return 0
        env = {"PATH": os.environ["PATH"], "HOME": place, "XDG_CACHE_HOME": f"{place}/cache", "NO_COLOR": "1"}
        # The digest of our own program is remembered in the cache; to compute it would be most of the count.
        subprocess.run([binary, *arguments, *(["--run-id", "warm"] if arguments[0] == "run" else [])], cwd=place, env=env, capture_output=True)
        # The number of threads follows the processors; one is the same everywhere.
        command = ["taskset", "--cpu-list", str(min(os.sched_getaffinity(0))), *VALGRIND, str(binary), *arguments]
        done = subprocess.run(command, cwd=place, env=env, capture_output=True, text=True, errors="replace")
        found = re.search(r"Collected : (\d+)", done.stderr)
        if done.returncode or not found:
            raise SystemExit(f"{case.name} at {size}: exit code {done.returncode}\n{done.stderr[-3000:]}")
        return int(found[1])


def main() -> None:
    """Counts, then records or compares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", action="store_true", help="write counts.json")
    parser.add_argument("--binary", type=Path, default=Path("target/release/forensic-host"))
    parser.add_argument("--only", help="one case")
    options = parser.parse_args()
    known = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    counted: dict[str, dict[str, int | str]] = {}
    worse = []
    print(f"{'path':<12}{'instructions':>14}  {'unit':<8}{'recorded':>12}{'change':>9}")
    for case in CASES:
        if options.only not in (None, case.name):
            continue
        small, large = (instructions(options.binary.resolve(), case, size) for size in case.sizes)
        each = round((large - small) / (case.sizes[1] - case.sizes[0]))
        counted[case.name] = {"unit": case.unit, "instructions": each}
        before = known.get(case.name, {}).get("instructions")
        change = each / before - 1 if before else 0.0
        print(f"{case.name:<12}{each:>14,}  {case.unit:<8}{before or 0:>12,}{change:>+9.1%}", flush=True)
        if before is None or change > MARGIN:
            worse.append(case.name)
    if options.record:
        RECORD.write_text(json.dumps(known | counted, indent=1) + "\n")
    elif worse:
        print(
            f"\n{', '.join(worse)}: more than {MARGIN:.0%} above what is recorded. Find out why (callgrind_annotate shows it), or, if it is "
            "meant, record it: python3 tests/bench/counts.py --record",
            file=sys.stderr,
        )
        sys.exit(1)


if __name__ == "__main__":
    main()

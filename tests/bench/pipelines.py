"""What a stage costs: graphs of `true`, ours beside other tools, all in the same minutes on the same machine.

    target/venv/bench/bin/python tests/bench/pipelines.py [--quick] [--rounds N] [--case TEXT] [--binary FILE] [--out FILE]

Each case: every tool once to warm up, with its memory sampled; then rounds, in which every tool runs once, every other round in the
opposite order. A tool that would need longer than its share of seconds gets fewer rounds; one for which a single run is more
than that is not run again, and its times are those of the sampled run (`sampled` in the result). A peer that fails is left out of
the case, and it is said (`left_out`).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from check import check_measuring, check_tool, recorder
from machine import Watch
from measure import Measured, MeasureError, measure
from shapes import Shape, chain, independent, layered
from tools import Tool, Work, all_tools, planners

CI = ("CI", "GITHUB_ACTIONS", "GITLAB_CI", "JENKINS_URL")
CORE = ("forensic-host", "make", "ninja")


@dataclass(frozen=True)
class Case:
    """A shape, the tools that run it, and how often."""

    name: str
    group: str
    shape: Shape
    tools: list[Tool]
    rounds: int


def cases(binary: str, quick: bool) -> list[Case]:
    """All of them; a tenth of the size and one round each when it has to be quick."""
    part = 10 if quick else 1
    every, plan = all_tools(binary, Work()), planners(binary)
    core = [tool for tool in every if tool.name in CORE]
    dag = [tool for tool in every if tool.role == "ours" or tool.name in (*CORE, "just", "doit")]
    found = []
    for size, rounds, tools in ((100, 9, every), (300, 5, core), (1000, 11, every), (3000, 3, core), (10_000, 2, core)):
        found.append(Case(f"{size // part:,} independent", "independent", independent(size // part), tools, rounds))
    found.append(Case(f"chain of {200 // part}", "chain", chain(200 // part), every, 21))
    side = 10 if quick else 100
    found.append(Case(f"DAG of {side * side:,}", "dag", layered(side, side), dag, 2))
    many = 1000 // part
    found.append(Case(f"plan of a DAG of {many * 100:,}", "plan", layered(many, 100), plan, 5))
    return found


class Place:
    """A folder with a tool's files for a case; after each run only these are left.

    What a run wrote is put aside and removed when everything is measured: ext4 looks through recently deleted inodes for each file that it
    makes, for seconds, which would be counted for whoever comes next and makes files."""

    def __init__(self, folder: Path, tool: Tool, shape: Shape, env: dict[str, str]) -> None:
        self.folder, self.tool, self.env = folder, tool, env
        self.aside = folder.with_name(f"{folder.name}-aside")
        folder.mkdir(parents=True)
        tool.write(folder, shape, Work())
        self.command = tool.command(shape)
        # What Python compiles stays, as it would at home.
        self.kept = {*os.listdir(folder), "__pycache__"}

    def run(self, memory: bool) -> Measured:
        """One run; what it wrote is put aside."""
        try:
            return measure(self.command, self.folder, self.env, memory)
        finally:
            if written := set(os.listdir(self.folder)) - self.kept:
                self.aside.mkdir(exist_ok=True)
                heap = self.aside / str(len(os.listdir(self.aside)))
                heap.mkdir()
                for name in written:
                    (self.folder / name).rename(heap / name)


def warm_up(case: Case, places: list[Place], left_out: list[dict[str, str]]) -> tuple[list[Place], list[Measured]]:
    """The first run of each, with its memory; without the peers that fail, which go to `left_out`. Ours must not fail."""
    able, seen = [], []
    for place in places:
        try:
            seen.append(place.run(memory=True))
            able.append(place)
        except MeasureError as error:
            if place.tool.role == "ours":
                raise
            say(f"{case.name}: left out: {error}")
            left_out.append({"case": case.name, "tool": place.tool.name, "why": str(error).partition(":")[0].rpartition("/")[2]})
    return able, seen


def run_case(case: Case, folder: Path, env: dict[str, str], rounds: int, left_out: list[dict[str, str]]) -> list[dict[str, object]]:
    """Rows of a case."""
    say(f"{case.name}: warming up")
    places = [Place(folder / f"{number}", tool, case.shape, env) for number, tool in enumerate(case.tools) if tool.takes(case.shape)]
    places, first = warm_up(case, places, left_out)
    wanted = [min(rounds, int(place.tool.seconds / max(seen.wall_s, 1e-3))) for place, seen in zip(places, first, strict=True)]
    runs: list[list[Measured]] = [[] for _ in places]
    for number in range(rounds):
        say(f"{case.name}: round {number + 1} of {rounds}")
        order = range(len(places)) if number % 2 == 0 else reversed(range(len(places)))
        for at in order:
            if number < wanted[at]:
                runs[at].append(places[at].run(memory=False))
    return [row(case, place.tool, seen, timed) for place, seen, timed in zip(places, first, runs, strict=True)]


def row(case: Case, tool: Tool, first: Measured, timed: list[Measured]) -> dict[str, object]:
    """What the page reads."""
    took = timed or [first]
    return {
        "case": case.name,
        "group": case.group,
        "size": case.shape.size,
        "tool": tool.name,
        "role": tool.role,
        "wall_s": [round(one.wall_s, 5) for one in took],
        "cpu_s": [round(one.cpu_s, 5) for one in took],
        # Nothing, where it ended before anybody looked.
        "peak_mib": [round(first.peak_mib, 2)] if first.peak_mib else [],
        **({} if timed else {"sampled": True}),
    }


def say(text: str) -> None:
    """A line for whoever waits; over the one before on a terminal."""
    print(f"\r\033[K{text}" if sys.stderr.isatty() else text, end="" if sys.stderr.isatty() else "\n", file=sys.stderr, flush=True)


def main() -> None:
    """Checks, then all cases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("target/bench/pipelines.json"), metavar="FILE")
    parser.add_argument("--binary", default="target/release/forensic-host", metavar="FILE")
    parser.add_argument("--quick", action="store_true", help="a tenth of the size, one round: to see that it works")
    parser.add_argument("--rounds", type=int, metavar="N", help="no more rounds than this")
    parser.add_argument("--case", metavar="TEXT", default="", help="only cases with this in their name")
    args = parser.parse_args()
    binary, most = str(Path(args.binary).resolve()), args.rounds or (1 if args.quick else 99)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    # On the file system of the project, as a pipeline's runs are; not in /tmp, which may be memory.
    with tempfile.TemporaryDirectory(prefix="work-", dir=args.out.parent) as name:
        place = Path(name).resolve()
        # Caches of the tools start empty, are filled while warming up, and leave the user's alone. In CI ours would say more.
        env = {name: value for name, value in os.environ.items() if name not in CI} | {"XDG_CACHE_HOME": str(place / "cache")}
        tools = {tool.name: tool for tool in [*all_tools(binary, Work()), *planners(binary)]}
        versions = {name: tool.says_version() for name, tool in tools.items() if tool.role != "ours" or name == "forensic-host"}
        say("checking that all tools do the same work")
        check_measuring(place, env)
        work, record = recorder(place)
        for tool in all_tools(binary, work):
            check_tool(tool, work, record, place, env)
        watch = Watch()
        rows: list[dict[str, object]] = []
        left_out: list[dict[str, str]] = []
        for number, case in enumerate(cases(binary, args.quick)):
            if args.case in case.name:
                rows += run_case(case, place / f"case-{number}", env, min(case.rounds, most), left_out)
    rounds = max((len(found["wall_s"]) for found in rows), default=0)  # type: ignore[arg-type]
    head = {"part": "pipelines", "quick": args.quick, "machine": watch.finish(), "versions": versions, "rounds": rounds}
    result = {**head, "left_out": left_out, "rows": rows}
    args.out.write_text(json.dumps(result, indent=1) + "\n")
    say(f"{args.out}\n")


if __name__ == "__main__":
    try:
        main()
    except MeasureError as error:
        raise SystemExit(f"error: {error}") from None

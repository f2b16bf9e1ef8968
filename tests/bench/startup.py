"""What starting costs: `--version`, `validate`, a run of three stages that do nothing; with cold and warm plugin cache; by phase.

    python tests/bench/startup.py [--quick] [--rounds N] [--binary FILE] [--out FILE]

Beside it what a process costs at all: `true`, a program in Rust that prints a line, make. The host's phases are its own spans
(`host/src/phases.rs`, FORENSIC_HOST_PHASES), from runs of their own, so that times of whole runs are without them. Peak memory is
that of the host's own process, by its own account; what it starts (stages, with a cold cache the compiler of plugins) is not in it.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from machine import Watch, version
from measure import MeasureError, measure
from product import OURS, Row, alternating, arguments, environment, run_with_phases, say, write
from tools import REPORTS

HELLO = 'fn main() {\n    println!("hello");\n}\n'
EXAMPLE = Path("example/pipeline.toml")
OUTSIDE = "starting and ending the process"
# Phases that took less than this everywhere are left out, in seconds.
LEAST = 20e-6


@dataclass
class Case:
    """A command in a folder; `before` is called ahead of each run."""

    row: Row
    argv: list[str]
    folder: Path
    rounds: int
    before: Callable[[], None] = lambda: None
    phases: dict[str, list[float]] = field(default_factory=dict)

    def once(self, env: dict[str, str]) -> None:
        """One run; ours also one with phases."""
        self.before()
        self.row.push_run(measure(self.argv, self.folder, env))
        if self.row.role == "ours":
            self.before()
            run, phases = run_with_phases(self.argv, self.folder, env)
            self.row.push(peak_mib=phases.peak_mib)
            for path, seconds in {**phases.seconds, OUTSIDE: run.wall_s - phases.whole}.items():
                self.phases.setdefault(path, []).append(seconds)

    def phase_rows(self) -> list[dict[str, object]]:
        """Its phases as rows: the case is the path of the phase, the size says how deep it lies."""
        rows = []
        for path, seconds in self.phases.items():
            if max(seconds) >= LEAST:
                row = Row(f"phases: {self.row.case}", path, path.count(" / "), OURS)
                for value in seconds:
                    row.push(wall_s=value, wall_us=value * 1e6)
                rows.append(row.as_json())
        return rows


def no_op(folder: Path, reports: bool) -> Path:
    """Three stages, one after the other."""
    lines = ["[pipeline]", 'name = "bench"']
    for number in range(3):
        lines += [f"[stages.s{number}]", 'command = ["/bin/true"]', *([f'needs = ["s{number - 1}"]'] if number else [])]
    for name in REPORTS if reports else ():
        lines += ["[[report]]", f'id = "{name}"', f'plugin = "builtin:{name}"']
    folder.mkdir()
    (folder / "pipeline.toml").write_text("\n".join(lines) + "\n")
    return folder


def make_folder(folder: Path) -> Path:
    """The same for make, which reports nothing."""
    folder.mkdir()
    rules = [f"s{number}:{f' s{number - 1}' if number else ''}\n\t@/bin/true\n" for number in range(3)]
    (folder / "Makefile").write_text(".PHONY: s0 s1 s2\nall: s2\n" + "".join(rules))
    return folder


def cases(binary: str, place: Path, often: int, seldom: int) -> list[Case]:
    """All of them."""
    hello = place / "hello"
    (place / "hello.rs").write_text(HELLO)
    subprocess.run(["rustc", "-O", "-o", str(hello), str(place / "hello.rs")], check=True)
    with_reports, without = no_op(place / "reports", True), no_op(place / "plain", False)
    cold, make = no_op(place / "cold", True), shutil.which("make") or "make"
    run = [binary, "run", "--quiet", "--progress", "none", "--run-id", "R"]

    def fresh(folder: Path) -> Callable[[], None]:
        return lambda: shutil.rmtree(folder / "data", ignore_errors=True)

    def empty() -> None:
        fresh(cold)()
        shutil.rmtree(place / "cold-cache", ignore_errors=True)

    process, stages = "start and end of a process", "run of 3 stages that do nothing"
    plugins = f"{stages}, {len(REPORTS)} report plugins"
    return [
        Case(Row("start-up", process, 0, "true", "floor"), ["/bin/true"], place, often),
        Case(Row("start-up", process, 0, "a line from Rust", "floor"), [str(hello)], place, often),
        Case(Row("start-up", process, 0, "make --version", "peer"), [make, "--version"], place, often),
        Case(Row("start-up", process, 0, f"{OURS} --version"), [binary, "--version"], place, often),
        Case(Row("start-up", "validate the example", 0, OURS), [binary, "validate", "--quiet", str(EXAMPLE.resolve())], place, often),
        Case(Row("start-up", stages, 3, "make", "peer"), [make, "-s", "-r", "-R"], make_folder(place / "make"), often),
        Case(Row("start-up", stages, 3, OURS), run, without, often, fresh(without)),
        Case(Row("start-up", f"{plugins}, warm cache", 3, OURS), run, with_reports, often, fresh(with_reports)),
        Case(Row("start-up", f"{plugins}, cold cache", 3, OURS), run, cold, seldom, empty),
    ]


def main() -> None:
    """All cases in turn, round by round."""
    args = arguments(__doc__ or "", "startup")
    often, seldom = (2, 1) if args.quick else (args.rounds or 31, min(5, args.rounds or 5))
    with tempfile.TemporaryDirectory(prefix="work-", dir=args.out.parent) as name:
        place = Path(name).resolve()
        env = environment(place)
        all_cases = cases(args.binary, place, often, seldom)
        for case in all_cases[:-1]:
            case.before()
            measure(case.argv, case.folder, env)
        watch = Watch()
        for number in range(often):
            say(f"start-up: round {number + 1} of {often}")
            for case in alternating(number, all_cases):
                if number < case.rounds:
                    case.once({**env, "XDG_CACHE_HOME": str(place / "cold-cache")} if case is all_cases[-1] else env)
    rows = [case.row.as_json() for case in all_cases] + [row for case in all_cases for row in case.phase_rows()]
    versions = {"make": version(["make", "--version"]), "rustc": version(["rustc", "--version"])}
    write("startup", args, watch, versions, rows)


if __name__ == "__main__":
    try:
        main()
    except MeasureError as error:
        raise SystemExit(f"error: {error}") from None

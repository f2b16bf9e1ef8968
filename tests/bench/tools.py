"""The tools that run the same graph of stages: what each is given, and how it is called.

Each gets its own best way without a cache, quiet, two at a time: make and ninja as they are; just with `[parallel]` and `--jobs`;
doit with threads, which cost it less than processes; luigi and snakemake with the marker files that they can't do without,
snakemake with its greedy scheduler. xargs knows no order and keeps no record: it is the floor.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from machine import version
from shapes import Shape

PARALLEL = 2
OURS = "forensic-host"
BIN = Path(sys.executable).parent
REPORTS = [
    *(f"risk.report_{name}" for name in ("meta", "portfolio", "tournament", "attribution", "tearsheet", "friction", "index")),
    *(f"alpha.report_{name}" for name in ("decisions", "selection", "clusters")),
]


@dataclass(frozen=True)
class Work:
    """What each stage runs: these words, and its number behind them if `numbered`."""

    words: tuple[str, ...] = ("/bin/true",)
    numbered: bool = False

    def of(self, stage: int) -> list[str]:
        """The command of a stage."""
        return [*self.words, *([str(stage)] if self.numbered else [])]

    def shell(self, stage: int) -> str:
        """The same, as a line for a shell."""
        return shlex.join(self.of(stage))


@dataclass(frozen=True)
class Tool:
    """`write` puts a shape's files into a folder, `command` runs them there; `seconds` is what a case may spend on its rounds."""

    name: str
    role: str
    write: Callable[[Path, Shape, Work], None]
    command: Callable[[Shape], list[str]]
    version: list[str]
    seconds: float = 60.0
    takes: Callable[[Shape], bool] = lambda shape: True

    def says_version(self) -> str:
        """Its version, from itself."""
        return version(self.version)


def ours(reports: bool) -> Callable[[Path, Shape, Work], None]:
    """A pipeline.toml; with all built-in report plugins or none."""

    def write(folder: Path, shape: Shape, work: Work) -> None:
        lines = ["[pipeline]", 'name = "bench"', f"max_parallel = {PARALLEL}"]
        for stage, needs in enumerate(shape.needs):
            words = ", ".join(f'"{word}"' for word in work.of(stage))
            lines += [f"[stages.s{stage}]", f"command = [{words}]"]
            if needs:
                lines.append("needs = [" + ", ".join(f'"s{need}"' for need in needs) + "]")
        if reports:
            lines += [line for name in REPORTS for line in ("[[report]]", f'id = "{name}"', f'plugin = "builtin:{name}"')]
        (folder / "pipeline.toml").write_text("\n".join(lines) + "\n")

    return write


def write_make(folder: Path, shape: Shape, work: Work) -> None:
    """Phony targets: make neither looks for files nor for rules."""
    names = " ".join(f"s{stage}" for stage in range(shape.size))
    lines = [f".PHONY: all {names}", "all: " + " ".join(f"s{stage}" for stage in shape.last)]
    for stage, needs in enumerate(shape.needs):
        lines += [f"s{stage}:" + "".join(f" s{need}" for need in needs), f"\t@{work.shell(stage)}"]
    (folder / "Makefile").write_text("\n".join(lines) + "\n")


def write_ninja(folder: Path, shape: Shape, work: Work) -> None:
    """Edges whose outputs never come to be, so that all are run; order alone."""
    lines = ["rule run", "  command = $work"]
    for stage, needs in enumerate(shape.needs):
        order = " ||" + "".join(f" s{need}" for need in needs) if needs else ""
        lines += [f"build s{stage}: run{order}", f"  work = {work.shell(stage)}"]
    (folder / "build.ninja").write_text("\n".join(lines) + "\n")


def write_just(folder: Path, shape: Shape, work: Work) -> None:
    """Recipes whose dependencies are run side by side."""
    lines = ["[parallel]", "all: " + " ".join(f"s{stage}" for stage in shape.last)]
    for stage, needs in enumerate(shape.needs):
        lines += ["[parallel]"] if len(needs) > 1 else []
        lines += [f"s{stage}:" + "".join(f" s{need}" for need in needs), f"\t@{work.shell(stage)}"]
    (folder / "justfile").write_text("\n".join(lines) + "\n")


def write_doit(folder: Path, shape: Shape, work: Work) -> None:
    """Tasks without files: never up to date. Lists of words: no shell."""
    (folder / "dodo.py").write_text(f"""NEEDS = {shape.needs!r}
WORDS, NUMBERED = {list(work.words)!r}, {work.numbered!r}
DOIT_CONFIG = {{"default_tasks": ["all"]}}


def task_stage():
    for stage, needs in enumerate(NEEDS):
        words = WORDS + [str(stage)] if NUMBERED else WORDS
        yield {{"name": str(stage), "actions": [words], "task_dep": [f"stage:{{need}}" for need in needs]}}


def task_all():
    return {{"actions": None, "task_dep": [f"stage:{{stage}}" for stage in {shape.last!r}]}}
""")


def write_luigi(folder: Path, shape: Shape, work: Work) -> None:
    """Tasks with a marker file each, by which luigi knows that one is done."""
    (folder / "pipeline.py").write_text(f"""import subprocess
import sys

import luigi

NEEDS = {shape.needs!r}
WORDS, NUMBERED = {list(work.words)!r}, {work.numbered!r}


class Stage(luigi.Task):
    number = luigi.IntParameter()

    def requires(self):
        return [Stage(need) for need in NEEDS[self.number]]

    def output(self):
        return luigi.LocalTarget(f"done/{{self.number}}")

    def run(self):
        subprocess.run(WORDS + [str(self.number)] if NUMBERED else WORDS, check=True)
        self.output().open("w").close()


wanted = [Stage(stage) for stage in {shape.last!r}]
sys.exit(0 if luigi.build(wanted, workers={PARALLEL}, local_scheduler=True, log_level="ERROR") else 1)
""")


def write_snakemake(folder: Path, shape: Shape, work: Work) -> None:
    """One rule for all stages, with a marker file each."""
    words = shlex.join(work.words) + (" {wildcards.stage}" if work.numbered else "")
    (folder / "Snakefile").write_text(f"""NEEDS = {shape.needs!r}


rule all:
    input: expand("done/{{stage}}", stage={shape.last!r})


rule stage:
    input: lambda wildcards: [f"done/{{need}}" for need in NEEDS[int(wildcards.stage)]]
    output: touch("done/{{stage}}")
    shell: {words!r}
""")


def write_xargs(folder: Path, shape: Shape, work: Work) -> None:
    """A line for each stage: its number, which xargs puts behind the command; `true` ignores it."""
    (folder / "stages").write_text("".join(f"{stage}\n" for stage in range(shape.size)))


def xargs_command(words: tuple[str, ...]) -> Callable[[Shape], list[str]]:
    """Two at a time, or one after the other for a chain."""
    return lambda shape: ["xargs", "--arg-file=stages", "-n1", f"-P{1 if shape.is_chain else PARALLEL}", *words]


def all_tools(binary: str, work: Work) -> list[Tool]:
    """Ours first, then the peers, the floor last."""
    run = [binary, "run", "--quiet", "--progress", "none"]
    make = shutil.which("make") or "make"
    few = 10.0  # Python's tools take ten times as long: fewer rounds are enough to see that
    return [
        Tool(OURS, "ours", ours(False), lambda _: run, [binary, "--version"]),
        Tool(
            f"{OURS}, {len(REPORTS)} report plugins",
            "ours",
            ours(True),
            lambda _: run,
            [binary, "--version"],
            takes=lambda shape: shape.is_independent and shape.size in (10, 100, 1000),
        ),
        Tool("make", "peer", write_make, lambda _: [make, "-s", "-r", "-R", f"-j{PARALLEL}"], [make, "--version"]),
        Tool("ninja", "peer", write_ninja, lambda _: ["ninja", "--quiet", f"-j{PARALLEL}"], ["ninja", "--version"]),
        Tool(
            "just",
            "peer",
            write_just,
            lambda _: [f"{BIN}/just", f"--jobs={PARALLEL}"],
            [f"{BIN}/just", "--version"],
            20.0,
            # It starts a thread for each dependency, and on a DAG of 10,000 stages can't start any more.
            takes=lambda shape: shape.size <= 1000,
        ),
        Tool(
            "doit",
            "peer",
            write_doit,
            lambda _: [f"{BIN}/doit", "run", "-n", str(PARALLEL), "-P", "thread", "-r", "zero"],
            [f"{BIN}/doit", "--version"],
            seconds=few,
        ),
        Tool(
            "luigi",
            "peer",
            write_luigi,
            lambda _: [sys.executable, "pipeline.py"],
            [sys.executable, "-c", "import luigi; print(luigi.__version__)"],
            takes=lambda shape: shape.size <= 1000,
            seconds=few,
        ),
        Tool(
            "snakemake",
            "peer",
            write_snakemake,
            lambda _: [f"{BIN}/snakemake", "--cores", str(PARALLEL), "--scheduler", "greedy", "--quiet", "all"],
            [f"{BIN}/snakemake", "--version"],
            takes=lambda shape: shape.size <= 1000,
            seconds=few,
        ),
        Tool(
            "xargs",
            "floor",
            write_xargs,
            xargs_command(work.words),
            ["xargs", "--version"],
            takes=lambda shape: shape.is_independent or shape.is_chain,
        ),
    ]


def planners(binary: str) -> list[Tool]:
    """What only says what it would do."""
    quiet = lambda words: lambda _: words  # noqa: E731
    return [
        Tool(OURS, "ours", ours(False), quiet([binary, "plan"]), [binary, "--version"]),
        Tool(f"{OURS} validate", "ours", ours(False), quiet([binary, "validate"]), [binary, "--version"]),
        Tool("make -n", "peer", write_make, quiet(["make", "-n", "-r", "-R"]), ["make", "--version"]),
        Tool("ninja -n", "peer", write_ninja, quiet(["ninja", "-n"]), ["ninja", "--version"]),
    ]

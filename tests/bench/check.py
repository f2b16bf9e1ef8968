"""Before anything is measured: does the measuring measure, and do all tools do the same work?

A small graph of each kind is given to each tool with a command that writes down when each stage starts and ends. Every stage must
have run exactly once, after all that it needs, and as many at a time as was asked for: no fewer, and no more.
"""

from __future__ import annotations

import sys
from pathlib import Path

from measure import MeasureError, measure
from shapes import Shape, chain, independent, layered
from tools import PARALLEL, Tool, Work

SHAPES = {"independent": independent(10), "chain": chain(6), "DAG": layered(4, 4)}
# A grandchild that keeps 64 MiB and computes for 0.3 s of CPU time, both of which have to be seen from here.
BURDEN = """
import subprocess, sys
subprocess.run([sys.executable, "-c", '''
import time
kept = bytearray(b"x") * (64 << 20)
while time.process_time() < 0.3:
    pass
'''], check=True)
"""


def check_measuring(folder: Path, env: dict[str, str]) -> None:
    """CPU and memory of a grandchild are seen, each within bounds that two interpreters explain."""
    seen = measure([sys.executable, "-c", BURDEN], folder, env, memory=True)
    if not (0.3 <= seen.cpu_s <= 0.8 and 64 <= (seen.peak_mib or 0) <= 110 and seen.wall_s >= 0.3):
        raise MeasureError(f"a grandchild with 0.3 s of CPU and 64 MiB was measured as {seen}")


def recorder(folder: Path) -> tuple[Work, Path]:
    """A command that writes down its stage's start and end, and where it does."""
    record, script = folder / "record", folder / "stage.sh"
    script.write_text(f'echo "+ $1" >> {record}\nsleep 0.05\necho "- $1" >> {record}\n')
    return Work(("sh", str(script)), numbered=True), record


def judge(shape: Shape, record: list[str]) -> str | None:
    """What is wrong with the order of starts and ends, if anything."""
    ended: set[int] = set()
    running: set[int] = set()
    most = 0
    for line in record:
        sign, _, number = line.partition(" ")
        stage = int(number)
        if sign == "-":
            running.discard(stage)
            ended.add(stage)
        elif stage in running | ended:
            return f"stage {stage} was run twice"
        elif not ended.issuperset(shape.needs[stage]):
            return f"stage {stage} was started before what it needs had ended"
        else:
            running.add(stage)
            most = max(most, len(running))
    wanted = 1 if shape.is_chain else PARALLEL
    if len(ended) != shape.size:
        return f"{len(ended)} of {shape.size} stages were run"
    return None if most == wanted else f"{most} stages were run at a time, not {wanted}"


def check_tool(tool: Tool, work: Work, record: Path, folder: Path, env: dict[str, str]) -> None:
    """One tool, on every kind of graph that it takes."""
    for name, shape in SHAPES.items():
        if not tool.takes(shape):
            continue
        place = folder / f"{tool.name}-{name}"
        place.mkdir()
        tool.write(place, shape, work)
        record.write_text("")
        measure(tool.command(shape), place, env)
        if wrong := judge(shape, record.read_text().splitlines()):
            raise MeasureError(f"{tool.name}, {name}: {wrong}")

"""What we want of the numbers (shown on the page as met or not), each compared with what was measured in the same run."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from results import Result, Row, written

OURS = "forensic-host"


@dataclass(frozen=True)
class Target:
    """The median of `measure` of every case that matches is at most `limit`: of the unit, or times what `beside` took."""

    part: str
    what: str
    cases: str
    measure: str
    limit: float
    beside: str = ""
    tools: str = OURS

    @property
    def wanted(self) -> str:
        """In words."""
        if self.beside:
            return f"at most {self.limit:g} × {self.beside}"
        number, _, unit = written(self.measure, self.limit).partition(" ")
        return f"at most {float(number.replace(',', '')):g} {unit}"


@dataclass(frozen=True)
class Judged:
    """A target, the row that is furthest from it, and how far that is: up to 1 it is met."""

    target: Target
    row: Row
    share: float

    @property
    def met(self) -> bool:
        """Is it?"""
        return self.share <= 1

    @property
    def measured(self) -> str:
        """In words."""
        value = self.row.median(self.target.measure) or 0.0
        text = written(self.target.measure, value)
        return f"{text}, {self.share * self.target.limit:.2f} × {self.target.beside}" if self.target.beside else text


TARGETS = [
    Target("pipelines", "1,000 stages, 2 at a time", r"1,000 independent", "wall_s", 1.2, beside="make"),
    Target("pipelines", "a chain of 200 stages", r"chain of 200", "wall_s", 1.2, beside="make"),
    Target("pipelines", "memory of 1,000 stages, stages included", r"1,000 independent", "peak_mib", 20.0),
    Target("pipelines", "plan of 100,000 stages", r"plan of a DAG of 100,000", "wall_s", 1.0),
    Target("pipelines", "check of 100,000 stages", r"plan of a DAG of 100,000", "wall_s", 1.0, tools=rf"{OURS} validate"),
    Target("telemetry", "capture of a span with the journal, CPU", r"1,000,000 spans: capture", "span_us", 4.0),
    Target("telemetry", "final write of 1,000,000 spans, CPU", r"1,000,000 spans: save", "cpu_s", 0.6),
    Target("telemetry", "load 1,000,000 spans and compute all metrics, CPU", r"1,000,000 spans: load", "cpu_s", 3.0),
    Target("telemetry", "the same, memory", r"1,000,000 spans: load", "peak_mib", 300.0),
    Target("plugins", "a built-in's call, warm: load, instantiate, render, drop", r"builtin:.*", "whole_us", 500.0),
    Target("plugins", "the same of a plugin in Python", r"template in Python", "whole_us", 10_000.0),
    Target("startup", "3 stages that do nothing, 10 report plugins, warm cache", r"run of 3 stages .* warm cache", "wall_s", 0.03),
]


def judge(result: Result, target: Target) -> Judged | None:
    """How it stands; None where it was not measured."""
    found = []
    for case, rows in result.cases().items():
        if not re.fullmatch(target.cases, case):
            continue
        peers = {row.tool: row.median(target.measure) for row in rows}
        against = peers.get(target.beside) if target.beside else 1.0
        for row in rows:
            value = row.median(target.measure)
            if re.fullmatch(target.tools, row.tool) and value is not None and against:
                found.append(Judged(target, row, value / against / target.limit))
    return max(found, key=lambda judged: judged.share, default=None)


def table(result: Result) -> list[str]:
    """Lines of Markdown; none for a part without targets."""
    wanted = [target for target in TARGETS if target.part == result.part]
    if not wanted:
        return []
    lines = ["| what is wanted | target | measured | |", "|---|---|---|---|"]
    for target in wanted:
        judged = judge(result, target)
        if judged is None:
            lines.append(f"| {target.what} | {target.wanted} | not measured | – |")
            continue
        worst = f" ({judged.row.case})" if ".*" in target.cases and "builtin" in target.cases else ""
        verdict = "met" if judged.met else "**not met**"
        lines.append(f"| {target.what} | {target.wanted} | {judged.measured}{worst} | {verdict} |")
    return [*lines, ""]


def cell(result: Result, row: Row) -> str:
    """The same for the row that a target is about, as it stands in the last column of its table."""
    found = []
    for target in TARGETS:
        if target.part != result.part or not re.fullmatch(target.cases, row.case) or not re.fullmatch(target.tools, row.tool):
            continue
        alone = replace(result, rows=[one for one in result.rows if one.case == row.case])
        if judged := judge(alone, target):
            found.append(f"{target.wanted}{' of memory' if target.measure == 'peak_mib' else ''}: {'met' if judged.met else '**not met**'}")
    return "; ".join(found)

"""Tables of a part, in Markdown: medians, the spread of the times, and ratios to the best peer."""

from __future__ import annotations

from dataclasses import dataclass

import targets
from results import Result, Row, label, seconds, written

PHASES = "phases: "


@dataclass(frozen=True)
class View:
    """How a group is shown: which measures, in this order (all if none are named), and by which one or two ratios are taken."""

    title: str
    measures: tuple[str, ...] = ()
    ratio: str = "wall_s"
    second: str = ""
    each_case: bool = False


VIEWS = {
    ("pipelines", "independent"): View("Stages that need nothing, 2 at a time", second="cpu_s", each_case=True),
    ("pipelines", "chain"): View("A chain: each stage needs the one before", second="cpu_s", each_case=True),
    ("pipelines", "dag"): View(
        "A wide and deep DAG: each stage needs one to three of the layer before, 2 at a time", second="cpu_s", each_case=True
    ),
    ("pipelines", "plan"): View("What would be done, without doing it", second="cpu_s", each_case=True),
    ("telemetry", "capture"): View("Capture of spans, with the journal", ("span_us", "cpu_s", "wall_s", "peak_mib"), "cpu_s"),
    ("telemetry", "save"): View("The final write", ("span_us", "cpu_s", "wall_s", "peak_mib"), "cpu_s"),
    ("telemetry", "load"): View("Read it back; ours computes all metrics too", ("cpu_s", "wall_s", "peak_mib"), "cpu_s"),
    ("telemetry", "report"): View("All of a report", ("cpu_s", "wall_s", "peak_mib")),
    ("telemetry", "HTML"): View("The HTML page alone", ("wall_s",)),
    ("plugins", "call of a plugin"): View(
        "A call, with the compiled plugin in the cache",
        ("whole_us", "load_us", "instantiate_us", "describe_us", "render_us", "drop_us"),
        "whole_us",
    ),
    ("plugins", "pages"): View("Records of a trace, read page by page", ("records_per_s", "cpu_s"), "wall_s"),
    ("plugins", "report stages"): View("Many report stages in a run", ("wall_s", "cpu_s", "stage_ms", "peak_mib")),
    ("startup", "start-up"): View("From start to end of a process", ("wall_s", "cpu_s", "peak_mib")),
}


def markdown(result: Result) -> list[str]:
    """Lines of all tables of a part."""
    lines = targets.table(result)
    for group, rows in result.groups().items():
        if group.startswith(PHASES):
            lines += phases(group.removeprefix(PHASES), rows)
            continue
        view = VIEWS.get((result.part, group), View(group))
        lines += [f"### {view.title}", ""]
        if view.each_case:
            lines += each_case(result, view, rows)
        else:
            lines += [*table(result, view, rows, "case"), ""]
    return lines


def each_case(result: Result, view: View, rows: list[Row]) -> list[str]:
    """A table for each case with many tools; for cases with few of them a common one, by size."""
    by_case: dict[str, list[Row]] = {}
    for row in rows:
        by_case.setdefault(row.case, []).append(row)
    most = max(len(found) for found in by_case.values())
    lines = []
    for case, found in by_case.items():
        if len(found) == most:
            fastest = sorted(found, key=lambda row: row.median(view.ratio) or 0.0)
            lines += [f"**{case}**", "", *table(result, view, fastest, ""), ""]
    return lines + (growth(rows, view.ratio) if len(by_case) > 2 else [])


def growth(rows: list[Row], measure: str) -> list[str]:
    """What a stage costs at each size, by tool: the same number in all columns would be linear."""
    sizes = sorted({row.size for row in rows})
    tools = list(dict.fromkeys(row.tool for row in rows))
    found = {(row.tool, row.size): row.median(measure) for row in rows}
    lines = ["Time a stage, by the number of stages:", "", "| tool | " + " | ".join(f"{size:,}" for size in sizes) + " |"]
    lines.append("|---" * (len(sizes) + 1) + "|")
    for tool in tools:
        if sum((tool, size) in found for size in sizes) > 2:
            cells = [seconds(found[tool, size] / size) if (tool, size) in found else "" for size in sizes]  # type: ignore[operator]
            lines.append(f"| {tool} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def table(result: Result, view: View, rows: list[Row], first: str) -> list[str]:
    """One line a row. `first`: the head of a column with the case, which is written once."""
    measures = [name for name in (view.measures or ordered(rows)) if any(name in row.measures for row in rows)]
    goals = [targets.cell(result, row) for row in rows]
    ratios = {by: found for by in (view.ratio, view.second) if any(found := [ratio(row, rows, by) for row in rows])}
    head = [*([first] if first else []), "tool", *map(label, measures)]
    head += [f"{label(by)} ÷ {against(rows)}" for by in ratios]
    head += ["rounds"]
    head += ["target"] if any(goals) else []
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    before = ""
    for at, row in enumerate(rows):
        cells = [*([row.case if row.case != before else ""] if first else []), name(row)]
        cells += [measured(row, measure, spread=measure == view.ratio) for measure in measures]
        cells += [shares[at] for shares in ratios.values()]
        cells += ["1, sampled" if row.facts.get("sampled") else str(row.rounds)]
        cells += [goals[at]] if any(goals) else []
        lines.append(f"| {' | '.join(cells)} |")
        before = row.case
    return lines


def name(row: Row) -> str:
    """Ours stands out."""
    return f"**{row.tool}**" if row.role == "ours" else f"{row.tool} (floor)" if row.role == "floor" else row.tool


def ordered(rows: list[Row]) -> list[str]:
    """All measures there are: wall and CPU first, memory last."""
    found = list(dict.fromkeys(measure for row in rows for measure in row.measures))
    place = {"wall_s": -2, "cpu_s": -1, "peak_mib": 1}
    return sorted(found, key=lambda measure: place.get(measure, 0))


def measured(row: Row, measure: str, spread: bool) -> str:
    """The median, with the least and the most of all rounds."""
    value = row.median(measure)
    if value is None:
        return ""
    values = row.measures[measure]
    text = written(measure, value)
    return f"{text} ({written(measure, min(values))} to {written(measure, max(values))})" if spread and len(values) > 1 else text


def rivals(row: Row, rows: list[Row]) -> list[Row]:
    """Peers of the same case; the floor where there is no peer."""
    others = [one for one in rows if one.case == row.case and one.role != "ours"]
    return [one for one in others if one.role == "peer"] or others


def against(rows: list[Row]) -> str:
    """What ratios are taken of, for the head of their column."""
    return "best peer" if any(row.role == "peer" for row in rows) else "floor"


def ratio(row: Row, rows: list[Row], measure: str) -> str:
    """A row's measure by that of the best peer; by the floor's where there is no peer."""
    value = row.median(measure)
    best = min((found for one in rivals(row, rows) if (found := one.median(measure))), default=None)
    return f"{value / best:.2f}" if value is not None and best else ""


def phases(case: str, rows: list[Row]) -> list[str]:
    """The host's own phases as a tree, with their shares of all."""
    whole = sum(row.median("wall_s") or 0.0 for row in rows if row.size == 0)
    lines = [f"### Phases of: {case}", "", "| phase | wall | share |", "|---|---|---|"]
    for row in rows:
        value = row.median("wall_s") or 0.0
        indent = "&nbsp;&nbsp;&nbsp;&nbsp;" * row.size
        share = f"{value / whole:.0%}" if whole else ""
        lines.append(f"| {indent}{row.case.split(' / ')[-1]} | {seconds(value)} | {share} |")
    return [*lines, ""]

"""Plots of how a time or a memory grows, as SVG: both axes logarithmic, so that what is linear is a straight line of slope one.

The same results give the same bytes: no date, ids from a fixed salt, text as text.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from results import Result, Row

mpl.use("svg")
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

STYLE: dict[Any, Any] = {
    "svg.hashsalt": "forensic-host",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
# Colours that people who see few of them tell apart (Okabe and Ito), each with a mark of its own; ours is first.
LOOKS = ["#0072B2 o", "#D55E00 s", "#009E73 ^", "#CC79A7 D", "#E69F00 v", "#56B4E9 P", "#000000 X", "#8A8A8A *", "#6A3D9A h"]


LINEAR = "linear"


@dataclass(frozen=True)
class Plot:
    """A panel for each group; `linear`: with a line of slope one, through our largest size."""

    file: str
    part: str
    alt: str
    groups: dict[str, str]
    measure: str
    axis: str
    sizes: str
    linear: bool = True


SPANS = {"capture": "capture", "save": "save", "load": "load"}
PLOTS = [
    Plot(
        "pipelines-time", "pipelines", "Wall time by the number of independent stages", {"independent": ""}, "wall_s", "wall, s", "stages"
    ),
    Plot(
        "pipelines-memory",
        "pipelines",
        "Peak memory by the number of independent stages",
        {"independent": ""},
        "peak_mib",
        "peak memory, MiB",
        "stages",
        False,
    ),
    Plot("telemetry-time", "telemetry", "CPU time by the number of spans", SPANS, "cpu_s", "CPU, s", "spans"),
    Plot("telemetry-memory", "telemetry", "Peak memory by the number of spans", SPANS, "peak_mib", "peak memory, MiB", "spans", False),
    Plot(
        "plugins-reports",
        "plugins",
        "Wall time by the number of report stages",
        {"report stages": ""},
        "wall_s",
        "wall, s",
        "report stages",
        False,
    ),
]


def draw(result: Result, folder: Path) -> list[str]:
    """Writes all plots of a part that there are numbers for, and returns the lines that show them."""
    lines = []
    for plot in PLOTS:
        groups = {group: rows for group, rows in result.groups().items() if group in plot.groups and several(rows, plot.measure)}
        if plot.part == result.part and groups:
            folder.mkdir(parents=True, exist_ok=True)
            paint(plot, groups, folder / f"{plot.file}.svg")
            lines += [f"![{plot.alt}]({folder.name}/{plot.file}.svg)", ""]
    return lines


def several(rows: list[Row], measure: str) -> bool:
    """Is there a line to draw?"""
    sizes: dict[str, int] = {}
    for row in rows:
        sizes[row.tool] = sizes.get(row.tool, 0) + (row.size > 0 and measure in row.measures)
    return max(sizes.values()) > 2


def paint(plot: Plot, groups: dict[str, list[Row]], file: Path) -> None:
    """One file."""
    with mpl.rc_context(STYLE):
        figure, axes = pyplot.subplots(1, len(groups), figsize=(3.4 * len(groups) + 2.6, 3.8), squeeze=False, sharey=True)
        tools = list(dict.fromkeys(row.tool for rows in groups.values() for row in rows))
        for at, (panel, (group, rows)) in enumerate(zip(axes[0], groups.items(), strict=True)):
            lines(plot, panel, rows, tools)
            panel.set(xscale="log", yscale="log", xlabel=plot.sizes, ylabel="" if at else plot.axis, title=plot.groups[group])
            for axis in (panel.xaxis, panel.yaxis):
                axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}"))
                axis.set_minor_formatter(NullFormatter())
            panel.grid(True, which="major", color="#dddddd", linewidth=0.6)
        handles: dict[str, Any] = {}
        for panel in axes[0]:
            found, names = panel.get_legend_handles_labels()
            handles.update(zip(names, found, strict=True))
        if LINEAR in handles:
            handles[LINEAR] = handles.pop(LINEAR)
        figure.legend(list(handles.values()), list(handles), loc="outside right center", frameon=False)
        figure.set_layout_engine("constrained")
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None}, facecolor="white")
        pyplot.close(figure)
    # The writer leaves blanks at the ends of lines.
    file.write_text("\n".join(line.rstrip() for line in file.read_text().splitlines()) + "\n")


def lines(plot: Plot, panel: Axes, rows: list[Row], tools: list[str]) -> None:
    """A line for each tool with more than one size, and the straight one."""
    floors = {row.tool for row in rows if row.role == "floor"}
    for number, tool in enumerate(tools):
        points = sorted((row.size, row.median(plot.measure)) for row in rows if row.tool == tool and row.size and row.median(plot.measure))
        if len(points) < 2:
            continue
        colour, mark = LOOKS[number % len(LOOKS)].split()
        sizes, values = zip(*points, strict=True)
        width, style = (2.2, "-") if number == 0 else (1.2, "--" if tool in floors else "-")
        panel.plot(sizes, values, style, color=colour, marker=mark, markersize=5, linewidth=width, label=tool)
        if number == 0 and plot.linear:
            first, last = sizes[0], sizes[-1]
            low = values[-1] * first / last
            if math.isfinite(low):
                panel.plot([first, last], [low, values[-1]], color="#666666", linestyle=":", linewidth=1, label=LINEAR)

"""The results that the parts write, as page.py reads them, and how their numbers are written.

A measure has a value for each round. Its name ends with its unit: `wall_s`, `render_us`, `load_ms`, `peak_mib`, `records_per_s`.
"""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PARTS = ("pipelines", "telemetry", "plugins", "startup")
# Seconds of each unit of time.
TIMES = {"_s": 1.0, "_ms": 1e-3, "_us": 1e-6, "_ns": 1e-9}
SIZES = {"_mib": "MiB", "_kib": "KiB"}
NAMED = {
    "wall_s": "wall",
    "cpu_s": "CPU",
    "peak_mib": "peak memory",
    "span_us": "CPU a span",
    "whole_us": "all of it",
    "stage_ms": "a report stage",
}


@dataclass(frozen=True)
class Row:
    """What a tool took for a case."""

    group: str
    case: str
    size: int
    tool: str
    role: str
    measures: dict[str, list[float]]
    facts: dict[str, Any]

    def median(self, measure: str) -> float | None:
        """The middle of all rounds."""
        values = self.measures.get(measure)
        return statistics.median(values) if values else None

    @property
    def rounds(self) -> int:
        """How often the tool ran to be timed."""
        return max(len(values) for values in self.measures.values())


@dataclass(frozen=True)
class Result:
    """One part."""

    part: str
    quick: bool
    machine: dict[str, Any]
    versions: dict[str, str]
    rows: list[Row]
    left_out: list[dict[str, str]]

    def cases(self) -> dict[str, list[Row]]:
        """Rows by case, in the order of the file."""
        found: dict[str, list[Row]] = {}
        for row in self.rows:
            found.setdefault(row.case, []).append(row)
        return found

    def groups(self) -> dict[str, list[Row]]:
        """Rows by group, in the order of the file."""
        found: dict[str, list[Row]] = {}
        for row in self.rows:
            found.setdefault(row.group, []).append(row)
        return found


def read_row(raw: dict[str, Any]) -> Row:
    """A row of the file: lists are measures, the rest are facts."""
    head = ("group", "case", "size", "tool", "role")
    measures = {name: value for name, value in raw.items() if isinstance(value, list) and value}
    facts = {name: value for name, value in raw.items() if name not in head and not isinstance(value, list)}
    role = raw.get("role") or ("ours" if raw["tool"].startswith("forensic-host") else "peer")
    return Row(raw.get("group") or raw["case"], raw["case"], raw["size"], raw["tool"], role, measures, facts)


def read(file: Path) -> Result:
    """A part's file."""
    raw = json.loads(file.read_text())
    rows = [row for row in map(read_row, raw["rows"]) if row.measures]
    return Result(raw["part"], raw.get("quick", False), raw["machine"], raw["versions"], rows, raw.get("left_out", []))


def of_unit(measure: str) -> tuple[str, str]:
    """The measure's name without its unit, and the unit with its underscore."""
    if measure.endswith("_per_s"):
        return measure.removesuffix("_per_s"), "_per_s"
    return next(((measure.removesuffix(unit), unit) for unit in [*TIMES, *SIZES] if measure.endswith(unit)), (measure, ""))


def label(measure: str) -> str:
    """What stands above its column."""
    name, unit = of_unit(measure)
    return NAMED.get(measure) or name.replace("_", " ") + (" a second" if unit == "_per_s" else "")


def digits(value: float) -> str:
    """Three of them that count; more only in front of the point."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def seconds(value: float) -> str:
    """In the unit in which it reads best."""
    for unit, name in (("_s", "s"), ("_ms", "ms"), ("_us", "µs")):
        if abs(value) >= TIMES[unit] * 0.9995:
            return f"{digits(value / TIMES[unit])} {name}"
    return "0" if value == 0 else f"{digits(value / TIMES['_ns'])} ns"


def written(measure: str, value: float) -> str:
    """A value with its unit."""
    _, unit = of_unit(measure)
    if unit in TIMES:
        return seconds(value * TIMES[unit])
    if unit in SIZES:
        return f"{digits(value)} {SIZES[unit]}"
    return f"{value:,.0f}" if unit == "_per_s" else digits(value)

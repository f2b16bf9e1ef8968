"""Writes the measured part of docs/performance.md, and its plots, from the results of the benchmarks.

    target/venv/bench/bin/python tests/bench/page.py [--results FOLDER] [--page FILE]

What was measured stands between `<!-- measured -->` and `<!-- /measured -->`, each part between marks of its own. A part without a
result keeps what the page says about it; nothing outside the marks is touched.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import plots
import tables
from results import PARTS, Result, read

BEGIN, END = "<!-- measured -->", "<!-- /measured -->"
TITLES = {
    "pipelines": "Pipelines beside other tools",
    "telemetry": "Spans, beside the Python SDK",
    "plugins": "Plugins, beside wasmtime alone",
    "startup": "Start-up",
}
# The share of the processors that others may use meanwhile before the page warns of the numbers.
NOISE = 0.1


def machine(result: Result) -> list[str]:
    """Where and with what it was measured."""
    found = result.machine
    text = f"{found['cpus']} processors ({found['cpu']}), {found['memory_mib'] / 1024:.0f} GiB, Linux {found['kernel']}. "
    text += "Versions: " + ", ".join(f"{tool} {version}" for tool, version in result.versions.items()) + "."
    others = found.get("others")
    if others is not None:
        text += f" Other processes used {others:.0%} of the processors meanwhile."
    lines = [text, ""]
    lines += [f"Left out: {one['tool']} of *{one['case']}*: {one['why']}.\n" for one in result.left_out]
    if result.quick:
        lines += ["**Measured with `--quick`: small sizes, one round. This shows that the benchmark works and nothing else.**", ""]
    if others is not None and others > NOISE:
        lines += ["**The machine was not quiet: these numbers are noise.**", ""]
    return lines


def part(result: Result, folder: Path) -> str:
    """All about a part."""
    lines = [f"## {TITLES[result.part]}", "", *machine(result), *tables.markdown(result), *plots.draw(result, folder)]
    return "\n".join(lines).rstrip() + "\n"


def marks(name: str) -> tuple[str, str]:
    """Those of a part."""
    return f"<!-- part {name} -->", f"<!-- /part {name} -->"


def kept(page: str, name: str) -> str:
    """What the page says about a part now."""
    first, last = marks(name)
    found = re.search(f"{re.escape(first)}\n(.*?){re.escape(last)}", page, re.DOTALL)
    return found.group(1) if found else f"## {TITLES[name]}\n\nNot measured yet: `tests/bench/run {name}`.\n"


def main() -> None:
    """All parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=Path("target/bench"), metavar="FOLDER")
    parser.add_argument("--page", type=Path, default=Path("docs/performance.md"), metavar="FILE")
    args = parser.parse_args()
    page = args.page.read_text()
    before, _, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise SystemExit(f"error: {args.page} has no {BEGIN} … {END}")
    texts = []
    for name in PARTS:
        file = args.results / f"{name}.json"
        text = part(read(file), args.page.parent / args.page.stem) if file.exists() else kept(page, name)
        first, last = marks(name)
        texts.append(f"{first}\n{text}{last}\n")
    args.page.write_text(before + BEGIN + "\n" + "\n".join(texts) + END + after)
    print(f"{args.page}")


if __name__ == "__main__":
    main()

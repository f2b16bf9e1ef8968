"""What spans cost: capture with the journal, save, load, all metrics, report and HTML, beside the Python SDK.

    OTLP_PYTHON_BIN=target/venv/otlp/bin python tests/bench/telemetry.py [--quick] [--rounds N] [--binary FILE] [--out FILE]

Each job is a process of its own, so that its peak memory is its own, and ours and theirs take turns. Capture and save are
`tests/bench/spans.rs` and `tests/bench/python_sdk.py`, the rest is the binary as anybody calls it: `trace summarize`, and `report` on
a run directory with that trace. Spans have 8 attributes. Times of steps inside a process are taken by the process itself.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

from machine import Watch, version
from measure import MeasureError, measure
from product import OURS, Row, alternating, arguments, bench_program, environment, run_with_phases, say, write

# Spans, our rounds, and theirs: at a million the Python SDK takes more than a minute a round.
SIZES = ((10_000, 5, 5), (30_000, 3, 0), (100_000, 5, 3), (300_000, 3, 0), (1_000_000, 3, 1))
QUICK = ((10_000, 1, 1),)
PEER = "Python SDK"
TRACE = "data/forensic_trace.json"
RUN = "bench"


class Rows:
    """All rows of a size, made as they are first spoken of."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.rows: dict[tuple[str, str], Row] = {}

    def of(self, step: str, tool: str = OURS) -> Row:
        """The row of a step."""
        role = "ours" if tool == OURS else "peer"
        return self.rows.setdefault((step, tool), Row(step, f"{self.size:,} spans: {step}", self.size, tool, role))

    def push_step(self, step: str, tool: str, took: dict[str, float]) -> None:
        """A step inside a process; also per span, in microseconds of CPU."""
        self.of(step, tool).push(**took, span_us=took["cpu_s"] / self.size * 1e6)


class Ours:
    """The host's jobs, in a folder of its own."""

    def __init__(self, binary: str, program: str, folder: Path, env: dict[str, str]) -> None:
        self.binary, self.program, self.folder, self.env = binary, program, folder, env
        self.run = folder / "data/artifacts/summaries/runs" / RUN
        (folder / "pipeline.toml").write_text('[pipeline]\nname = "bench"\n[stages.a]\ncommand = ["true"]\n')
        measure([binary, "run", "--quiet", "--run-id", RUN], folder, env)
        # The trace will be another one than that of the run: without evidence nobody looks for what has changed, and the report is
        # that of a run that has just ended.
        record = json.loads((self.run / "run.json").read_text())
        del record["evidence"]
        (self.run / "run.json").write_text(json.dumps(record))

    def once(self, rows: Rows) -> None:
        """All jobs on a new trace."""
        out = self.folder / "took.json"
        with tempfile.TemporaryDirectory(dir=self.folder) as place:
            measure([self.program, str(rows.size), place, str(out)], self.folder, self.env)
            took = json.loads(out.read_text())
            (Path(place) / "forensic_trace.json").replace(self.run / TRACE)
        for step in ("capture", "save"):
            rows.push_step(step, OURS, took[step])
        rows.of("save").facts["file_mib"] = round((self.run / TRACE).stat().st_size / (1 << 20), 1)

        run, phases = run_with_phases([self.binary, "trace", "summarize", "--format", "json", str(self.run / TRACE)], self.folder, self.env)
        row = rows.of("load")
        row.push_run(run, phases.peak_mib)
        row.push(load_ms=phases.named("read the trace") * 1e3, metrics_ms=phases.named("compute the metrics") * 1e3)
        row.facts["does"] = "reads every span, computes all metrics"

        run, phases = run_with_phases([self.binary, "report", "--quiet", str(self.run)], self.folder, self.env)
        row = rows.of("report")
        row.push_run(run, phases.peak_mib)
        for step in ("read the trace", "compute the metrics", "draw the pages", "draw the columns", "draw the Markdown", "draw the JSON"):
            row.push(**{f"{step.replace('the ', '').replace(' ', '_').lower()}_ms": phases.named(step) * 1e3})
        row = rows.of("HTML")
        row.push(wall_s=phases.named("draw the HTML"))
        row.facts["file_mib"] = round((self.run / "reports/forensic_report.html").stat().st_size / (1 << 20), 2)


class Theirs:
    """The Python SDK doing what the reference does."""

    def __init__(self, python: str, folder: Path, env: dict[str, str]) -> None:
        self.words = [python, str(Path(__file__).resolve().parent / "python_sdk.py")]
        self.folder, self.env = folder, env

    def once(self, rows: Rows) -> None:
        """Capture and save, then load and a flat table."""
        trace, out = str(self.folder / "python.json"), self.folder / "took.json"
        for job in ("write", "read"):
            measure([*self.words, job, str(rows.size), trace, str(out)], self.folder, self.env)
            for step, took in json.loads(out.read_text()).items():
                rows.push_step(step, PEER, took)
        rows.of("load", PEER).facts["does"] = "reads every span into a flat table, computes no metric"


def find_python() -> str | None:
    """The one with the SDK: where OTLP_PYTHON_BIN says, else where tests/run installs it."""
    folder = Path(os.environ.get("OTLP_PYTHON_BIN") or "target/venv/otlp/bin").resolve()
    return str(folder / "python") if (folder / "python").exists() else None


def main() -> None:
    """All sizes."""
    args = arguments(__doc__ or "", "telemetry")
    program, python = bench_program("spans"), find_python()
    if python is None:
        say("no Python with the SDK (OTLP_PYTHON_BIN): ours alone is measured")
    versions = {PEER: version([python, "-c", "import opentelemetry.sdk.version as v; print(v.__version__)"])} if python else {}
    watch, rows = Watch(), []
    with tempfile.TemporaryDirectory(prefix="work-", dir=args.out.parent) as name:
        place = Path(name).resolve()
        env = environment(place)
        for size, most, theirs in QUICK if args.quick else SIZES:
            folder = place / str(size)
            folder.mkdir()
            found = Rows(size)
            tools: list[tuple[Ours | Theirs, int]] = [(Ours(args.binary, program, folder, env), most)]
            if python:
                tools.append((Theirs(python, folder, env), theirs))
            rounds = min(most, args.rounds or most)
            for number in range(rounds):
                say(f"{size:,} spans: round {number + 1} of {rounds}")
                for tool, wanted in alternating(number, tools):
                    if number < wanted:
                        tool.once(found)
            rows += [row.as_json() for row in found.rows.values()]
            shutil.rmtree(folder)
    write("telemetry", args, watch, versions, rows)


if __name__ == "__main__":
    try:
        main()
    except MeasureError as error:
        raise SystemExit(f"error: {error}") from None

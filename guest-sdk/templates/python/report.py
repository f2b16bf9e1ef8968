"""The report `acme.slowest`: which stages took longest, and whether one of them takes too much of the run.

`render` is all that a report is made by. It sees the run's trace and the files it was granted through `host`, and returns
blocks that the host draws; the same run gives the same report. Import modules at the top: later ones don't exist.
"""

from typing import Any

from forensic import (
    Chart,
    ChartKind,
    ColumnFormat,
    Document,
    HealthDetail,
    Host,
    Level,
    NoTrace,
    Severity,
    Table,
    column,
    known_keys,
    number,
    status,
)

NAME = "acme.slowest"
VERSION = "0.1.0"
TITLE = "The slowest stages of a run"


def render(config: dict[str, Any], host: Host) -> Document:
    known_keys(config, "top", "warn_share")
    top = int(number(config, "top", 10, 1, 100))  # stages in the table
    warn_share = number(config, "warn_share", 0.5, 0, 1)  # share of the run above which a stage is a finding
    document = Document("Slowest stages")
    try:
        run = host.run()
    except NoTrace as error:
        # A run without a trace still deserves a report that says so.
        why = f"No stages to rank: {error}."
        document.callout(Severity.WARNING, why)
        document.finding(Severity.WARNING, "forensic_trace.json", why)
    else:
        document.pipeline_health(HealthDetail.HEADLINE)
        ranking(document, host, top, warn_share, run.wall_ns)
    files(document, host)
    return document


def ranking(document: Document, host: Host, top: int, warn_share: float, wall_ns: int) -> None:
    stages = host.stages()
    total = len(stages)
    # A span of the plugin's own work: it shows in the run's trace, below the call of this plugin.
    with host.span("rank stages", {"stages": total}):
        stages.sort(key=lambda stage: (-stage.duration_ns, stage.id))
        stages = stages[:top]
    host.log(Level.INFO, f"ranked {total} stages")

    table = Table(
        column("Stage"),
        column("Result"),
        column("Duration", ColumnFormat.DURATION),
        column("Share of run", ColumnFormat.PERCENT, decimals=1),
        column("Attempts", ColumnFormat.NUMBER),
        column("Peak memory", ColumnFormat.BYTES),
        column("Critical"),
        caption=f"The {len(stages)} slowest of {total} stages",
    )
    for stage in stages:
        share = stage.duration_ns / wall_ns if wall_ns else None
        good = stage.outcome in ("success", "skip")
        table.row(
            stage.id,
            status(Severity.INFO if good else Severity.ERROR, stage.outcome),
            stage.duration_ns,
            share,
            stage.attempts,
            stage.peak_memory_bytes,
            "yes" if stage.critical else "no",
        )
        if share is not None and share > warn_share:
            text = f"It took {share:.0%} of the run; `warn_share` is {warn_share:.0%}.".replace("%", " %")
            document.finding(Severity.WARNING, stage.id, text)
    document.table(table)

    chart = Chart(
        ChartKind.BAR,
        "Duration of the slowest stages",
        labels=[stage.id for stage in stages],
        x_title="stage",
        y_title="duration",
        format=ColumnFormat.DURATION,
        decimals=0,
    )
    chart.values("duration", [stage.duration_ns for stage in stages])
    document.chart(chart)


def files(document: Document, host: Host) -> None:
    """The files that the pipeline's owner granted with `artifacts = […]`."""
    document.heading(2, "Files")
    granted = host.artifacts()
    if not granted:
        document.paragraph("No file was granted, or none of them exists.")
        return
    table = Table(column("File"), column("Size", ColumnFormat.BYTES), column("Lines", ColumnFormat.NUMBER))
    for file in granted:
        table.row(file.id, file.size, host.read(file.id).count(b"\n"))
    document.table(table)

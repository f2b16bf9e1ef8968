"""Helpers for report plugins in Python: the host as an object, short ways to build a document, errors as exceptions.

Yours to change. It wraps `wit_world`, which is generated from `wit/`, and which tests can import without WebAssembly.

The same run must give the same report, so sort sets and dictionaries that you made from sets before you print them:
their order is baked into a build of the plugin and changes with the next one.
"""

import json
import traceback
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeAlias, TypeVar

from componentize_py_types import Err
from wit_world.imports import artifacts, log, telemetry, trace, types
from wit_world.imports.artifacts import Artifact as Artifact
from wit_world.imports.artifacts import ArtifactError_Failed
from wit_world.imports.log import Level as Level
from wit_world.imports.trace import HealthMetrics as HealthMetrics
from wit_world.imports.trace import RunSummary as RunSummary
from wit_world.imports.trace import SpanPage as SpanPage
from wit_world.imports.trace import SpanQuery as SpanQuery
from wit_world.imports.trace import SpanTimes as SpanTimes
from wit_world.imports.trace import StageSummary as StageSummary
from wit_world.imports.trace import TraceError_Unreadable
from wit_world.imports.types import ChartKind as ChartKind
from wit_world.imports.types import ColumnFormat as ColumnFormat
from wit_world.imports.types import HealthDetail as HealthDetail
from wit_world.imports.types import Severity as Severity

MEBIBYTE = 1 << 20
PAGE = 1024
# What is kept of a traceback: its end says what went wrong.
TRACEBACK_MAX = 2000

T = TypeVar("T")


class InvalidConfig(Exception):
    """`config` of the report stage is wrong; says which key and what is expected."""


class MissingData(Exception):
    """A main input is missing or unusable; says which."""


class NoTrace(Exception):
    """The run has no trace that can be read; says why."""


class Span(Protocol):
    """A span of the plugin's own work."""

    def set_attribute(self, attribute: types.Attribute) -> None: ...
    def add_event(self, name: str, attributes: list[types.Attribute]) -> None: ...
    def fail(self, message: str) -> None: ...
    def end(self) -> None: ...


class Host(Protocol):
    """What a plugin can see: all of it read-only. A test has its own (`tests/fake_host.py`)."""

    def run(self) -> RunSummary:
        """The run. Raises `NoTrace`."""
        ...

    def health(self) -> HealthMetrics:
        """The headline metrics. Raises `NoTrace`."""
        ...

    def stages(self) -> list[StageSummary]:
        """All stages, in the order of the pipeline."""
        ...

    def spans(self, query: SpanQuery, cursor: int, max: int) -> SpanPage:
        """Spans in start order, at most 1,024 a call."""
        ...

    def times(self, query: SpanQuery, cursor: int, max: int) -> SpanTimes:
        """Their times alone, at most 65,536 a call."""
        ...

    def history(self, max: int) -> list[RunSummary]:
        """Earlier runs of the same pipeline, newest first."""
        ...

    def artifacts(self) -> list[Artifact]:
        """The granted files, sorted."""
        ...

    def read(self, id: str) -> bytes:
        """A whole granted file. Raises `MissingData`."""
        ...

    def log(self, level: Level, text: str) -> None:
        """A line for whoever runs or writes the plugin."""
        ...

    def span(self, name: str, attributes: dict[str, "Value"]) -> AbstractContextManager[Span]:
        """A span of the plugin's own work, for `with`; it shows in the run's trace."""
        ...


class WasmHost:
    """The real host, behind the imports."""

    def run(self) -> RunSummary:
        return _of_trace(trace.run)

    def health(self) -> HealthMetrics:
        return _of_trace(trace.health)

    def stages(self) -> list[StageSummary]:
        stages: list[StageSummary] = []
        while page := trace.stages(len(stages), PAGE):
            stages += page
        return stages

    def spans(self, query: SpanQuery, cursor: int, max: int) -> SpanPage:
        return trace.spans(query, cursor, max)

    def times(self, query: SpanQuery, cursor: int, max: int) -> SpanTimes:
        return trace.times(query, cursor, max)

    def history(self, max: int) -> list[RunSummary]:
        return trace.history(max)

    def artifacts(self) -> list[Artifact]:
        return artifacts.list()

    def read(self, id: str) -> bytes:
        content = bytearray()
        try:
            while chunk := artifacts.read(id, len(content), MEBIBYTE):
                content += chunk
        except Err as error:
            why = error.value.value if isinstance(error.value, ArtifactError_Failed) else "it was not granted"
            raise MissingData(f"{id}: {why}") from None
        return bytes(content)

    def log(self, level: Level, text: str) -> None:
        log.log(level, text)

    def span(self, name: str, attributes: dict[str, "Value"]) -> AbstractContextManager[Span]:
        return telemetry.start_span(name, [attribute(key, value) for key, value in attributes.items()])


def _of_trace(call: Callable[[], T]) -> T:
    try:
        return call()
    except Err as error:
        if isinstance(error.value, TraceError_Unreadable):
            raise NoTrace(f"the forensic trace can't be read: {error.value.value}") from None
        raise NoTrace("the forensic trace is missing") from None


def call_render(render: Callable[[dict[str, Any], Host], types.Document], request: types.Request) -> types.Document:
    """Calls `render` with the config as a dictionary, and makes any exception an error of the plugin with its text."""
    try:
        config = json.loads(request.config)
        return render(config, WasmHost())
    except InvalidConfig as error:
        raise Err(types.PluginError_InvalidConfig(str(error))) from None
    except MissingData as error:
        raise Err(types.PluginError_MissingData(str(error))) from None
    except BaseException as error:
        text = "".join(traceback.format_exception(error))
        raise Err(types.PluginError_Internal(text[-TRACEBACK_MAX:])) from None


def known_keys(config: dict[str, Any], *known: str) -> None:
    """Refuses keys that nobody reads: most of them are misspelt."""
    for key in sorted(config):
        if key not in known:
            raise InvalidConfig(f"unknown key `{key}`; known are {', '.join(f'`{name}`' for name in known)}")


def number(config: dict[str, Any], key: str, default: float, least: float, most: float) -> float:
    """A number of the config, within bounds."""
    value = config.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise InvalidConfig(f"`{key}` is {json.dumps(value)}, not a number from {least:g} to {most:g}")
    return value


# A cell: `None` is written as `N/A`, an `int` or a `float` as its column says.
Value: TypeAlias = None | str | int | float | types.StatusCell


def cell(value: Value) -> types.Cell:
    match value:
        case None:
            return types.Cell_None_()
        case str():
            return types.Cell_Text(value)
        case int():
            return types.Cell_Integer(value)
        case float():
            return types.Cell_Number(value)
        case types.StatusCell():
            return types.Cell_Status(value)


def status(severity: Severity, text: str) -> types.StatusCell:
    """A word that stands for good or bad."""
    return types.StatusCell(severity, text)


def attribute(key: str, value: Value) -> types.Attribute:
    """An attribute of a span."""
    match value:
        case bool():
            return types.Attribute(key, types.AttributeValue_Boolean(value))
        case int():
            return types.Attribute(key, types.AttributeValue_Integer(value))
        case float():
            return types.Attribute(key, types.AttributeValue_Number(value))
        case _:
            return types.Attribute(key, types.AttributeValue_Text(str(value)))


def column(
    title: str,
    format: ColumnFormat = ColumnFormat.TEXT,
    decimals: int = 0,
    unit: str = "",
    signed: bool = False,
) -> types.Column:
    """A column of a table; put raw numbers into its cells: a fraction for a percentage, nanoseconds for a duration."""
    left = format in (ColumnFormat.TEXT, ColumnFormat.TIME, ColumnFormat.BAR)
    return types.Column(title, format, decimals, unit, signed, not left)


class Table(types.Table):
    """A table that grows by rows."""

    def __init__(self, *columns: types.Column, caption: str = "") -> None:
        super().__init__(caption, list(columns), [])

    def row(self, *values: Value) -> None:
        self.rows.append([cell(value) for value in values])


class Chart(types.Chart):
    """A chart that grows by series."""

    def __init__(
        self,
        kind: ChartKind,
        title: str,
        *,
        labels: Iterable[str] = (),
        x_title: str = "",
        y_title: str = "",
        format: ColumnFormat = ColumnFormat.NUMBER,
        decimals: int = 2,
        unit: str = "",
        x_is_time: bool = False,
    ) -> None:
        super().__init__(title, kind, x_title, y_title, format, decimals, unit, x_is_time, list(labels), [])

    def points(self, name: str, x: Iterable[float], y: Iterable[float]) -> None:
        """Adds points."""
        self.series.append(types.Series(name, [float(value) for value in x], [float(value) for value in y]))

    def values(self, name: str, values: Iterable[float]) -> None:
        """Adds a value for each label, in their order: a set of bars, or a row of a heat map."""
        y = [float(value) for value in values]
        self.points(name, range(len(y)), y)


class Document(types.Document):
    """A document that grows by blocks and findings."""

    def __init__(self, title: str) -> None:
        super().__init__(title, [], [])

    def heading(self, level: int, text: str) -> None:
        """1 is the highest level, 4 the lowest."""
        self.blocks.append(types.Block_Heading(types.Heading(level, text)))

    def paragraph(self, text: str) -> None:
        self.blocks.append(types.Block_Paragraph(text))

    def bullets(self, points: Iterable[str]) -> None:
        self.blocks.append(types.Block_Bullets(list(points)))

    def callout(self, severity: Severity, text: str) -> None:
        """A box that stands out."""
        self.blocks.append(types.Block_Callout(types.Callout(severity, text)))

    def code(self, language: str, text: str) -> None:
        self.blocks.append(types.Block_Code(types.CodeBlock(language, text)))

    def table(self, table: types.Table) -> None:
        self.blocks.append(types.Block_Table(table))

    def chart(self, chart: types.Chart) -> None:
        self.blocks.append(types.Block_Chart(chart))

    def link_to_report(self, text: str, report_id: str) -> None:
        """A link to the page of another report stage."""
        self.blocks.append(types.Block_Links([types.Link(text, types.LinkTarget_Report(report_id))]))

    def pipeline_health(self, detail: HealthDetail) -> None:
        """Pipeline Health, drawn by the host from the trace."""
        self.blocks.append(types.Block_PipelineHealth(detail))

    def finding(self, severity: Severity, subject: str, text: str) -> None:
        """A statement that the pipeline's owner may let fail the run."""
        self.findings.append(types.Finding(severity, subject, text))

"""A host for tests, filled from a recorded run."""

import fnmatch
import hashlib
import json
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from forensic import (
    Artifact,
    HealthMetrics,
    Level,
    MissingData,
    NoTrace,
    RunSummary,
    Span,
    SpanPage,
    SpanQuery,
    SpanTimes,
    StageSummary,
    Value,
)


class FakeSpan:
    """A span that nobody looks at."""

    def set_attribute(self, attribute: Any) -> None: ...
    def add_event(self, name: str, attributes: list[Any]) -> None: ...
    def fail(self, message: str) -> None: ...
    def end(self) -> None: ...


class FakeHost:
    """Stands in for the host. Without a folder its trace is missing, as it can be in real life."""

    def __init__(self, folder: Path | None = None, artifacts: str = "") -> None:
        self.logged: list[str] = []
        self.span_names: list[str] = []
        self.summary: dict[str, Any] | None = None
        self.files: dict[str, bytes] = {}
        if folder is not None:
            self.summary = json.loads((folder / "reports/forensic_report.json").read_text())["summary"]
            paths = sorted(path for path in folder.rglob("*") if path.is_file())
            ids = {path.relative_to(folder).as_posix(): path for path in paths}
            self.files = {id: path.read_bytes() for id, path in ids.items() if fnmatch.fnmatch(id, artifacts)}

    def run(self) -> RunSummary:
        summary = self._summary()
        run = summary["run"]
        return RunSummary(
            id=run["id"],
            pipeline=run["pipeline"],
            profile=run["profile"],
            outcome=run["result"],
            trace_id=run["trace_id"],
            start_time=run["start_time"],
            end_time=run["end_time"],
            wall_ns=summary["wall_ns"],
            slots=run["slots"],
            stages=len(summary["stages"]),
            spans=summary["spans"]["count"],
        )

    def health(self) -> HealthMetrics:
        summary = self._summary()
        return HealthMetrics(
            **{key: summary[key] for key in HealthMetrics.__dataclass_fields__ if key in summary and key != "critical_path"},
            critical_path_ns=summary["critical_path"]["duration_ns"],
            critical_path=summary["critical_path"]["stages"],
            queue_ns=summary["queue"]["total_ns"],
        )

    def stages(self) -> list[StageSummary]:
        if self.summary is None:
            return []
        fields = StageSummary.__dataclass_fields__.keys() - {"outcome"}
        return [
            StageSummary(outcome=stage["result"], **{field: stage[field] for field in fields})
            for stage in self.summary["stages"]
        ]

    def spans(self, query: SpanQuery, cursor: int, max: int) -> SpanPage:
        return SpanPage([], None)

    def times(self, query: SpanQuery, cursor: int, max: int) -> SpanTimes:
        return SpanTimes([], [], None)

    def history(self, max: int) -> list[RunSummary]:
        return []

    def artifacts(self) -> list[Artifact]:
        return [Artifact(id, len(text), hashlib.sha256(text).hexdigest()) for id, text in self.files.items()]

    def read(self, id: str) -> bytes:
        if id not in self.files:
            raise MissingData(f"{id}: it was not granted")
        return self.files[id]

    def log(self, level: Level, text: str) -> None:
        self.logged.append(text)

    def span(self, name: str, attributes: dict[str, Value]) -> AbstractContextManager[Span]:
        self.span_names.append(name)
        return nullcontext(FakeSpan())

    def _summary(self) -> dict[str, Any]:
        if self.summary is None:
            raise NoTrace("the forensic trace is missing")
        return self.summary

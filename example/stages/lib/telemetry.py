"""Spans inside a stage, with the OpenTelemetry SDK, in the trace of the run.

forensic-host gives each attempt an OTLP endpoint of its own and, in TRACEPARENT, the span to hang under. Importing this
module takes both up, so a stage imports it before anything heavy:

    <script>.py                 from the start of the process to its end
    ├─ start Python             until this module is imported
    ├─ start telemetry          what the SDK itself costs
    ├─ import pandas            likewise the other HEAVY modules (tracing.py), wherever they are imported
    └─ what the stage says      with span("read prices", dataset="sp500"): ...

Where the endpoint or the packages are missing (a stage that is started by hand) nothing is loaded, and `span` does
nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from .tracing import Session

_IMPORTED = time.time_ns()


class Step(Protocol):
    """What a span lets a stage do: say what it found out only after the span began."""

    def set_attribute(self, key: str, value: Any, /) -> None: ...


class _Nothing:
    def set_attribute(self, key: str, value: Any, /) -> None:
        pass


def span(name: str, **attributes: Any) -> AbstractContextManager[Step]:
    """A step of the stage. An exception that leaves it makes it an error, and is recorded where it came from."""
    return nullcontext(_Nothing()) if _session is None else _session.span(name, attributes)


def stage(main: Callable[[], None]) -> None:
    """The stage itself. What ends it also ends the script's span."""
    if _session is None:
        main()
    else:
        _session.run(main)


def _open() -> Session | None:
    """None where nobody listens, or in a protocol that otlp.py does not speak, or without the packages."""
    wanted = {
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_SDK_DISABLED": "false",
    }
    if any((os.environ.get(name) or value).lower() != value for name, value in wanted.items()):
        return None
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return None
    try:
        from .tracing import Session
    except ImportError:
        return None
    return Session(_IMPORTED)


_session = _open()

"""What is behind telemetry.py where somebody listens: the tracer, the script's span, and how it all ends.

A module of its own so that a stage that nobody listens to does not even compile it.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from opentelemetry import context, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from .otlp import LeanExporter

HEAVY = {"numpy", "pandas", "scipy.cluster", "skfolio"}  # modules whose import is worth a span


class Terminated(SystemExit):
    """SIGTERM, as an exception: it unwinds the open spans, and no `except Exception` swallows it."""

    def __str__(self) -> str:
        return "terminated by SIGTERM"


class Session:
    """This process's tracer. There is one, for as long as the process lives."""

    def __init__(self, imported: int) -> None:
        """`imported`: when the interpreter was up and came to the stage's first import, Unix nanoseconds."""
        # Resource, sampler, limits and the pause between batches: the SDK reads their variables itself. TRACEPARENT it
        # does not read.
        self._provider = TracerProvider(shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(LeanExporter()))
        self._tracer = self._provider.get_tracer("example.stages")
        carrier = {name.lower(): os.environ.get(name, "") for name in ("TRACEPARENT", "TRACESTATE")}
        parent = TraceContextTextMapPropagator().extract(carrier)

        started = _process_start(imported)
        about: dict[str, Any] = {"process.pid": os.getpid(), "process.executable.name": Path(sys.executable).name}
        self._script = self._tracer.start_span(Path(sys.argv[0]).name, parent, attributes=about, start_time=started)
        inside = trace.set_span_in_context(self._script)
        context.attach(inside)
        self._tracer.start_span("start Python", inside, start_time=started).end(imported)
        self._tracer.start_span("start telemetry", inside, start_time=imported).end()

        self._failure: BaseException | None = None
        self._recorded: BaseException | None = None
        atexit.register(self._finish)
        sys.meta_path.insert(0, _ImportSpans(self))  # type: ignore[arg-type]
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, self._terminate)

    @contextmanager
    def span(self, name: str, attributes: dict[str, Any]) -> Iterator[trace.Span]:
        with self._tracer.start_as_current_span(
            name, attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as step:
            try:
                yield step
            except BaseException as error:
                self._blame(step, error)
                raise

    def run(self, main: Callable[[], None]) -> None:
        try:
            main()
        except BaseException as error:
            self._failure = self._failure or error  # a signal came first
            raise

    def _blame(self, step: trace.Span, error: BaseException) -> None:
        """Make `step` an error; the exception itself is recorded once, on the innermost span."""
        if _exit_code(error) == 0:
            return
        step.set_status(trace.StatusCode.ERROR, str(error) or type(error).__name__)
        step.set_attribute("error.type", type(error).__qualname__)
        if self._recorded is not error:
            self._recorded = error
            step.record_exception(error)

    def _terminate(self, _number: int, _frame: FrameType | None) -> None:
        self._failure = Terminated(128 + signal.SIGTERM)
        raise self._failure

    def _finish(self) -> None:
        """Runs however the interpreter ends, short of SIGKILL: end the script's span and send what is left."""
        terminated = isinstance(self._failure, Terminated)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the flush is bounded (otlp.TIMEOUT)
        error = self._failure or getattr(sys, "last_value", None)  # the latter: outside `run`, so in an import
        if error is not None:
            self._blame(self._script, error)
        if not terminated:
            self._script.set_attribute("process.exit.code", 0 if error is None else _exit_code(error))
        self._script.end()
        self._provider.shutdown()
        if terminated:  # die of the signal, so that the host sees what happened
            sys.stdout.flush()
            sys.stderr.flush()
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)


class _ImportSpans:
    """Puts a span round the import of each HEAVY module, wherever it is imported (a finder for `sys.meta_path`)."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if name in HEAVY else None
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def timed(module: ModuleType) -> None:
            with self._session.span(f"import {name}", {}):
                execute(module)

        spec.loader.exec_module = timed  # type: ignore[method-assign]
        return spec


def _exit_code(error: BaseException) -> int:
    """What the interpreter exits with when `error` ends it."""
    if not isinstance(error, SystemExit):
        return 1
    return error.code if isinstance(error.code, int) else int(error.code is not None)


def _process_start(imported: int) -> int:
    """When the kernel started this process, Unix nanoseconds; `imported` where it does not say.

    The kernel counts in ticks of 10 ms. The end of the tick is taken: no span may begin before its process.
    """
    try:
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - (ticks + 1) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return imported
    return min(imported, time.time_ns() - int(age * 1e9))

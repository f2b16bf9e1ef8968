"""One command, measured: wall time, CPU and memory of the whole tree of its processes.

CPU comes from `wait4`: the kernel adds up a process and all that it waited for. This process is the subreaper, so that whatever
a command leaves behind ends up here, is waited for and counted too.

Memory is sampled: every 20 ms the proportional set sizes (PSS: a page shared by n processes counts a n-th in each) of all processes
of the tree are added up, and the largest sum is the peak. A child made by vfork that has not started its program yet has no memory
of its own: it is its parent's, and not counted again (kcmp tells). Not the peak of a cgroup: that counts the page cache of files
that a command writes, which is the kernel's to drop. Sampling takes CPU, so that a run is either timed or sampled, never both,
unless the caller says so.
"""

from __future__ import annotations

import ctypes
import os
import platform
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PERIOD_S = 0.02
PR_SET_CHILD_SUBREAPER = 36
KCMP_CALL = {"x86_64": 312, "aarch64": 272}.get(platform.machine(), -1)
KCMP_VM = 1
LIBC = ctypes.CDLL(None)


class MeasureError(RuntimeError):
    """The command failed, or can't be measured here."""


@dataclass(frozen=True)
class Measured:
    """What a run took; `peak_mib` is None where memory was not sampled."""

    wall_s: float
    cpu_s: float
    peak_mib: float | None


class Sampler:
    """A thread that looks at the memory of all processes below this one, between `with` and its end."""

    def __init__(self) -> None:
        self.peak_kib = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Sampler:
        if not Path(f"/proc/self/task/{os.getpid()}/children").exists():
            raise MeasureError("memory can't be measured: this kernel does not list children in /proc (CONFIG_PROC_CHILDREN)")
        if not same_memory(os.getpid(), os.getpid()):
            raise MeasureError("memory can't be measured: this kernel has no kcmp, or does not allow it")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(PERIOD_S):
            pairs = descendants(os.getpid())
            self.peak_kib = max(self.peak_kib, sum(pss_kib(pid) for parent, pid in pairs if not same_memory(parent, pid)))


def same_memory(one: int, other: int) -> bool:
    """Two processes in one address space."""
    return KCMP_CALL > 0 and LIBC.syscall(KCMP_CALL, one, other, KCMP_VM, 0, 0) == 0


def descendants(pid: int) -> Iterator[tuple[int, int]]:
    """(parent, process) of all processes below this one; those that come and go meanwhile may be missed."""
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return
    for task in tasks:
        try:
            children = Path(f"/proc/{pid}/task/{task}/children").read_text().split()
        except OSError:
            continue
        for child in children:
            yield pid, int(child)
            yield from descendants(int(child))


def pss_kib(pid: int) -> int:
    """Proportional set size; 0 for a process that is gone."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def _run(argv: list[str], folder: Path, env: dict[str, str], errors: int) -> tuple[int, float, float]:
    """Exit code, wall and CPU seconds of a command and all that it leaves behind."""
    began = time.perf_counter()
    child = subprocess.Popen(argv, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors)
    try:
        _, status, usage = os.wait4(child.pid, 0)
    except BaseException:
        # Whoever gives up waiting leaves nothing behind.
        child.kill()
        raise
    wall = time.perf_counter() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    cpu = usage.ru_utime + usage.ru_stime
    while True:
        try:
            _, _, usage = os.wait4(-1, 0)
        except ChildProcessError:
            return child.returncode, wall, cpu
        cpu += usage.ru_utime + usage.ru_stime


def measure(argv: list[str], folder: Path, env: dict[str, str], memory: bool = False) -> Measured:
    """One run of a command in a folder; an error if it fails, with what it said."""
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    # What the run before wrote is written out now and not at the cost of this one.
    os.sync()
    with tempfile.TemporaryFile() as errors:
        if memory:
            with Sampler() as sampler:
                code, wall, cpu = _run(argv, folder, env, errors.fileno())
        else:
            code, wall, cpu = _run(argv, folder, env, errors.fileno())
        if code:
            errors.seek(0)
            said = errors.read().decode(errors="replace")[-2000:]
            raise MeasureError(f"{argv[0]} ended with {code}: {said}")
    return Measured(wall, cpu, sampler.peak_kib / 1024 if memory else None)

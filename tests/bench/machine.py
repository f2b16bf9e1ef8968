"""What machine it is, and how much of it others used meanwhile."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import time
from pathlib import Path

# Columns of /proc/stat's first line: user nice system idle iowait irq softirq steal; guest is part of user.
IDLE = (3, 4)
COLUMNS = 8


def describe() -> dict[str, object]:
    """Processors, their name, memory in MiB, kernel."""
    names = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    total = next(int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal:"))
    return {
        "cpus": len(os.sched_getaffinity(0)),
        "cpu": names[0] if names else platform.machine(),
        "memory_mib": total // 1024,
        "kernel": platform.release(),
    }


def version(argv: list[str]) -> str:
    """The first word with a digit in it that a program says about its version."""
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    words = (done.stdout + done.stderr).replace("(", " ").replace(")", " ").split()
    return next((word.rstrip(",") for word in words if word[0].isdigit()), "unknown")


class Watch:
    """From `Watch()` to `finish()`: the load, and the share of the processors that processes not started from here used.

    A number measured while others work is worth little, so that each result says how it was.
    """

    def __init__(self) -> None:
        self.load_before = os.getloadavg()[0]
        self.began = time.monotonic()
        self.busy_before = self._busy()
        self.own_before = self._own()

    def finish(self) -> dict[str, object]:
        """The machine, with `load_before` and `load_after` (processes, 1 minute) and `others` (0 to 1 of all processors)."""
        whole = (time.monotonic() - self.began) * (os.cpu_count() or 1)
        others = (self._busy() - self.busy_before) - (self._own() - self.own_before)
        return {
            **describe(),
            "load_before": round(self.load_before, 2),
            "load_after": round(os.getloadavg()[0], 2),
            "others": round(max(0.0, others / whole), 3),
        }

    @staticmethod
    def _busy() -> float:
        """CPU seconds of all processors since boot, stolen time included."""
        ticks = [int(word) for word in _lines("/proc/stat")[0].split()[1 : COLUMNS + 1]]
        return sum(value for column, value in enumerate(ticks) if column not in IDLE) / os.sysconf("SC_CLK_TCK")

    @staticmethod
    def _own() -> float:
        """CPU seconds of this process and of all that it waited for."""
        uses = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return sum(use.ru_utime + use.ru_stime for use in uses)


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()

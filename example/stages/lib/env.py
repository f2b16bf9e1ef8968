"""What a stage knows about its run: the environment the runner sets, and the folders that follow from it."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

EXIT_USAGE = 64  # wrong arguments or environment
EXIT_DATA = 65  # an input is there but unusable
EXIT_NO_INPUT = 66  # an input is missing
EXIT_TEMPORARY = 75  # worth another attempt; pipeline.toml retries on it

META_PROFILE = "meta_production"
RISK_PROFILES = ("hrp", "min_variance", "max_sharpe", "equal_weight")


class Failure(SystemExit):
    """The end of the stage, with its reason for whoever looks at the exception (see telemetry.py)."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(code)
        self.message = message

    def __str__(self) -> str:
        return self.message


def fail(message: str, code: int = EXIT_DATA) -> NoReturn:
    """End the stage with one clear line on stderr."""
    stage = os.environ.get("FORENSIC_STAGE_ID", Path(sys.argv[0]).name)
    print(f"{stage}: {message}", file=sys.stderr)
    raise Failure(message, code)


def argument(choices: tuple[str, ...], what: str) -> str:
    """The script's only argument, checked against the known names."""
    if len(sys.argv) != 2 or sys.argv[1] not in choices:
        fail(f"expected one argument, the {what}: {', '.join(choices)}", EXIT_USAGE)
    return sys.argv[1]


@dataclass(frozen=True)
class Run:
    """The run this process belongs to. Stages write below `data` and nowhere else."""

    id: str
    root: Path
    data: Path

    @staticmethod
    def current() -> Run:
        values = {}
        for name in ("FORENSIC_RUN_ID", "FORENSIC_RUN_DIR", "FORENSIC_DATA_DIR"):
            values[name] = os.environ.get(name, "")
            if not values[name]:
                fail(f"{name} is not set: start this stage with forensic-host", EXIT_USAGE)
        return Run(
            id=values["FORENSIC_RUN_ID"],
            root=Path(values["FORENSIC_RUN_DIR"]),
            data=Path(values["FORENSIC_DATA_DIR"]),
        )

    def sleeve(self, name: str) -> Path:
        return self.data / "sleeves" / name

    def relative(self, path: Path) -> str:
        """`path` as the reports want it: below the run directory, with forward slashes."""
        return path.resolve().relative_to(self.root.resolve()).as_posix()

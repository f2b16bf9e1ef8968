"""Reading and writing: every file is written whole or not at all, and JSON is strict (no NaN)."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .env import EXIT_NO_INPUT, fail

if TYPE_CHECKING:
    import pandas as pd

DIGITS = 8  # significant digits in files: enough for every report, and the same on every machine


def number(value: Any) -> float | None:
    """A float for JSON: rounded to `DIGITS` significant digits, null where it is not finite."""
    value = float(value)
    if not math.isfinite(value):
        return None
    return float(f"{value:.{DIGITS}g}") + 0.0  # + 0.0 turns -0.0 into 0.0


def strict(value: Any) -> Any:
    """The same value with every float passed through `number`, numpy scalars included."""
    if isinstance(value, Mapping):
        return {str(key): strict(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [strict(item) for item in value]
    if isinstance(value, (bool, str)) or value is None:
        return value
    if hasattr(value, "item"):
        value = value.item()
    return value if isinstance(value, (bool, int, str)) else number(value)


def write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def write_json(path: Path, value: Any, *, compact: bool = False) -> None:
    """`compact` is for large files: one line, no blanks."""
    layout: dict[str, Any] = {"separators": (",", ":")} if compact else {"indent": 1}
    write_text(path, json.dumps(strict(value), allow_nan=False, ensure_ascii=False, **layout) + "\n")


def write_csv(path: Path, frame: pd.DataFrame, *, index: bool = True) -> None:
    """Dates as ISO 8601, missing values as empty cells."""
    text = frame.to_csv(
        index=index,
        index_label="date" if index else None,
        date_format="%Y-%m-%d",
        float_format=f"%.{DIGITS}g",
        lineterminator="\n",
    )
    write_text(path, text)


def read_json(path: Path) -> Any:
    if not path.is_file():
        fail(f"missing input: {path}", EXIT_NO_INPUT)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        fail(f"not JSON: {path}: {error}")


def read_frame(path: Path) -> pd.DataFrame:
    """A table with a `date` column as its index."""
    import pandas as pd

    if not path.is_file():
        fail(f"missing input: {path}", EXIT_NO_INPUT)
    return pd.read_csv(path, index_col="date", parse_dates=["date"])


def read_table(path: Path) -> pd.DataFrame:
    """A table without an index."""
    import pandas as pd

    if not path.is_file():
        fail(f"missing input: {path}", EXIT_NO_INPUT)
    return pd.read_csv(path)

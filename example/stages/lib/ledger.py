"""The audit ledger: one JSON object a line, each holding the hash of the line before it.

`hash` is the SHA-256 of the line's sorted-key JSON (compact separators, UTF-8) without `hash` itself.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from .env import EXIT_NO_INPUT, fail
from .files import strict, write_text

ZERO_HASH = "0" * 64


def canonical(entry: dict[str, Any]) -> str:
    return json.dumps(entry, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)


def digest(entry: dict[str, Any]) -> str:
    body = {key: value for key, value in entry.items() if key != "hash"}
    return hashlib.sha256(canonical(body).encode("utf-8")).hexdigest()


class Ledger:
    """Collects lines in memory; `save` writes them in one go, so a retried attempt never leaves half a chain."""

    def __init__(self, run_id: str, profile: str, time: str, parameters: dict[str, Any]) -> None:
        self._run_id = run_id
        self._lines: list[str] = []
        self._previous = ZERO_HASH
        self._append({"type": "genesis", "time": time, "profile": profile, "parameters": parameters})

    def __len__(self) -> int:
        return len(self._lines)

    def _append(self, entry: dict[str, Any]) -> None:
        entry = strict({**entry, "run_id": self._run_id, "prev_hash": self._previous})
        self._previous = entry["hash"] = digest(entry)
        self._lines.append(canonical(entry))

    def action(
        self,
        step: str,
        status: str,
        time: str,
        context: dict[str, Any],
        outcome: dict[str, Any] | None = None,
    ) -> None:
        """`time` comes from the data (a window's date), so that equal inputs give equal ledgers."""
        entry = {"type": "action", "time": time, "step": step, "status": status, "context": context}
        self._append(entry | ({} if outcome is None else {"outcome": outcome}))

    def save(self, path: Path) -> None:
        write_text(path, "\n".join(self._lines) + "\n")


def verify(path: Path) -> int:
    """Check the whole chain and return its number of lines; a broken chain ends the stage."""
    if not path.is_file():
        fail(f"missing input: {path}", EXIT_NO_INPUT)
    previous, count = ZERO_HASH, 0
    with path.open(encoding="utf-8") as file:
        for count, line in enumerate(file, start=1):
            try:
                entry = json.loads(line)
                holds = entry["prev_hash"] == previous and entry["hash"] == digest(entry)
            except (ValueError, KeyError, TypeError):  # not JSON, or not a ledger line
                holds = False
            if not holds:
                fail(f"the audit chain is broken at line {count} of {path}")
            previous = entry["hash"]
    return count

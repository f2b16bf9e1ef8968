"""meta.sign_test: a gate. Nothing may be aggregated while a sleeve's signs, weights or inverted returns disagree."""

from __future__ import annotations

from lib.telemetry import span, stage  # first, so that it can time the other imports

# isort: split
import pandas as pd

from lib.env import RISK_PROFILES, Run, fail
from lib.files import read_frame, read_json, write_json
from lib.sleeves import NAMES, SLEEVES


def main() -> None:
    run = Run.current()
    findings: list[dict[str, str]] = []

    def find(level: str, code: str, sleeve: str, symbol: str, message: str) -> None:
        findings.append({"level": level, "code": code, "run_id": sleeve, "symbol": symbol, "message": message})

    directions: dict[str, dict[str, str]] = {}  # symbol → sleeve → direction
    tested = 0
    for name in NAMES:
        folder = run.sleeve(name)
        before = tested
        with span(f"test {name}") as step:
            flat = read_json(folder / "portfolio_flattened.json")["profiles"]
            for profile in RISK_PROFILES:
                rows = flat[profile]["weights"]
                for row in rows:
                    tested += 1
                    symbol, direction, weight = row["Symbol"], row["Direction"], row["Net_Weight"]
                    directions.setdefault(symbol, {})[name] = direction
                    if (weight < 0) != (direction == "SHORT"):
                        message = f"{profile}: net weight {weight:+.4f} but direction {direction}"
                        find("ERROR", "SIGNTEST_DIRECTION_MISMATCH", name, symbol, message)
                    if direction == "SHORT" and not SLEEVES[name].bottom:
                        message = f"{profile}: a long-only sleeve is short"
                        find("ERROR", "SIGNTEST_SHORT_IN_LONG_SLEEVE", name, symbol, message)
                gross = sum(row["Weight"] for row in rows)
                if abs(gross - 1.0) > 1e-4:
                    find(
                        "ERROR", "SIGNTEST_OPTIMIZER_NOT_NORMALIZED", name, "*", f"{profile}: gross weight {gross:.6f}"
                    )

            # Every short stream must be the raw return with its sign turned, day by day (the loss is capped at -100 %).
            raw = read_frame(folder / "returns_matrix.csv")
            streams = read_frame(folder / "synthetic_returns.csv")
            for atom, item in read_json(folder / "atoms.json")["atoms"].items():
                tested += 1
                expected: pd.Series = item["sign"] * raw[item["symbol"]]
                if item["direction"] == "SHORT":
                    expected = expected.clip(lower=-1.0)
                worst = float((streams[atom] - expected).abs().max())
                if not worst <= 1e-9:
                    message = f"{item['direction']} stream differs from the signed raw return by up to {worst:.2e}"
                    find("ERROR", "SIGNTEST_SYNTHESIS_NOT_INVERTED", name, item["symbol"], message)
            step.set_attribute("checks", tested - before)

    for symbol, sides in sorted(directions.items()):
        if len(set(sides.values())) > 1:
            text = ", ".join(f"{direction} in {sleeve}" for sleeve, direction in sorted(sides.items()))
            find("WARN", "SIGNTEST_SLEEVES_OFFSET", "meta", symbol, text)

    errors = sum(finding["level"] == "ERROR" for finding in findings)
    result = {"errors": errors, "warnings": len(findings) - errors, "tested": tested, "findings": findings}
    with span("write findings", findings=len(findings), errors=errors):
        write_json(run.data / "directional_sign_test.json", result)
    print(f"{tested} checks, {errors} errors, {len(findings) - errors} warnings")
    if errors:
        fail(f"the directional sign test found {errors} errors; the first: {findings[0]['message']}")


if __name__ == "__main__":
    stage(main)

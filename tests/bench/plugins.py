"""What plugins cost: load, instantiate, render, drop of each, beside wasmtime alone; records read by the page; many report stages.

    PLUGIN_TOOLS=… python tests/bench/plugins.py [--quick] [--rounds N] [--binary FILE] [--out FILE]

The first two are `tests/bench/plugin_call` (Rust), which gets the first-party plugins and the components of the four templates,
built here with `plugin new` and `plugin build` and kept until a template changes. `PLUGIN_TOOLS` are the folders with the tools of
Python, JavaScript and C (tests/setup.sh, `need_plugin_tools`); a language that can't be built is left out, and it is said. The last
one is the real binary: runs of one stage and many report stages, all first-party plugins in turn.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from machine import Watch
from measure import MeasureError, measure
from product import OURS, Row, alternating, arguments, bench_program, environment, run_with_phases, say, write
from tools import REPORTS

LANGUAGES = {"rust": "Rust", "c": "C", "js": "JavaScript", "python": "Python"}
# Those that are built and compiled within seconds.
QUICK = ("rust", "c")
NAME = "acme.slowest"
COMPONENT = "acme_slowest.wasm"
# Report stages of a run, and how many rounds; none at all is what the others are compared with.
STAGES = ((0, 9), (1, 9), (10, 9), (100, 5), (1_000, 3))
SPANS = 100_000


def templates_digest() -> str:
    """Of all that the templates' components are made of."""
    digest = hashlib.sha256()
    for file in sorted(file for folder in ("guest-sdk", "wit") for file in Path(folder).rglob("*") if file.is_file()):
        digest.update(f"{file}\n".encode() + file.read_bytes())
    return digest.hexdigest()


def component(binary: str, language: str, folder: Path) -> Path | None:
    """The component of a language's template, built if it is not there or another one; `None` if that can't be done."""
    made, stamp = folder / NAME.replace(".", "_") / COMPONENT, folder / "stamp"
    digest = templates_digest()
    if made.exists() and stamp.exists() and stamp.read_text() == digest:
        return made
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    say(f"building the template in {LANGUAGES[language]}")
    tools = os.environ.get("PLUGIN_TOOLS", "")
    env = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}" if tools else os.environ["PATH"]}
    for words, place in ((["plugin", "new", "--lang", language, NAME], folder), (["plugin", "build"], made.parent)):
        done = subprocess.run([binary, *words], cwd=place, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            say(f"left out: the template in {LANGUAGES[language]} can't be built:\n{done.stdout}{done.stderr}")
            return None
    stamp.write_text(digest)
    return made


def calls(program: str, components: dict[str, Path], place: Path, quick: bool, rounds: int) -> list[dict[str, object]]:
    """Rows of the program in Rust."""
    out = place / "calls.json"
    words = [program, "--json", str(out), "--rounds", str(rounds), "--spans", str(SPANS // 10 if quick else SPANS)]
    words += ["--calls", "10", "--only", "2"] if quick else []
    words += [f"template in {LANGUAGES[language]}={file}" for language, file in components.items()]
    say("calling plugins, by the host and by wasmtime alone")
    subprocess.run(words, check=True)
    rows: list[dict[str, object]] = json.loads(out.read_text())["rows"]
    for row in rows:
        row["group"] = "pages" if "records_per_s" in row else "call of a plugin"
        row["role"] = "ours" if row["tool"] == OURS else "floor"
        for name in ("wall_s", "cpu_s"):
            row[name] = [round(value, 8) for value in row[name]]  # type: ignore[attr-defined]
    return rows


def pipeline(stages: int) -> str:
    """One stage that does nothing, and report stages."""
    lines = ["[pipeline]", 'name = "bench"', "[stages.a]", 'command = ["true"]']
    for number in range(stages):
        lines += ["[[report]]", f'id = "report{number}"', f'plugin = "builtin:{REPORTS[number % len(REPORTS)]}"']
    return "\n".join(lines) + "\n"


def report_stages(binary: str, place: Path, quick: bool, most: int | None) -> list[dict[str, object]]:
    """Rows of runs with many report stages, with a warm cache."""
    env = environment(place)
    cases = [(count, 1 if quick else rounds) for count, rounds in STAGES if not quick or count <= 10]
    rows = {count: Row("report stages", f"run with {count:,} report stages", count, OURS) for count, _ in cases}
    folders = {count: place / f"reports-{count}" for count, _ in cases}
    for count, folder in folders.items():
        folder.mkdir()
        (folder / "pipeline.toml").write_text(pipeline(count))
    run = [binary, "run", "--quiet", "--progress", "none", "--run-id", "R"]
    measure(run, folders[10], env)
    shutil.rmtree(folders[10] / "data")
    for number in range(max(rounds for _, rounds in cases)):
        for count, rounds in alternating(number, cases):
            if number >= min(rounds, most or rounds):
                continue
            say(f"run with {count:,} report stages: round {number + 1}")
            # Once as anybody calls it, once with its phases.
            for phased in (False, True):
                if phased:
                    _, phases = run_with_phases(run, folders[count], env)
                    rows[count].push(peak_mib=phases.peak_mib, calls_ms=phases.named("call the report plugins") * 1e3)
                    rows[count].push(draw_ms=phases.named("make the report") * 1e3)
                else:
                    rows[count].push_run(measure(run, folders[count], env))
                shutil.rmtree(folders[count] / "data")
    base = rows[0].measures["wall_s"]
    for count, row in rows.items():
        if count:
            for wall, without in zip(row.measures["wall_s"], base, strict=False):
                row.push(stage_ms=(wall - without) / count * 1e3)
    return [row.as_json() for row in rows.values()]


def main() -> None:
    """Calls, pages, report stages."""
    args = arguments(__doc__ or "", "plugins")
    program = bench_program("plugin_call")
    kept = args.out.parent.resolve() / "templates"
    wanted = QUICK if args.quick else tuple(LANGUAGES)
    found = {language: component(args.binary, language, kept / language) for language in wanted}
    watch = Watch()
    with tempfile.TemporaryDirectory(prefix="work-", dir=args.out.parent) as name:
        place = Path(name).resolve()
        rounds = 1 if args.quick else min(9, args.rounds or 9)
        rows = calls(program, {language: file for language, file in found.items() if file}, place, args.quick, rounds)
        rows += report_stages(args.binary, place, args.quick, args.rounds)
    write("plugins", args, watch, {"wasmtime": wasmtime_version()}, rows)


def wasmtime_version() -> str:
    """As it stands in the lock file."""
    lines = Path("Cargo.lock").read_text().splitlines()
    return lines[lines.index('name = "wasmtime"') + 1].split('"')[1]


if __name__ == "__main__":
    try:
        main()
    except MeasureError as error:
        raise SystemExit(f"error: {error}") from None

// The real binary in a folder of its own: runs pipelines, writes reports, and hands over what it left behind.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { WORKSPACE } from "./chromium.mjs";

const BINARY = process.env.FORENSIC_HOST ?? join(WORKSPACE, "target/release/forensic-host");
const RUNS = "data/artifacts/summaries/runs";

/** A folder in which the binary is called; `remove` when done. */
export class Workshop {
  /** @param {string} [pipeline] a folder of `tests/browser/pipelines`, whose files are copied */
  constructor(pipeline) {
    assert.ok(existsSync(BINARY), `no ${BINARY}: set FORENSIC_HOST to the binary under test`);
    this.path = mkdtempSync(join(tmpdir(), "forensic-workshop-"));
    const shared = new URL("../pipelines/", import.meta.url).pathname;
    if (pipeline !== undefined) cpSync(join(shared, pipeline), this.path, { recursive: true });
    cpSync(join(shared, "report/work.py"), join(this.path, "work.py"));
  }

  /**
   * @param {string} name
   * @param {string | Uint8Array} content
   */
  write(name, content) {
    const path = join(this.path, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    return path;
  }

  /** @param {string} name */
  readText(name) {
    return readFileSync(join(this.path, name), "utf8");
  }

  #environment() {
    const hidden = ["CI", "GITHUB_ACTIONS", "GITLAB_CI", "OTEL_EXPORTER_OTLP_ENDPOINT", "FORENSIC_HOST_TOKEN"];
    const kept = Object.entries(process.env).filter(([name]) => !hidden.includes(name));
    return { ...Object.fromEntries(kept), NO_COLOR: "1" };
  }

  /**
   * Calls the binary and returns its output; any other exit code than these is a failure.
   * @param {string[]} words
   * @param {number[]} [codes]
   */
  call(words, codes = [0]) {
    const ran = spawnSync(BINARY, words, { cwd: this.path, env: this.#environment(), encoding: "utf8", timeout: 120_000, maxBuffer: 1 << 28 });
    assert.ok(ran.status !== null && codes.includes(ran.status), `${words.join(" ")}: ${ran.status}\n${ran.stderr}${ran.error ?? ""}`);
    return ran.stdout;
  }

  /**
   * The binary in the background.
   * @param {string[]} words
   */
  start(words) {
    return spawn(BINARY, words, { cwd: this.path, env: this.#environment(), stdio: ["ignore", "pipe", "pipe"] });
  }

  /** @param {string} run its directory */
  directory(run) {
    return join(this.path, RUNS, run);
  }

  /** @param {string} run */
  page(run) {
    return join(this.directory(run), "reports/forensic_report.html");
  }

  /**
   * A file of a run, as text.
   * @param {string} run
   * @param {string} name
   */
  read(run, name) {
    return readFileSync(join(this.directory(run), name), "utf8");
  }

  /**
   * @param {string} run
   * @returns {any} forensic_report.json
   */
  report(run) {
    return JSON.parse(this.read(run, "reports/forensic_report.json"));
  }

  /**
   * Waits until a run has this file.
   * @param {string} run
   * @param {string} name
   */
  async waitFor(run, name) {
    for (let n = 0; n < 600 && !existsSync(join(this.directory(run), name)); n += 1) await new Promise((resolve) => setTimeout(resolve, 50));
    assert.ok(existsSync(join(this.directory(run), name)), `${name} of ${run} did not come`);
  }

  /**
   * A run directory around a trace that nobody recorded: a run of one stage, whose trace is then this one.
   * @param {string} run
   * @param {Iterable<object>} spans
   */
  foreign(run, spans) {
    this.write("pipeline.toml", '[pipeline]\nname = "browser"\n[stages.one]\nrun = "true"\n');
    this.call(["run", "--run-id", run, "--quiet"]);
    const parts = [];
    for (const span of spans) parts.push(JSON.stringify(span));
    this.write(join(RUNS, run, "data/forensic_trace.json"), `[\n${parts.join(",\n")}\n]\n`);
    this.call(["report", run, "--quiet"]);
  }

  remove() {
    rmSync(this.path, { recursive: true, force: true, maxRetries: 5 });
  }
}

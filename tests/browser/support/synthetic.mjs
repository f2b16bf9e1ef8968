// Traces that nobody recorded, in the host's own form: of any size, always the same, and with any text in them.

/** When they begin, Unix ns. A double is good to a quarter of a microsecond here, which is enough for a test. */
const BEGIN = 1_763_880_000_000_000_000;
const SECOND = 1_000_000_000;

/** @typedef {{id: string, needs: string[], ready: number, start: number, end: number, result?: string, error?: string, member?: string, group?: string, spans?: {name: string, parent: number, start: number, end: number, failed?: boolean}[]}} Made */

/**
 * The trace of a run with these stages. Times are seconds after its start.
 * @param {Made[]} stages
 * @param {{pipeline?: string, run?: string, slots?: number}} [facts]
 */
export function* traceOf(stages, { pipeline = "synthetic", run = "synthetic", slots = 8 } = {}) {
  const trace = "5".repeat(32);
  let count = 0;
  const ident = () => (count += 1).toString(16).padStart(16, "0");
  const top = ident();
  const failed = stages.some((stage) => (stage.result ?? "success") !== "success");
  const end = Math.max(0, ...stages.map((stage) => stage.end)) + 0.1;
  const runSpan = span(`RUN ${pipeline}`, trace, top, null, 0, end, failed, {
    "forensic.kind": "run",
    "cicd.pipeline.name": pipeline,
    "cicd.pipeline.run.id": run,
    "forensic.slots": slots,
    "forensic.cores": 8,
    "cicd.pipeline.result": failed ? "failure" : "success",
  });
  yield runSpan;
  for (const [index, stage] of stages.entries()) {
    const result = stage.result ?? "success";
    const of = { "forensic.stage.id": stage.id };
    const stageIdent = ident();
    const bad = result !== "success" && result !== "skip";
    const attributes = {
      "forensic.kind": "stage",
      ...of,
      "cicd.pipeline.task.name": stage.id,
      "forensic.stage.index": index,
      "forensic.stage.needs": stage.needs,
      ...(stage.group === undefined ? {} : { "forensic.stage.group": stage.group }),
      ...(stage.member === undefined ? {} : { "forensic.stage.member_of": stage.member }),
      "forensic.ready_time": at(stage.ready),
      "cicd.pipeline.task.run.result": result,
      "forensic.attempts": 1,
      "forensic.cached": false,
    };
    yield span(stage.id, trace, stageIdent, top, stage.start, stage.end, bad, attributes, stage.error);
    if (result === "skip") continue;
    const attempt = ident();
    yield span(`${stage.id}#1`, trace, attempt, stageIdent, stage.start, stage.end, bad, {
      "forensic.kind": "attempt",
      ...of,
      "forensic.attempt": 1,
      "forensic.backoff_ns": 0,
      "forensic.cpu_user_ns": Math.round((stage.end - stage.start) * 0.7 * SECOND),
      "forensic.cpu_system_ns": Math.round((stage.end - stage.start) * 0.1 * SECOND),
      "forensic.peak_memory_bytes": (index % 97) << 20,
      "cicd.pipeline.task.run.result": result,
      "process.exit.code": bad ? 1 : 0,
    }, stage.error);
    const idents = (stage.spans ?? []).map(ident);
    for (const [n, own] of (stage.spans ?? []).entries()) {
      const parent = own.parent < 0 ? attempt : idents[own.parent];
      yield span(own.name, trace, idents[n], parent, own.start, own.end, own.failed ?? false, { "forensic.origin": "otlp", ...of, "forensic.attempt": 1 });
    }
  }
}

/** @type {(seconds: number) => number} */
const at = (seconds) => BEGIN + Math.round(seconds * SECOND);

/**
 * @param {string} name
 * @param {string} trace
 * @param {string} ident
 * @param {string | null} parent
 * @param {number} start
 * @param {number} end
 * @param {boolean} failed
 * @param {object} attributes
 * @param {string} [message]
 */
function span(name, trace, ident, parent, start, end, failed, attributes, message) {
  return {
    name,
    start_time: at(start),
    end_time: at(end),
    duration_ms: (end - start) * 1000,
    status: failed ? "Error" : "Success",
    attributes,
    trace_id: trace,
    span_id: ident,
    parent_span_id: parent,
    ...(failed ? { status_message: message ?? "exit code 1" } : {}),
  };
}

/**
 * Stages in `slots` slots, each with up to three needs among those shortly before it and `spans` spans of its own.
 * @param {number} count
 * @param {number} [spans]
 * @param {number} [slots]
 * @returns {Made[]}
 */
export function manyStages(count, spans = 0, slots = 8) {
  const random = generator(1);
  const free = new Array(slots).fill(0.2);
  /** @type {Made[]} */
  const stages = [];
  for (let n = 0; n < count; n += 1) {
    const needed = new Set(n < slots ? [] : Array.from({ length: Math.floor(random() * 3) }, () => Math.max(0, n - 1 - Math.floor(random() * 200))));
    const needs = [...needed].map((need) => stages[need]);
    const ready = Math.max(0.2, ...needs.map((need) => need.end));
    const slot = free.indexOf(Math.min(...free));
    const start = Math.max(ready, free[slot]);
    const end = start + 0.05 + random() * random() * 4;
    free[slot] = end;
    const result = n % 97 === 96 ? "failure" : "success";
    const group = `group${String(Math.floor(n / 100)).padStart(3, "0")}`;
    stages.push({ id: `${group}.stage${String(n).padStart(5, "0")}`, needs: needs.map((need) => need.id), ready, start, end, result, group, spans: ownSpans(spans, start, end) });
  }
  return stages;
}

/**
 * A span over the whole attempt and others below it, side by side.
 * @param {number} count
 * @param {number} start
 * @param {number} end
 */
function ownSpans(count, start, end) {
  const step = (end - start) / Math.max(count, 1);
  return Array.from({ length: count }, (_, n) => {
    if (n === 0) return { name: "work", parent: -1, start, end };
    return { name: `step ${n % 50}`, parent: 0, start: start + n * step, end: start + (n + 1) * step, failed: n % 199 === 198 };
  });
}

/**
 * Numbers below 1 that look random and are the same each time (mulberry32).
 * @param {number} seed
 */
function generator(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

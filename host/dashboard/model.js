// From the columns of forensic_report.json to what components draw: stages and attempts as objects, spans as typed arrays.

/**
 * @typedef {object} Stage
 * @property {number} at its position
 * @property {string} id
 * @property {string} result
 * @property {Mark} mark how it ended, as one of few kinds
 * @property {number} start
 * @property {number} end
 * @property {number | null} ready
 * @property {number[]} needs positions
 * @property {number[]} dependents positions
 * @property {number} from first of its attempts
 * @property {number} to one behind its last attempt
 * @property {number | null} cost
 * @property {number | null} queue
 * @property {number | null} slack
 * @property {number | null} drag
 * @property {boolean} critical
 * @property {boolean} cached
 * @property {number | null} saved
 * @property {boolean} inferred
 * @property {number | null} cpu
 * @property {number | null} memory
 * @property {number | null} exitCode
 * @property {string | null} error
 * @property {string | null} group
 * @property {string | null} memberOf
 * @property {boolean} allowFailure
 * @property {string | null} skipReason
 * @property {string | null} cachedFrom
 * @property {string | null} pool
 * @property {string | null} childRun
 * @property {number | null} typical
 * @property {string | null} change
 */

/**
 * @typedef {object} Attempt
 * @property {number} at its position
 * @property {number} stage
 * @property {number} number from 1
 * @property {string} result
 * @property {Mark} mark
 * @property {number} start
 * @property {number} end
 * @property {number | null} ready
 * @property {number} backoff
 * @property {number | null} exitCode
 * @property {number | null} signal
 * @property {string | null} error
 * @property {number | null} user CPU ns
 * @property {number | null} system CPU ns
 * @property {number | null} memory
 * @property {number | null} treeMemory
 * @property {string | null} worker that ran it; null: the host
 * @property {string | null} node
 * @property {number | null} read
 * @property {number | null} written
 * @property {boolean} oom
 * @property {string | null} pool
 * @property {boolean} inferred
 * @property {string | null} stdout
 * @property {string | null} stderr
 * @property {number} spansFrom first of its spans
 * @property {number} spansTo one behind its last span
 */

/**
 * The spans that stages sent, by attempt, then start; column by column, because there may be 250,000 of them.
 * @typedef {object} Spans
 * @property {number} count
 * @property {string[]} names
 * @property {Int32Array} name
 * @property {Int32Array} attempt
 * @property {Int32Array} parent
 * @property {Int32Array} depth 0 at the top of an attempt
 * @property {Float64Array} start
 * @property {Float64Array} end
 * @property {Uint8Array} error
 */

/** @typedef {"ok" | "failed" | "allowed" | "stopped" | "skipped" | "cached" | "running"} Mark */
/** @typedef {{kind: "execution" | "queue" | "backoff" | "overhead", stage: number, attempt: number, start: number, end: number}} Segment */

/**
 * @typedef {object} Model
 * @property {number} version grows when newer data of a running run has come
 * @property {import("./contract.js").RunFacts} run
 * @property {number} startTime Unix ns
 * @property {number} wall
 * @property {number} first start of what is drawn: 0, or earlier where a clock says so
 * @property {number} last end of what is drawn
 * @property {number | null} slots
 * @property {number | null} cores
 * @property {boolean} live
 * @property {boolean} hasNeeds
 * @property {Stage[]} stages
 * @property {Attempt[]} attempts
 * @property {Segment[]} chain
 * @property {Spans} spans
 * @property {number} spansLeftOut
 * @property {import("./contract.js").Tail[]} tails
 * @property {Pick<import("./contract.js").Columns, "stages" | "attempts">} tables the columns as they came, for files made of them
 */

/**
 * A mark, a word and a palette name for each way to end: never colour alone.
 * @type {Readonly<Record<Mark, {sign: string, word: string, color: "good" | "bad" | "warn" | "dim" | "link"}>>}
 */
export const MARKS = Object.freeze({
  ok: { sign: "✓", word: "ok", color: "good" },
  failed: { sign: "✗", word: "failed", color: "bad" },
  allowed: { sign: "✗", word: "failed, allowed", color: "warn" },
  stopped: { sign: "■", word: "cancelled", color: "warn" },
  skipped: { sign: "»", word: "skipped", color: "dim" },
  cached: { sign: "↺", word: "cached", color: "dim" },
  running: { sign: "▸", word: "running", color: "link" },
});

/**
 * @param {string} result
 * @param {{cached?: boolean, allowed?: boolean, running?: boolean}} [flags]
 * @returns {Mark}
 */
export function markOf(result, { cached = false, allowed = false, running = false } = {}) {
  if (running) return "running";
  if (result === "success") return cached ? "cached" : "ok";
  if (result === "skip") return "skipped";
  if (result === "cancellation") return "stopped";
  return allowed ? "allowed" : "failed";
}

/**
 * @param {import("./contract.js").PageData} data
 * @param {boolean} [live] whether the run goes on: then what has no end yet is running
 * @returns {Model}
 */
export function readModel(data, live = false) {
  const columns = data.columns;
  const attempts = readAttempts(columns, live);
  const stages = readStages(columns, attempts, live);
  const spans = readSpans(columns.spans, attempts);
  let first = 0;
  let last = columns.wall_ns;
  for (const attempt of attempts) {
    first = Math.min(first, attempt.start);
    last = Math.max(last, attempt.end);
  }
  const chain = columns.chain;
  return {
    version: 0,
    run: data.run,
    startTime: columns.start_time,
    wall: columns.wall_ns,
    first,
    last: Math.max(last, first + 1),
    slots: columns.slots ?? null,
    cores: columns.cores ?? null,
    live,
    hasNeeds: columns.stages.needs !== undefined,
    stages,
    attempts,
    chain: (chain?.class ?? []).map((kind, at) => ({
      kind,
      stage: chain?.stage[at] ?? -1,
      attempt: chain?.attempt[at] ?? 0,
      start: chain?.start_ns[at] ?? 0,
      end: chain?.end_ns[at] ?? 0,
    })),
    spans,
    spansLeftOut: columns.spans_left_out ?? 0,
    tails: columns.tails ?? [],
    tables: { stages: columns.stages, attempts: columns.attempts },
  };
}

/**
 * @param {import("./contract.js").Columns} columns
 * @param {Attempt[]} attempts
 * @param {boolean} live
 * @returns {Stage[]}
 */
function readStages({ stages: c }, attempts, live) {
  const stages = c.id.map((id, at) => {
    const cached = Boolean(c.cached?.[at]);
    const allowFailure = Boolean(c.allow_failure?.[at]);
    const inferred = Boolean(c.inferred?.[at]);
    return {
      at,
      id,
      result: c.result[at],
      mark: markOf(c.result[at], { cached, allowed: allowFailure, running: live && inferred }),
      start: c.start_ns[at],
      end: c.end_ns[at],
      ready: c.ready_ns?.[at] ?? null,
      needs: c.needs?.[at] ?? [],
      dependents: /** @type {number[]} */ ([]),
      from: 0,
      to: 0,
      cost: c.cost_ns?.[at] ?? null,
      queue: c.queue_ns?.[at] ?? null,
      slack: c.slack_ns?.[at] ?? null,
      drag: c.drag_ns?.[at] ?? null,
      critical: Boolean(c.critical?.[at]),
      cached,
      saved: c.saved_ns?.[at] ?? null,
      inferred,
      cpu: c.cpu_ns?.[at] ?? null,
      memory: c.peak_memory_bytes?.[at] ?? null,
      exitCode: c.exit_code?.[at] ?? null,
      error: c.error?.[at] ?? null,
      group: c.group?.[at] ?? null,
      memberOf: c.member_of?.[at] ?? null,
      allowFailure,
      skipReason: c.skip_reason?.[at] ?? null,
      cachedFrom: c.cached_from?.[at] ?? null,
      pool: c.waited_for_pool?.[at] ?? null,
      childRun: c.child_run?.[at] ?? null,
      typical: c.typical_ns?.[at] ?? null,
      change: c.change?.[at] ?? null,
    };
  });
  for (const stage of stages) for (const need of stage.needs) stages[need]?.dependents.push(stage.at);
  // Attempts are sorted by stage.
  let next = 0;
  for (const stage of stages) {
    stage.from = next;
    while (next < attempts.length && attempts[next].stage === stage.at) next += 1;
    stage.to = next;
  }
  return stages;
}

/**
 * @param {import("./contract.js").Columns} columns
 * @param {boolean} live
 * @returns {Attempt[]}
 */
function readAttempts({ stages, attempts: c }, live) {
  /** @type {(path: string | 1 | null | undefined, stage: string, number: number, stream: string) => string | null} */
  const log = (path, stage, number, stream) => (path === 1 ? `logs/${stage}/${number}.${stream}.log` : (path ?? null));
  return c.stage.map((stage, at) => {
    const inferred = Boolean(c.inferred?.[at]);
    const allowed = Boolean(stages.allow_failure?.[stage]);
    return {
      at,
      stage,
      number: c.number[at],
      result: c.result[at],
      mark: markOf(c.result[at], { allowed, running: live && inferred }),
      start: c.start_ns[at],
      end: c.end_ns[at],
      ready: c.ready_ns?.[at] ?? null,
      backoff: c.backoff_ns?.[at] ?? 0,
      exitCode: c.exit_code?.[at] ?? null,
      signal: c.signal?.[at] ?? null,
      error: c.error?.[at] ?? null,
      user: c.cpu_user_ns?.[at] ?? null,
      system: c.cpu_system_ns?.[at] ?? null,
      memory: c.peak_memory_bytes?.[at] ?? null,
      treeMemory: c.tree_peak_memory_bytes?.[at] ?? null,
      worker: c.worker?.[at] ?? null,
      node: c.node?.[at] ?? null,
      read: c.io_read_bytes?.[at] ?? null,
      written: c.io_written_bytes?.[at] ?? null,
      oom: Boolean(c.oom?.[at]),
      pool: c.waited_for_pool?.[at] ?? null,
      inferred,
      stdout: log(c.stdout?.[at], stages.id[stage], c.number[at], "out"),
      stderr: log(c.stderr?.[at], stages.id[stage], c.number[at], "err"),
      spansFrom: 0,
      spansTo: 0,
    };
  });
}

/**
 * @param {import("./contract.js").SpanColumns | undefined} c
 * @param {Attempt[]} attempts
 * @returns {Spans}
 */
function readSpans(c, attempts) {
  const count = c?.name.length ?? 0;
  const spans = {
    count,
    names: c?.names ?? [],
    name: Int32Array.from(c?.name ?? []),
    attempt: Int32Array.from(c?.attempt ?? []),
    parent: Int32Array.from(c?.parent ?? []),
    depth: new Int32Array(count),
    start: Float64Array.from(c?.start_ns ?? []),
    end: new Float64Array(count),
    error: c?.error ? Uint8Array.from(c.error) : new Uint8Array(count),
  };
  for (let at = 0; at < count; at += 1) {
    spans.end[at] = spans.start[at] + (c?.duration_ns[at] ?? 0);
    const parent = spans.parent[at];
    // A parent mostly stands before its children; one that does not is read as none.
    spans.depth[at] = parent >= 0 && parent < at ? spans.depth[parent] + 1 : 0;
    const attempt = attempts[spans.attempt[at]];
    if (attempt === undefined) continue;
    if (attempt.spansTo === 0) attempt.spansFrom = at;
    attempt.spansTo = at + 1;
  }
  return spans;
}

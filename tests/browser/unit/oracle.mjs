// The worked example of the report's figures as page data: retry, cache hit, skip, spans, a log tail. Times in seconds here.

/** @type {(...seconds: (number | null)[]) => any[]} */
const ns = (...seconds) => seconds.map((one) => (one === null ? null : one * 1e9));

/**
 * @param {{[table: string]: any}} [change] of `columns`
 * @returns {import("../../../host/dashboard/contract.js").PageData}
 */
export function oracle(change = {}) {
  const columns = {
    start_time: 1763880000000000000,
    wall_ns: 30.25e9,
    slots: 2,
    cores: 2,
    stages: {
      id: [..."ABCDEFGHS"],
      result: ["success", "success", "success", "success", "success", "success", "success", "success", "skip"],
      start_ns: ns(0.5, 0.5, 4.5, 4.5, 7.5, 12.5, 16.5, 27, 10.5),
      end_ns: ns(4.5, 2.5, 16.5, 12.5, 10.5, 12.5, 26.5, 30, 10.5),
      ready_ns: ns(0.5, 0.5, 4.5, 4.5, 4.5, 12.5, 16.5, 26.5, 10.5),
      needs: [[], [], [0], [0], [0], [3], [2, 3], [5, 6], [4]],
      cost_ns: ns(4, 2, 10, 8, 3, 0, 10, 3, 0),
      queue_ns: ns(0, 0, 2, 0, 3, 0, 0, 0.5, 0),
      slack_ns: ns(0, 25, 0, 2, 20, 12, 0, 0, 20),
      drag_ns: ns(4, null, 2, null, null, null, 10, 3, null),
      critical: [1, 0, 1, 0, 0, 0, 1, 1, 0],
      cached: [0, 0, 0, 0, 0, 1, 0, 0, 0],
      saved_ns: ns(null, null, null, null, null, 5, null, null, null),
      cpu_ns: ns(3.9, 1.2, 8.1, 7.9, 2.1, null, 9.8, 2.9, null),
      typical_ns: ns(4.1, 2, 8, 8, 3, 5, 10, 4, null),
      change: ["same", "same", "slower", "same", "same", null, "same", "faster", null],
    },
    attempts: {
      stage: [0, 1, 2, 2, 3, 4, 6, 7],
      number: [1, 1, 1, 2, 1, 1, 1, 1],
      result: ["success", "success", "failure", "success", "success", "success", "success", "success"],
      start_ns: ns(0.5, 0.5, 4.5, 10.5, 4.5, 7.5, 16.5, 27),
      end_ns: ns(4.5, 2.5, 7.5, 16.5, 12.5, 10.5, 26.5, 30),
      backoff_ns: ns(0, 0, 0, 1, 0, 0, 0, 0),
      exit_code: [0, 0, 1, 0, 0, 0, 0, 0],
      error: [null, null, "=cmd, \"quoted\"\nand more", null, null, null, null, null],
      stdout: [1, 1, 1, 1, 1, 1, 1, 1],
      stderr: [1, 1, 1, 1, "elsewhere/d.log", 1, 1, null],
    },
    chain: { class: ["overhead", "execution"], stage: [null, 0], attempt: [null, 1], start_ns: ns(0, 0.5), end_ns: ns(0.5, 30.25) },
    // Nested in D, which runs from 4.5 to 12.5; the last one ends after it.
    spans: { names: ["load", "fit", "score"], name: [0, 1, 2], attempt: [4, 4, 4], parent: [-1, -1, -1], start_ns: ns(5, 7, 11), duration_ns: ns(3, 3, 2), error: [0, 0, 1] },
    tails: [{ stage: 2, attempt: 1, path: "logs/C/1.err.log", lines: ["Traceback"], omitted_bytes: 0 }],
    ...change,
  };
  return /** @type {any} */ ({ schema: "forensic.report/1", run: { id: "oracle", pipeline: "demo", profile: null, result: "success" }, columns });
}

// Files made from what the page holds.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { attemptsCsv, chromeTrace, csv, packLanes, stagesCsv } from "../../../host/dashboard/exports.js";
import { readModel } from "../../../host/dashboard/model.js";
import { oracle } from "./oracle.mjs";

const model = readModel(oracle());

describe("CSV", () => {
  it("is as RFC 4180 wants it", () => {
    assert.equal(csv(["a", "b"], [["x,y", 1.5], ['say "hi"', null], ["two\nlines", true]]), 'a,b\r\n"x,y",1.5\r\n"say ""hi""",\r\n"two\nlines",true\r\n');
  });

  it("does not let text act as a formula, and leaves numbers alone", () => {
    assert.equal(csv(["t"], [["=1+1"], ["+1"], ["-1"], ["@x"], ["\tx"], ["a=1"], [-5]]), "t\r\n'=1+1\r\n'+1\r\n'-1\r\n'@x\r\n'\tx\r\na=1\r\n-5\r\n");
  });

  it("has a row for each stage and each attempt", () => {
    const stages = stagesCsv(model).split("\r\n");
    assert.equal(stages.length, 11);
    assert.ok(stages[0].startsWith("stage,result,start_ns,end_ns,ready_ns,needs,cost_ns,"));
    assert.ok(stages[7].startsWith("G,success,16500000000,26500000000,16500000000,C D,10000000000,"));
    const attempts = attemptsCsv(model);
    assert.ok(attempts.includes("\r\nC,1,failure,4500000000,7500000000,0,1,"));
    assert.ok(attempts.includes(`,"'=cmd, ""quoted""\nand more",`));
  });
});

describe("Chrome's trace events", () => {
  it("hold each attempt and each span, in microseconds after the first", () => {
    const { traceEvents, otherData } = JSON.parse(chromeTrace(model));
    assert.deepEqual(otherData, { pipeline: "demo", run_id: "oracle" });
    const slices = traceEvents.filter((/** @type {any} */ event) => event.ph === "X");
    assert.equal(slices.length, 11);
    const retry = slices.find((/** @type {any} */ slice) => slice.name === "C (attempt 2)");
    assert.deepEqual([retry.ts, retry.dur, retry.cat, retry.args.result], [10_500_000, 6_000_000, "attempt", "success"]);
    assert.ok(traceEvents.every((/** @type {any} */ event) => event.pid === 1 && event.tid >= 1));
  });

  it("begin at zero where a clock says that something was before the run", () => {
    const attempts = { ...oracle().columns.attempts, start_ns: [-3e9, 0, 0, 0, 0, 0, 0, 0] };
    const events = JSON.parse(chromeTrace(readModel(oracle({ attempts })))).traceEvents;
    assert.equal(Math.min(...events.filter((/** @type {any} */ event) => event.ph === "X").map((/** @type {any} */ event) => event.ts)), 0);
  });

  it("are packed in lanes so that slices follow each other or stand in what they are part of", () => {
    let seed = 3;
    const roll = (/** @type {number} */ most) => (seed = (seed * 1103515245 + 12345) % 2147483648) % most;
    for (let round = 0; round < 40; round += 1) {
      const random = readModel(oracle(randomRun(roll)));
      const placed = packLanes(random);
      assert.equal(placed.length, random.attempts.length + random.spans.count);
      for (const a of placed) {
        for (const b of placed) {
          if (a === b || a.lane !== b.lane) continue;
          const apart = a.end <= b.start || b.end <= a.start;
          assert.ok(apart || isAround(random, a, b) || isAround(random, b, a), JSON.stringify([a, b]));
        }
      }
    }
  });

  it("are made in time that grows with the run", () => {
    const count = 100_000;
    const at = Array.from({ length: count }, (_, n) => n);
    const spans = { names: ["x"], name: at.map(() => 0), attempt: at.map(() => 7), parent: at.map((n) => n - 1), start_ns: at.map((n) => 27e9 + n), duration_ns: at.map((n) => 2 * (count - n)), error: at.map(() => 0) };
    const placed = packLanes(readModel(oracle({ spans })));
    assert.equal(placed.length, count + 8);
    assert.equal(Math.max(...new Set(placed.map(({ lane }) => lane))), 1);
  });
});

/**
 * @param {(most: number) => number} roll
 * @returns {{[table: string]: any}}
 */
function randomRun(roll) {
  const stages = Array.from({ length: 6 }, (_, at) => at);
  const starts = stages.map(() => roll(50));
  const spans = stages.flatMap((attempt) => {
    const all = Array.from({ length: roll(12) }, () => ({ attempt, start: starts[attempt] + roll(40), length: roll(30) }));
    return all.sort((a, b) => a.start - b.start || b.length - a.length);
  });
  const parents = spans.map(({ attempt }, at) => {
    const parent = roll(at + 2) - 1;
    return parent >= 0 && parent !== at && spans[parent].attempt === attempt ? parent : -1;
  });
  return {
    stages: { id: stages.map(String), result: stages.map(() => "success"), start_ns: starts, end_ns: starts.map((start) => start + 40), group: stages.map((at) => (at < 3 ? "x" : null)) },
    attempts: { stage: stages, number: stages.map(() => 1), result: stages.map(() => "success"), start_ns: starts, end_ns: starts.map((start) => start + 40) },
    spans: { names: ["s"], name: spans.map(() => 0), attempt: spans.map((one) => one.attempt), parent: parents, start_ns: spans.map((one) => one.start), duration_ns: spans.map((one) => one.length) },
  };
}

/**
 * Whether one slice encloses another that is part of it.
 * @param {import("../../../host/dashboard/model.js").Model} run
 * @param {import("../../../host/dashboard/exports.js").Slice} outer
 * @param {import("../../../host/dashboard/exports.js").Slice} inner
 */
function isAround(run, outer, inner) {
  if (outer.attempt !== inner.attempt || inner.start < outer.start || inner.end > outer.end) return false;
  let at = inner.span;
  while (at >= 0 && at !== outer.span) at = run.spans.parent[at];
  return at === outer.span;
}

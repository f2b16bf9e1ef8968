// From columns to what components draw.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MARKS, markOf, readModel } from "../../../host/dashboard/model.js";
import { oracle } from "./oracle.mjs";

describe("the model of a run", () => {
  it("joins stages, attempts and spans", () => {
    const { stages, attempts, spans, first, last } = readModel(oracle());
    assert.deepEqual(stages.map(({ id, from, to }) => `${id}${to - from}@${from}`), ["A1@0", "B1@1", "C2@2", "D1@4", "E1@5", "F0@6", "G1@6", "H1@7", "S0@8"]);
    assert.deepEqual([stages[0].dependents, stages[6].needs, stages[7].dependents], [[2, 3, 4], [2, 3], []]);
    assert.deepEqual([attempts[4].spansFrom, attempts[4].spansTo, attempts[0].spansTo], [0, 3, 0]);
    assert.deepEqual([...spans.end], [8e9, 10e9, 13e9]);
    assert.deepEqual([first, last], [0, 30.25e9]);
  });

  it("knows how each ended", () => {
    const { stages, attempts } = readModel(oracle());
    assert.equal(stages.map(({ mark }) => MARKS[mark].sign).join(""), "✓✓✓✓✓↺✓✓»");
    assert.deepEqual(attempts.filter(({ stage }) => stage === 2).map(({ mark }) => mark), ["failed", "ok"]);
    assert.deepEqual([markOf("timeout"), markOf("error", { allowed: true }), markOf("cancellation"), markOf("failure", { running: true })], ["failed", "allowed", "stopped", "running"]);
  });

  it("finds logs at their usual place, or where they are said to be", () => {
    const { attempts } = readModel(oracle());
    assert.deepEqual([attempts[3].stdout, attempts[3].stderr, attempts[4].stderr, attempts[7].stderr], ["logs/C/2.out.log", "logs/C/2.err.log", "elsewhere/d.log", null]);
  });

  it("takes what has no end for running while the run goes on, and only then", () => {
    const stages = { ...oracle().columns.stages, inferred: [0, 0, 0, 0, 0, 0, 1, 0, 0] };
    assert.equal(readModel(oracle({ stages }), true).stages[6].mark, "running");
    assert.equal(readModel(oracle({ stages })).stages[6].mark, "ok");
  });

  it("reads columns that hold nothing, and a run of nothing", () => {
    const bare = { stages: { id: ["only"], result: ["success"], start_ns: [-5], end_ns: [7] }, attempts: { stage: [0], number: [1], result: ["success"], start_ns: [-5], end_ns: [7] } };
    const one = readModel(oracle({ ...bare, wall_ns: 0, chain: undefined, spans: undefined, tails: undefined, slots: undefined, cores: null }));
    assert.deepEqual([one.first, one.last, one.hasNeeds, one.slots, one.cores, one.chain, one.tails, one.spans.count], [-5, 7, false, null, null, [], [], 0]);
    assert.deepEqual([one.stages[0].slack, one.stages[0].needs, one.attempts[0].backoff], [null, [], 0]);
    const empty = readModel(oracle({ stages: { id: [], result: [], start_ns: [], end_ns: [] }, attempts: { stage: [], number: [], result: [], start_ns: [], end_ns: [] }, spans: undefined, wall_ns: 0 }));
    assert.ok(empty.last > empty.first);
  });

  it("bears spans whose parents come later or are themselves, and needs that are nowhere", () => {
    const spans = { ...oracle().columns.spans, parent: [2, 1, 99] };
    const stages = { ...oracle().columns.stages, needs: [[99], [], [], [], [], [], [], [], []] };
    const { spans: read, stages: [first] } = readModel(oracle({ spans, stages }));
    assert.deepEqual([...read.depth], [0, 0, 0]);
    assert.deepEqual(first.needs, [99]);
  });
});

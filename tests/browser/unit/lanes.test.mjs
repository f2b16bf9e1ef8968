// The lanes of the timeline: order, folding, packing, rows of spans, and what stands below a point.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { hitAt } from "../../../host/dashboard/hits.js";
import {
  groupedStages,
  laneAt,
  layoutOf,
  orderedStages,
  packLines,
  sequenceOf,
} from "../../../host/dashboard/lanes.js";
import { readModel } from "../../../host/dashboard/model.js";
import { printedPieces } from "../../../host/dashboard/prints.js";
import { dashesOf, hueOf, placeAfter, spanNear, spanRowsOf } from "../../../host/dashboard/spanrows.js";
import { initialState } from "../../../host/dashboard/state.js";
import { oracle } from "./oracle.mjs";

const HEIGHTS = { label: 0, line: 24, span: 20 };
const plot = { left: 100, width: 1000 };

/** A run of stages `[id, start, end, member_of]`, one attempt each; spans `[stage, start, duration, parent, error]`. */
function modelOf(stages, spans = []) {
  const column = (at) => stages.map((stage) => stage[at] ?? null);
  const each = (value) => stages.map(() => value);
  return readModel({
    schema: "forensic.report/1",
    run: { id: "r", pipeline: "p", profile: null, result: "success" },
    columns: {
      start_time: 0,
      wall_ns: Math.max(0, ...stages.map((stage) => stage[2])),
      stages: { id: column(0), result: each("success"), start_ns: column(1), end_ns: column(2), member_of: column(3) },
      attempts: {
        stage: stages.map((_, at) => at),
        number: each(1),
        result: each("success"),
        start_ns: column(1),
        end_ns: column(2),
      },
      spans: {
        names: ["work"],
        name: spans.map(() => 0),
        attempt: spans.map((span) => span[0]),
        start_ns: spans.map((span) => span[1]),
        duration_ns: spans.map((span) => span[2]),
        parent: spans.map((span) => span[3] ?? -1),
        error: spans.map((span) => span[4] ?? 0),
      },
    },
  });
}
const choiceOf = (model, change = {}) => ({ ...initialState(model), ...change });
const matrix = modelOf([
  ["m.a", 0, 10, "m.{n}"],
  ["x", 5, 6],
  ["m.b", 10, 20, "m.{n}"],
  ["m.c", 12, 15, "m.{n}"],
]);

describe("order", () => {
  const model = readModel(oracle());
  const ids = (change) =>
    orderedStages(model, choiceOf(model, change))
      .map((stage) => stage.id)
      .join("");

  it("is by start, as declared, or longest first", () => {
    assert.equal(ids({}), "ABCDESFGH");
    assert.equal(ids({ order: "declared" }), "ABCDEFGHS");
    assert.ok(ids({ order: "duration" }).endsWith("FS"));
  });

  it("leaves out what filters hide", () => {
    assert.equal(ids({ only: "critical" }), "ACGH");
    assert.equal(ids({ find: "nowhere" }), "");
  });

  it("puts the members of a matrix together, where the first one stands", () => {
    assert.deepEqual(sequenceOf(matrix, choiceOf(matrix)), [0, 1, 2, 3]);
    assert.deepEqual(sequenceOf(matrix, choiceOf(matrix, { fold: true })), [0, 2, 3, 1]);
    assert.deepEqual(
      groupedStages(matrix.stages, true).map((group) => [group.name, group.stages.length]),
      [
        ["m.{n}", 3],
        ["", 1],
      ],
    );
  });
});

describe("layout", () => {
  it("has no lane for nothing", () => {
    const empty = modelOf([]);
    const layout = layoutOf(empty, choiceOf(empty), new Set(), HEIGHTS);
    assert.deepEqual([layout.lanes.length, layout.height, layout.count], [0, 0, 0]);
    assert.equal(laneAt(layout.lanes, 100), 0);
    assert.equal(hitAt(empty, layout, { from: 0, to: 1 }, plot, 200, 5), null);
  });

  it("folds a matrix into as few lines as needed", () => {
    const layout = layoutOf(matrix, choiceOf(matrix, { fold: true }), new Set(), HEIGHTS);
    assert.deepEqual(
      layout.lanes.map((lane) => [lane.kind, lane.text, lane.top, lane.height]),
      [
        ["group", "3 × m.{n}", 0, 48],
        ["stage", "x", 48, 24],
      ],
    );
    assert.deepEqual(layout.lanes[0].lines, [[0, 2], [3]]);
    assert.deepEqual(
      [0, 1, 2, 3].map((stage) => layout.middles.get(stage)),
      [12, 60, 12, 36],
    );
  });

  it("gives each member of an unfolded matrix a lane", () => {
    const layout = layoutOf(matrix, choiceOf(matrix, { fold: true }), new Set(["m.{n}"]), HEIGHTS);
    assert.deepEqual(
      layout.lanes.map((lane) => [lane.kind, lane.group]),
      [
        ["group", "m.{n}"],
        ["stage", "m.{n}"],
        ["stage", "m.{n}"],
        ["stage", "m.{n}"],
        ["stage", ""],
      ],
    );
  });

  it("counts members for which there is no line", () => {
    const model = modelOf(Array.from({ length: 100 }, (_, at) => [`m.${at}`, 0, 10, "m.{n}"]));
    const layout = layoutOf(model, choiceOf(model, { fold: true }), new Set(), HEIGHTS);
    assert.deepEqual(
      layout.lanes.map((lane) => lane.text),
      ["100 × m.{n}", "… 40 more at once"],
    );
  });

  it("shows names without control and bidi characters", () => {
    const model = modelOf([["a\u202Eb\u0000c\nd", 0, 1]]);
    assert.equal(layoutOf(model, choiceOf(model), new Set(), HEIGHTS).lanes[0].text, "a▯b▯c d");
  });

  it("finds what stands below a point", () => {
    const layout = layoutOf(matrix, choiceOf(matrix, { fold: true }), new Set(), HEIGHTS);
    const hit = (x, y) => hitAt(matrix, layout, { from: 0, to: 20 }, plot, x, y);
    const at = (x, y) => hit(x, y)?.stage;
    assert.deepEqual(
      [at(600 - 50, 10), at(800, 10), at(800, 30), at(300, 30), at(375, 60), at(50, 60)],
      [0, 2, 3, -1, 1, 1],
    );
    assert.equal(hit(375, 60)?.attempt, 1);
    assert.equal(hit(375, 90), null);
  });
});

describe("packing", () => {
  it("lets nothing overlap, and uses no line more than needed", () => {
    const items = Array.from({ length: 300 }, (_, at) => ({
      start: (at * 37) % 101,
      end: ((at * 37) % 101) + 1 + (at % 13),
    }));
    const lines = packLines(items, 1000);
    for (const line of lines) for (let at = 1; at < line.length; at += 1) assert.ok(line[at - 1].end <= line[at].start);
    const busy = Math.max(
      ...items.map(({ start }) => items.filter((item) => item.start <= start && start < item.end).length),
    );
    assert.equal(lines.length, busy);
    assert.equal(lines.flat().length, 300);
  });
});

describe("rows of spans", () => {
  it("put children below parents, and what happens at once side by side", () => {
    const model = modelOf(
      [["a", 0, 100]],
      [
        [0, 0, 90],
        [0, 0, 40, 0],
        [0, 10, 60, 0],
        [0, 50, 10, 0],
      ],
    );
    const { rows, deeper } = spanRowsOf(model, model.stages[0]);
    assert.deepEqual(
      rows.map((row) => [...row.at]),
      [[0], [1, 3], [2]],
    );
    assert.equal(deeper, 0);
  });

  it("stop somewhere, and say how many are left", () => {
    const model = modelOf(
      [["a", 0, 100]],
      Array.from({ length: 50 }, (_, at) => [0, at, 100 - at, at - 1]),
    );
    const layout = layoutOf(model, choiceOf(model, { open: new Set([0]) }), new Set(), HEIGHTS);
    assert.equal(layout.lanes.length, 42);
    assert.equal(layout.lanes[41].text, "… 10 deeper");
  });

  it("show each wide span, and those within a pixel as one that keeps their errors", () => {
    const spans = Array.from({ length: 1000 }, (_, at) => [0, at, 1, -1, at === 500 ? 1 : 0]);
    const model = modelOf([["a", 0, 10_000]], [...spans, [0, 1000, 5000]]);
    const row = spanRowsOf(model, model.stages[0]).rows[0];
    const dashes = dashesOf(model.spans, row, { from: 0, to: 10_000 }, plot);
    assert.equal(
      dashes.reduce((sum, dash) => sum + dash.count, 0),
      1001,
    );
    assert.ok(dashes.length <= 115);
    assert.deepEqual(
      dashes.filter((dash) => dash.error).map((dash) => Math.round(dash.x)),
      [150],
    );
    const last = dashes[dashes.length - 1];
    assert.deepEqual([last.at, last.count, Math.round(last.end - last.x)], [1000, 1, 500]);
    const near = dashesOf(model.spans, row, { from: 499, to: 501 }, plot);
    assert.deepEqual(near.map((dash) => [dash.at, dash.error]).slice(-3, -1), [
      [499, false],
      [500, true],
    ]);
  });

  it("are searched by halving", () => {
    const model = modelOf(
      [["a", 0, 100]],
      [
        [0, 0, 10],
        [0, 20, 10],
        [0, 40, 0],
      ],
    );
    const row = spanRowsOf(model, model.stages[0]).rows[0];
    assert.deepEqual(
      [-5, 10, 11, 30, 41].map((moment) => placeAfter(model.spans, row, moment, 0)),
      [0, 0, 1, 1, 3],
    );
    assert.deepEqual(
      [5, 14, 19, 25, 40, 60].map((moment) => spanNear(model.spans, row, moment, 2)),
      [0, -1, 1, 1, 2, -1],
    );
  });

  it("draw 100,000 spans in one row without looking at each", () => {
    const model = modelOf(
      [["a", 0, 1e6]],
      Array.from({ length: 100_000 }, (_, at) => [0, at * 10, 9]),
    );
    const row = spanRowsOf(model, model.stages[0]).rows[0];
    const began = performance.now();
    for (let turn = 0; turn < 20; turn += 1)
      assert.ok(dashesOf(model.spans, row, { from: 0, to: 1e6 }, plot).length <= 1001);
    assert.ok((performance.now() - began) / 20 < 20);
  });

  it("have one colour a name", () => {
    assert.equal(hueOf("fit"), hueOf("fit"));
    assert.ok(new Set(["load", "fit", "score", "a", "b", "c", "d", "e"].map(hueOf)).size > 2);
  });
});

describe("on paper", () => {
  it("lanes come in pieces that cut none, and end somewhere", () => {
    const lanes = Array.from({ length: 250 }, (_, at) => ({ top: at * 24, height: 24 }));
    const pieces = printedPieces(lanes);
    assert.deepEqual(pieces[0], { top: 0, height: 13 * 24 });
    assert.deepEqual(pieces.at(-1), { top: 195 * 24, height: 5 * 24 });
    assert.deepEqual(printedPieces([]), []);
    assert.deepEqual(printedPieces([{ top: 0, height: 5000 }]), [{ top: 0, height: 5000 }]);
  });
});

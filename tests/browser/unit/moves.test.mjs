// What keys, pointers and wheels do to the window and to the selection.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { wheelFactor } from "../../../host/dashboard/gestures.js";
import { cardOf, cardPlace } from "../../../host/dashboard/hover.js";
import { draggedWindow } from "../../../host/dashboard/minimap.js";
import { readModel } from "../../../host/dashboard/model.js";
import {
  failureAfter,
  inSight,
  panWindow,
  spokenStage,
  stepFrom,
  windowOn,
  zoomWindow,
} from "../../../host/dashboard/moves.js";
import { timelineSummary } from "../../../host/dashboard/timeline.js";
import { visibleText } from "../../../host/dashboard/words.js";
import { oracle } from "./oracle.mjs";

const model = readModel(oracle());
model.attempts[3].ready = 8.5e9;
model.stages[8].skipReason = "when";
const whole = { from: model.first, to: model.last };
const S = 1e9;

describe("the window", () => {
  it("zooms about a moment, which keeps its place", () => {
    const view = zoomWindow(model, { from: 0, to: 20 * S }, 0.5, 5 * S);
    assert.deepEqual(view, { from: 2.5 * S, to: 12.5 * S });
    assert.deepEqual(zoomWindow(model, view, 2, 5 * S), { from: 0, to: 20 * S });
  });

  it("never leaves the run, nor becomes nothing", () => {
    assert.deepEqual(zoomWindow(model, whole, 100), whole);
    assert.deepEqual(panWindow(model, { from: 0, to: 10 * S }, -5 * S), { from: 0, to: 10 * S });
    const smallest = zoomWindow(model, whole, 1e-30, 4 * S);
    assert.equal(smallest.to - smallest.from, 1000);
  });

  it("goes to a thing with a margin, and only if it is out of sight", () => {
    const { from, to } = windowOn(model, 10 * S, 20 * S);
    assert.deepEqual([from, to], [9.4 * S, 20.6 * S]);
    assert.deepEqual(inSight(model, { from: 0, to: 10 * S }, 9 * S, 12 * S), { from: 0, to: 10 * S });
    assert.deepEqual(inSight(model, { from: 0, to: 10 * S }, 16 * S, 18 * S), { from: 12 * S, to: 22 * S });
  });

  it("follows wheels of every kind, in bounds", () => {
    const wheel = (deltaY, ctrlKey = false, deltaMode = 0) => wheelFactor({ deltaY, ctrlKey, deltaMode });
    assert.ok(wheel(100) > 1 && wheel(-100) < 1 && wheel(0) === 1);
    assert.ok(Math.abs(wheel(3, false, 1) * wheel(-3, false, 1) - 1) < 1e-12);
    assert.ok(wheel(10, true) > wheel(10));
    assert.ok(wheel(1e9) < 2.1 && wheel(-1e9) > 0.48);
  });
});

describe("the map", () => {
  it("turns a drag into a window", () => {
    const before = { from: 5 * S, to: 10 * S };
    const drag = (began, now, view = before) => draggedWindow(model, view, began * S, now * S);
    assert.deepEqual(drag(7, 9), { from: 7 * S, to: 12 * S });
    assert.deepEqual(drag(7, 0), { from: 0, to: 5 * S });
    assert.deepEqual(drag(20, 14), { from: 14 * S, to: 20 * S });
    assert.deepEqual(drag(7, 9, whole), { from: 7 * S, to: 9 * S });
  });
});

describe("the selection", () => {
  it("steps in order and stops at the ends", () => {
    const sequence = [4, 2, 7];
    const steps = [
      [4, 1],
      [7, 1],
      [4, -1],
      [2, 10],
      [2, -Infinity],
      [-1, 1],
      [-1, -1],
      [-1, Infinity],
      [99, 1],
    ];
    assert.deepEqual(
      steps.map(([stage, by]) => stepFrom(sequence, stage, by)),
      [2, 7, 4, 7, 4, 4, 7, 7, 4],
    );
    assert.equal(stepFrom([], 3, 1), -1);
  });

  it("goes round the failures, those that count first", () => {
    const stages = ["ok", "allowed", "failed", "ok", "failed"].map((mark) => ({ mark }));
    const sequence = [0, 1, 2, 3, 4];
    assert.deepEqual(
      [-1, 2, 4, 1].map((stage) => failureAfter(stages, sequence, stage)),
      [2, 4, 1, 2],
    );
    assert.equal(failureAfter(stages, [0, 3], -1), -1);
  });

  it("is told in one sentence", () => {
    assert.equal(spokenStage(model.stages[2]), "C: ok, 10.0 s, 2 attempts, at +4.500 s, on the critical path");
    assert.equal(spokenStage(model.stages[8]), "S: skipped, at +10.5 s");
    assert.equal(
      timelineSummary(model, 9),
      "Timeline of 30.3 s: 9 of 9 stages shown, 1 cached, 1 skipped, 4 on the critical path",
    );
  });
});

describe("the card", () => {
  const linesOf = (target) => Object.fromEntries((cardOf(model, target)?.lines ?? []).filter(([, value]) => value));

  it("tells what an attempt did", () => {
    const lines = linesOf({ stage: 2, attempt: 3, span: -1 });
    assert.deepEqual(
      [lines.Attempt, lines.Time, lines.Ran, lines.Queued, lines["Back-off"]],
      ["2 of 2", "+10.5 s – +16.5 s", "6.000 s", "2.000 s", "1.000 s"],
    );
    assert.deepEqual(linesOf({ stage: 2, attempt: 2, span: -1 }).Status, "✗ failed");
    assert.equal(linesOf({ stage: 2, attempt: 2, span: -1 }).Exit, "1");
  });

  it("tells what did not run, and what a span did", () => {
    assert.deepEqual(linesOf({ stage: 8, attempt: -1, span: -1 }), {
      Status: "» skipped",
      Time: "+10.5 s",
      Reason: "when",
    });
    assert.equal(linesOf({ stage: 3, attempt: 4, span: 1 }).Took, "3.000 s");
    assert.equal(linesOf({ stage: 3, attempt: 4, span: 1 })["Span of"], "D");
    assert.equal(cardOf(model, { stage: -1, attempt: -1, span: -1 }), null);
  });

  it("stays inside the window", () => {
    for (const at of [0, 200, 399]) {
      const place = cardPlace(at, 180, 400);
      assert.ok(place >= 4 && place + 180 <= 396, `${at}: ${place}`);
    }
    assert.equal(cardPlace(10, 900, 400), 4);
  });
});

describe("text of others", () => {
  it("is one visible line of bounded length", () => {
    assert.equal(visibleText("a\u202Eb\tc\n\nd\u0007"), "a▯b c d▯");
    assert.equal(visibleText("x".repeat(10_000)).length, 400);
    assert.equal(visibleText("😀😀", 2), "…");
  });
});

// Axes: where a moment stands, and round numbers for ticks.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { plotOf, timeAt, timeTicks, valueTicks, xOf } from "../../../host/dashboard/scale.js";

const labels = (/** @type {[number, number, number]} */ ...range) => timeTicks(...range).map(({ label }) => label);

describe("the time axis", () => {
  it("has a plot inside of every width", () => {
    for (const width of [0, 50, 320, 420, 1400, 5000]) {
      const plot = plotOf(width);
      assert.ok(plot.left > 0 && plot.width >= 10);
      if (width >= 320) assert.ok(plot.left + plot.width < width);
    }
  });

  it("finds the moment of a place again", () => {
    const plot = plotOf(1000);
    const view = { from: -2e9, to: 30e9 };
    assert.equal(xOf(view.from, view, plot), plot.left);
    assert.equal(xOf(view.to, view, plot), plot.left + plot.width);
    for (const ns of [-2e9, 0, 1, 12_345_678_901, 30e9]) assert.ok(Math.abs(timeAt(xOf(ns, view, plot), view, plot) - ns) < 1e-3);
  });

  it("has ticks at round moments, each in the unit that fits", () => {
    assert.deepEqual(labels(0, 30.25e9, 8), ["0", "5 s", "10 s", "15 s", "20 s", "25 s", "30 s"]);
    assert.deepEqual(labels(0, 4e5, 4), ["0", "100 µs", "200 µs", "300 µs", "400 µs"]);
    assert.deepEqual(labels(0, 1, 8), ["0", "1 ns"]);
    assert.deepEqual(labels(0, 2000, 4), ["0", "500 ns", "1.0 µs", "1.5 µs", "2.0 µs"]);
    assert.deepEqual(labels(1e9, 1.08e9, 4), ["1.00 s", "1.02 s", "1.04 s", "1.06 s", "1.08 s"]);
    assert.deepEqual(labels(-1e9, 1e9, 4), ["-1.0 s", "-500 ms", "0", "500 ms", "1.0 s"]);
    assert.deepEqual(labels(0, 180e9, 6), ["0", "30 s", "1 min", "1 min 30 s", "2 min", "2 min 30 s", "3 min"]);
  });

  it("has few ticks in order, none twice, none outside, whatever the window", () => {
    for (let power = 0; power < 17; power += 1) {
      for (const [from, share] of [[0, 1], [-0.3, 2.7], [12.5, 3.3]]) {
        const size = 10 ** power;
        const [start, end] = [from * size, (from + share) * size];
        const ticks = timeTicks(start, end, 8);
        assert.ok(ticks.length <= 9, `${ticks.length} ticks from ${start} to ${end}`);
        assert.ok(ticks.every(({ at }, n) => at >= start && at <= end && (n === 0 || at > ticks[n - 1].at)));
        assert.equal(new Set(ticks.map(({ label }) => label)).size, ticks.length, ticks.map(({ label }) => label).join());
      }
    }
    assert.ok(timeTicks(5, 5, 8).length <= 1);
  });
});

describe("the value axis", () => {
  it("begins at nothing and reaches the largest value", () => {
    for (const max of [0, 0.3, 1, 1.21, 2, 7, 8, 96, 1e6]) {
      const ticks = valueTicks(max, 4);
      assert.ok(ticks[0] === 0 && ticks[ticks.length - 1] >= max, `${ticks} for ${max}`);
      assert.ok(ticks.length <= 6, `${ticks.length} ticks for ${max}`);
    }
  });

  it("counts in whole numbers where only those make sense", () => {
    for (const max of [0, 1, 2, 3, 10, 33]) assert.ok(valueTicks(max, 4, true).every(Number.isInteger), String(max));
  });
});

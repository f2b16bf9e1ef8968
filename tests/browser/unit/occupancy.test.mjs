import assert from "node:assert/strict";
import { test } from "node:test";

import { levelWords } from "../../../host/dashboard/concurrency.js";
import { readModel } from "../../../host/dashboard/model.js";
import { levelsOf, occupancyOf, resample, stepsOf } from "../../../host/dashboard/occupancy.js";

/** Numbers that look random and are the same each time. */
function dice(seed) {
  let state = seed;
  return (most) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % most;
  };
}

const areaOf = ({ time, value }) => time.slice(1).reduce((sum, at, n) => sum + value[n] * (at - time[n]), 0);
const close = (a, b) => assert.ok(Math.abs(a - b) <= 1e-6 * Math.max(1, Math.abs(a), Math.abs(b)), `${a} is not ${b}`);

function randomSpans(seed, height = () => 1) {
  const roll = dice(seed);
  return Array.from({ length: roll(60) }, () => {
    const start = roll(1000) - 100;
    return [start, start + roll(300) - 20, height(roll)];
  });
}

/** The worked example of the project: two slots, a retry with a pause, a stage that waits. */
function oracle() {
  const seconds = (...list) => list.map((value) => value * 1e9);
  return readModel({
    schema: "forensic.report/1",
    run: { id: "oracle", pipeline: "demo", profile: null, result: "success" },
    columns: {
      start_time: 0,
      wall_ns: 30.25e9,
      slots: 2,
      cores: 2,
      stages: {
        id: [..."ABCDEGH"],
        result: Array(7).fill("success"),
        start_ns: seconds(0.5, 0.5, 4.5, 4.5, 7.5, 16.5, 27),
        end_ns: seconds(4.5, 2.5, 16.5, 12.5, 10.5, 26.5, 30),
      },
      attempts: {
        stage: [0, 1, 2, 2, 3, 4, 5, 6],
        number: [1, 1, 1, 2, 1, 1, 1, 1],
        result: ["success", "success", "failure", ...Array(5).fill("success")],
        start_ns: seconds(0.5, 0.5, 4.5, 10.5, 4.5, 7.5, 16.5, 27),
        end_ns: seconds(4.5, 2.5, 7.5, 16.5, 12.5, 10.5, 26.5, 30),
        ready_ns: seconds(0.5, 0.5, 4.5, 8.5, 4.5, 4.5, 16.5, 26.5),
        backoff_ns: seconds(0, 0, 0, 1, 0, 0, 0, 0),
        cpu_user_ns: seconds(3.5, 1, 2.2, 6, 7.5, 2, 9.5, 2.8),
        cpu_system_ns: seconds(0.4, 0.2, 0.2, 0.3, 0.4, 0.1, 0.3, 0.1),
      },
    },
  });
}

test("the area of a step function is the sum of its spans, and it is never negative", () => {
  for (let seed = 1; seed < 200; seed += 1) {
    const spans = randomSpans(seed, (roll) => [1, 0.1, 0.3, 2.7][roll(4)]);
    const steps = stepsOf(spans);
    close(
      areaOf(steps),
      spans.reduce((sum, [start, end, height]) => sum + Math.max(end - start, 0) * height, 0),
    );
    assert.ok(steps.value.every((value) => value > -1e-9 && value <= steps.peak));
    assert.ok(
      steps.time.every((time, n) => n === 0 || time > steps.time[n - 1]),
      "moments are sorted and distinct",
    );
    assert.ok(Math.abs(steps.value.at(-1) ?? 0) < 1e-9, "nothing is left at the end");
  }
});

test("spans that touch do not overlap", () => {
  const steps = stepsOf([
    [0, 5, 1],
    [5, 9, 1],
  ]);
  assert.equal(steps.peak, 1);
  assert.deepEqual([...steps.time], [0, 5, 9]);
  assert.deepEqual([...steps.value], [1, 1, 0]);
});

test("a run of nothing has no steps, and what lasts no time, backwards or nobody knows adds none", () => {
  for (const spans of [
    [],
    [
      [3, 3, 1],
      [5, 2, 1],
      [0, 4, NaN],
    ],
  ]) {
    const steps = stepsOf(spans);
    assert.deepEqual([steps.time.length, steps.peak], [0, 0]);
    assert.deepEqual([...resample(steps, 0, 10, 3)], [0, 0, 0]);
    assert.deepEqual(levelsOf(steps, 0, 10), [10]);
  }
});

test("pixels keep the area and invent no peak, whatever the window", () => {
  for (let seed = 1; seed < 100; seed += 1) {
    const steps = stepsOf(randomSpans(seed));
    const whole = resample(steps, -200, 1500, 1 + (seed % 37));
    close(whole.reduce((sum, value) => sum + value, 0) * (1700 / whole.length), areaOf(steps));
    const roll = dice(seed + 1000);
    const from = roll(900);
    const part = resample(steps, from, from + 1 + roll(200), 50);
    assert.ok(part.every((mean) => mean >= 0 && mean <= steps.peak + 1e-9));
  }
});

test("the mean of a pixel is exact", () => {
  const steps = stepsOf([
    [1, 3, 1],
    [2, 3, 1],
  ]);
  assert.deepEqual(resample(steps, 0, 4, 2), [0.5, 1]);
  assert.deepEqual(resample(steps, 2.5, 2.75, 1), [2]);
});

test("the times of all levels sum to the window", () => {
  for (let seed = 1; seed < 100; seed += 1) {
    const steps = stepsOf(randomSpans(seed));
    const levels = levelsOf(steps, 100, 900);
    close(
      levels.reduce((sum, time) => sum + time, 0),
      800,
    );
    close(
      levels.reduce((sum, time, level) => sum + level * time, 0),
      resample(steps, 100, 900, 1)[0] * 800,
    );
  }
});

test("the worked example: 39 s of work, two levels, 5.5 s of waiting, 1 s of pause", () => {
  const [running, waiting, backoff, cpu] = occupancyOf(oracle());
  assert.deepEqual([running, waiting, backoff].map(areaOf), [39e9, 5.5e9, 1e9]);
  close(areaOf(cpu), 36.5e9);
  const levels = levelsOf(running, 0, 30.25e9);
  assert.deepEqual(levels, [1.25e9, 19e9, 10e9]);
  assert.equal(levelWords(levels, 2), "2 slots: all busy 33.1 % of the time shown, fewer 62.8 %, none 4.1 %.");
});

test("the use of slots in words, for every kind of limit", () => {
  const words = (levels, slots) => levelWords(levels, slots).replace(" of the time shown", "");
  assert.equal(words([100], 4), "4 slots: all busy 0.0 %, fewer 0.0 %, none 100.0 %.");
  assert.equal(words([10, 20, 30, 40], 3), "3 slots: all busy 40.0 %, fewer 50.0 %, none 10.0 %.");
  assert.equal(words([25, 75], 1), "1 slot: all busy 75.0 %, none 25.0 %.");
  assert.equal(words([10, 20, 30, 40], 0), "No limit of slots: 3 busy 40.0 %, fewer 50.0 %, none 10.0 %.");
  assert.equal(words([10, 20], 8), "8 slots: all busy 0.0 %, fewer 66.7 %, none 33.3 %.");
});

test("100,000 attempts are counted in well under a second", () => {
  const roll = dice(7);
  const spans = Array.from({ length: 100_000 }, (_, n) => [n * 10, n * 10 + roll(500), 1]);
  const began = performance.now();
  resample(stepsOf(spans), 0, 1_000_000, 1200);
  assert.ok(performance.now() - began < 1500);
});

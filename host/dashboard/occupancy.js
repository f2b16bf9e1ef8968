// How many attempts run, wait or pause at each moment and how much CPU they use: step functions.

/**
 * A step function: `value[n]` holds from `time[n]` up to `time[n + 1]`; before the first and from the last on it is 0.
 * @typedef {{time: number[], value: number[], peak: number}} Steps
 */

/** Running, waiting, pausing, CPU. @typedef {Steps[]} Occupancy */

/**
 * The sum of spans over time. Those that last no time or are not known add nothing.
 * @param {number[][]} spans of each: start, end, height
 * @returns {Steps}
 */
export function stepsOf(spans) {
  const changes = spans
    .filter(([start, end, height]) => end > start && height > 0)
    .flatMap(([start, end, height]) => [
      [start, height],
      [end, -height],
    ])
    .sort((a, b) => a[0] - b[0]);
  /** @type {number[]} */
  const time = [];
  /** @type {number[]} */
  const value = [];
  let sum = 0;
  for (const [at, by] of changes) {
    sum += by;
    if (time.at(-1) === at) value.pop();
    else time.push(at);
    value.push(sum);
  }
  return { time, value, peak: value.reduce((most, one) => Math.max(most, one), 0) };
}

/**
 * An attempt runs from its start to its end, waits from when it wants a slot to its start, and pauses before that.
 * Only the sum of its CPU time is known: it is spread evenly over the attempt.
 * @param {import("./model.js").Model} model
 * @returns {Occupancy}
 */
export function occupancyOf({ attempts, stages, last }) {
  // In a run that goes on there may be stages that wait for their first attempt.
  const queued = stages.filter(({ mark, from, to }) => mark === "running" && from === to);
  return [
    attempts.map(({ start, end }) => [start, end, 1]),
    [
      ...attempts.map(({ ready, start }) => [ready ?? start, start, 1]),
      ...queued.map(({ ready }) => [ready ?? last, last, 1]),
    ],
    attempts.map(({ ready, start, backoff }) => [(ready ?? start) - backoff, ready ?? start, 1]),
    attempts.map(({ start, end, user, system }) => [start, end, ((user ?? 0) + (system ?? 0)) / (end - start)]),
  ].map(stepsOf);
}

/**
 * A window in columns of one width: the mean over each, so that no peak is invented.
 * @param {Steps} steps
 * @param {number} from
 * @param {number} to
 * @param {number} columns
 * @returns {number[]}
 */
export function resample({ time, value }, from, to, columns) {
  const width = (to - from) / columns;
  let n = -1;
  return Array.from({ length: columns }, (_, column) => {
    const left = from + column * width;
    const right = left + width;
    for (let area = 0; ; n += 1) {
      const span = Math.min(time[n + 1] ?? right, right) - Math.max(time[n] ?? left, left);
      if (span > 0) area += span * (value[n] ?? 0);
      if (!(time[n + 1] <= right)) return area / width;
    }
  });
}

/**
 * How long each level lasts within a window, by level; the times sum to the window.
 * @param {Steps} steps that count
 * @param {number} from
 * @param {number} to
 * @returns {number[]}
 */
export function levelsOf({ time, value, peak }, from, to) {
  const levels = Array(peak + 1).fill(0);
  levels[0] = to - from;
  time.forEach((at, n) => {
    const span = Math.min(time[n + 1], to) - Math.max(at, from);
    if (!(span > 0)) return;
    levels[0] -= span;
    levels[value[n]] += span;
  });
  return levels;
}

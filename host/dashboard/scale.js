// Axes: time on x, shared by all charts of the run, and round numbers for ticks.

import { offset } from "./format.js";

/** @typedef {{left: number, width: number}} Plot the part of a chart that shows time, CSS pixels */

/**
 * @param {number} value
 * @param {number} least
 * @param {number} most
 * @returns {number}
 */
export function clamp(value, least, most) {
  return Math.min(Math.max(value, least), most);
}

/**
 * Where time begins on a chart of some width: charts below one another share it, so that a moment has one place.
 * @param {number} width
 * @returns {Plot}
 */
export function plotOf(width) {
  const left = Math.round(Math.min(Math.max(width * 0.2, 84), 240));
  return { left, width: Math.max(width - left - 12, 10) };
}

/**
 * @param {number} ns
 * @param {{from: number, to: number}} view
 * @param {Plot} plot
 * @returns {number} CSS pixels
 */
export function xOf(ns, view, plot) {
  return plot.left + ((ns - view.from) / (view.to - view.from)) * plot.width;
}

/**
 * The moment at a place; left and right of the plot, the first and the last one.
 * @param {number} x CSS pixels
 * @param {{from: number, to: number}} view
 * @param {Plot} plot
 * @returns {number} ns
 */
export function timeAt(x, view, plot) {
  return clamp(view.from + ((x - plot.left) / plot.width) * (view.to - view.from), view.from, view.to);
}

const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500].flatMap((n) => [n, n * 1e3, n * 1e6]).sort((a, b) => a - b);
const LONG_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];

/**
 * Round moments in a window.
 * @param {number} from ns
 * @param {number} to ns
 * @param {number} most how many there may be
 * @returns {{at: number, label: string}[]}
 */
export function timeTicks(from, to, most) {
  const rough = (to - from) / Math.max(most, 1);
  const steps = [...STEPS, ...LONG_STEPS.map((s) => s * 1e9)];
  const day = 86400e9;
  const step = steps.find((s) => s >= rough) ?? Math.ceil(rough / day) * day;
  const ticks = [];
  for (let n = Math.ceil(from / step); n * step <= to; n += 1) ticks.push({ at: n * step, label: tickLabel(n * step, step) });
  return ticks;
}

/**
 * @param {number} ns
 * @param {number} step
 * @returns {string}
 */
function tickLabel(ns, step) {
  if (ns === 0) return "0";
  const size = Math.abs(ns);
  /** @type {(unit: number) => string} */
  const digits = (unit) => (ns / unit).toFixed(Math.max(0, Math.ceil(-Math.log10(step / unit) - 1e-9)));
  if (size < 1e3 && step < 1e3) return `${ns} ns`;
  if (size < 1e6 && step < 1e6) return `${digits(1e3)} µs`;
  if (size < 1e9 && step < 1e9) return `${digits(1e6)} ms`;
  if (size < 60e9 || step < 1e9) return `${digits(1e9)} s`;
  return offset(ns).replace(/^\+/, "").replace(/ 0\.0 s$/, "").replace(/ 0 min$/, "").replace(/\.0 s$/, " s");
}

/**
 * Round numbers from 0 to at least `max`.
 * @param {number} max
 * @param {number} most
 * @param {boolean} [whole] whether only whole numbers make sense
 * @returns {number[]}
 */
export function valueTicks(max, most, whole = false) {
  const rough = Math.max(max, whole ? 1 : 1e-9) / Math.max(most, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max([1, 2, 5, 10].map((n) => n * power).find((s) => s >= rough - 1e-12) ?? rough, whole ? 1 : 0);
  const ticks = [];
  for (let n = 0; n * step < max + step * 0.999; n += 1) ticks.push(n * step);
  return ticks;
}

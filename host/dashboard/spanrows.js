// The spans of one stage as rows in which none lies upon another, and what a row shows in a window: no more marks than
// pixels.

import { timeAt, xOf } from "./scale.js";

/**
 * @typedef {object} SpanRow
 * @property {number[]} at positions of spans, by start; none overlaps the next
 * @property {number[]} errors how many of those before a place have failed
 */

const MOST_ROWS = 40;
/** Series colours that neither mean trouble nor are too pale. */
const HUES = /** @type {const} */ (["s0", "s1", "s2", "s3", "s4", "s6"]);

/**
 * A span stands below its parent, in the first row that is free at its start.
 * @param {import("./model.js").Model} model
 * @param {import("./model.js").Stage} stage
 * @returns {{rows: SpanRow[], deeper: number}} `deeper`: how many spans found no row
 */
export function spanRowsOf({ spans, attempts }, stage) {
  /** @type {SpanRow[]} */
  const rows = [];
  /** @type {number[]} */
  const ends = [];
  /** @type {Map<number, number>} */
  const rowOf = new Map();
  let deeper = 0;
  for (const { spansFrom, spansTo } of attempts.slice(stage.from, stage.to)) {
    for (let at = spansFrom; at < spansTo; at += 1) {
      let place = (rowOf.get(spans.parent[at]) ?? -1) + 1;
      while (ends[place] > spans.start[at]) place += 1;
      rowOf.set(at, place);
      if (place >= MOST_ROWS) deeper += 1;
      else {
        const row = (rows[place] ??= { at: [], errors: [0] });
        row.errors.push(row.errors[row.at.length] + spans.error[at]);
        row.at.push(at);
        ends[place] = spans.end[at];
      }
    }
  }
  return { rows, deeper };
}

/**
 * The first place from `low` on whose span ends at or after a moment.
 * @param {import("./model.js").Spans} spans
 * @param {SpanRow} row
 * @param {number} moment
 * @param {number} low
 * @returns {number}
 */
export function placeAfter(spans, row, moment, low) {
  let high = row.at.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (spans.end[row.at[middle]] < moment) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * @typedef {object} Dash
 * @property {number} x
 * @property {number} end x
 * @property {number} at the span, or the first of several
 * @property {number} count how many spans share this mark, because each is narrower than a pixel
 * @property {boolean} error
 */

/**
 * What a row shows in a window: one mark a span, or one for all spans within a pixel. Work grows with pixels, not with
 * spans.
 * @param {import("./model.js").Spans} spans
 * @param {SpanRow} row
 * @param {{from: number, to: number}} view
 * @param {import("./scale.js").Plot} plot
 * @returns {Dash[]}
 */
export function dashesOf(spans, row, view, plot) {
  const dashes = [];
  const right = plot.left + plot.width;
  let place = placeAfter(spans, row, view.from, 0);
  while (place < row.at.length && spans.start[row.at[place]] <= view.to) {
    const at = row.at[place];
    const x = Math.max(xOf(spans.start[at], view, plot), plot.left);
    const end = Math.min(xOf(spans.end[at], view, plot), right);
    let next = place + 1;
    if (end - x < 1) next = Math.max(next, placeAfter(spans, row, timeAt(x + 1, view, plot), next));
    dashes.push({ x, end: Math.max(end, x + 1), at, count: next - place, error: row.errors[next] > row.errors[place] });
    place = next;
  }
  return dashes;
}

/**
 * The span at a moment, or the nearest one within `reach`.
 * @param {import("./model.js").Spans} spans
 * @param {SpanRow} row
 * @param {number} moment
 * @param {number} reach ns
 * @returns {number} -1: none
 */
export function spanNear(spans, row, moment, reach) {
  for (const slack of [0, reach]) {
    const at = row.at[placeAfter(spans, row, moment - slack, 0)];
    if (at !== undefined && spans.start[at] <= moment + slack) return at;
  }
  return -1;
}

/**
 * One colour a name, the same in every run.
 * @param {string} name
 * @returns {typeof HUES[number]}
 */
export function hueOf(name) {
  let hash = 0;
  for (const letter of name.slice(0, 200)) hash = (hash * 31 + letter.charCodeAt(0)) >>> 0;
  return HUES[hash % HUES.length];
}

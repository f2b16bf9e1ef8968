// What stands below a point of the timeline: lane, stage, attempt, span. The opposite of drawing.

import { beginOf } from "./bars.js";
import { laneAt } from "./lanes.js";
import { timeAt } from "./scale.js";
import { spanNear } from "./spanrows.js";

/**
 * Positions; -1: none.
 * @typedef {{lane: import("./lanes.js").Lane, stage: number, attempt: number, span: number}} Hit
 */

/** A finger or a shaky hand may miss a bar by so much, CSS pixels. */
const REACH = 5;

/**
 * The thing nearest to a moment.
 * @param {{at: number, start: number, end: number}[]} things
 * @param {number} moment
 * @param {number} reach ns
 * @returns {number} -1: none within reach
 */
function nearest(things, moment, reach) {
  let best = -1;
  for (const { at, start, end } of things) {
    const away = Math.max(start - moment, moment - end, 0);
    if (away <= reach) [best, reach] = [at, away];
  }
  return best;
}

/**
 * @param {import("./model.js").Model} model
 * @param {import("./lanes.js").Layout} layout
 * @param {{from: number, to: number}} view
 * @param {import("./scale.js").Plot} plot
 * @param {number} x CSS pixels
 * @param {number} y CSS pixels below the first lane's top
 * @returns {Hit | null}
 */
export function hitAt({ stages, attempts, spans }, { lanes, heights }, view, plot, x, y) {
  const lane = lanes[laneAt(lanes, y)];
  if (lane === undefined || lane.kind === "note" || y >= lane.top + lane.height) return null;
  const hit = { lane, stage: lane.stage, attempt: -1, span: -1 };
  if (x < plot.left) return hit;
  const moment = timeAt(x, view, plot);
  const reach = ((view.to - view.from) / plot.width) * REACH;
  if (lane.spans) {
    hit.span = spanNear(spans, lane.spans, moment, reach);
    hit.attempt = spans.attempt[hit.span] ?? -1;
    return hit;
  }
  if (lane.kind === "group") {
    const line = lane.lines[Math.floor((y - lane.top - heights.label) / heights.line)] ?? [];
    hit.stage = nearest(line.map((at) => stages[at]), moment, reach);
  }
  const stage = stages[hit.stage];
  const parts = attempts.slice(stage?.from, stage?.to ?? 0).map((part) => ({ ...part, start: beginOf(part) }));
  hit.attempt = nearest(parts, moment, reach);
  return hit;
}

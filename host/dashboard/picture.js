// One picture of the timeline: axis, the lanes that are in sight, labels, dependencies of what is in focus, the window
// being drawn.

import { drawArrow, drawMembers, drawSpans, drawStage } from "./bars.js";
import { offset } from "./format.js";
import { laneAt } from "./lanes.js";
import { MARKS } from "./model.js";
import { hasSpans } from "./moves.js";
import { clamp, timeAt, timeTicks } from "./scale.js";
import { LABEL_FONT, fitted } from "./surface.js";

/** Height of the axis, CSS pixels. */
export const AXIS = 28;
const MOST_ARROWS = 200;

/**
 * What a picture shows, beside what its pen knows.
 * @typedef {object} Scene
 * @property {import("./lanes.js").Layout} layout
 * @property {import("./state.js").State} state
 * @property {ReadonlySet<string>} unfolded
 * @property {number} scroll CSS pixels
 * @property {number} width
 * @property {number} height
 * @property {number} hovered stage, -1: none
 * @property {number} pointer x of the pointer, -1: elsewhere
 * @property {{from: number, to: number} | null} brush
 */

/** @typedef {import("./pen.js").Pen} Pen */

/**
 * @param {Pen} pen
 * @param {Scene} scene
 */
export function drawTimeline(pen, scene) {
  const { context, plot, fill } = pen;
  const { layout, state, height, width, scroll, brush, hovered } = scene;
  const { line } = layout.heights;
  drawAxis(pen, scene);
  context.save();
  clipTo(context, 0, AXIS, width, height);
  context.translate(0, AXIS - scroll);
  for (const stage of new Set([hovered, state.stage])) {
    const middle = layout.middles.get(stage) ?? NaN;
    const selected = stage === state.stage;
    fill(selected ? "link" : "dim", 0, middle - line / 2, width, line, 0.12);
    if (selected) fill("link", 0, middle - line / 2, 3, line);
  }
  const lanes = layout.lanes.slice(laneAt(layout.lanes, scroll), laneAt(layout.lanes, scroll + height) + 1);
  for (const lane of lanes) drawLabel(pen, scene, lane);
  clipTo(context, plot.left, scroll, width, height);
  for (const { kind, stage, spans, lines, top, height: tall } of lanes) {
    const y = top + layout.heights.label + line / 2;
    if (spans) drawSpans(pen, spans, top + tall / 2, state.span);
    if (kind === "group") for (const [at, stages] of lines.entries()) drawMembers(pen, stages, y + at * line);
    if (kind === "stage") drawStage(pen, pen.model.stages[stage], y);
  }
  drawDependencies(pen, scene);
  context.restore();
  if (lanes.length === 0) pen.write("dim", "No stages to show.", 8, AXIS + 20);
  if (brush !== null) fill("link", pen.at(brush.from), 0, pen.at(brush.to) - pen.at(brush.from), height, 0.2);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {number} x
 * @param {number} y
 * @param {number} width
 * @param {number} height
 */
function clipTo(context, x, y, width, height) {
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
}

/**
 * The lane's name, with a sign where it can be opened, its mark, and bold if it is critical.
 * @param {Pen} pen
 * @param {Scene} scene
 * @param {import("./lanes.js").Lane} lane
 */
function drawLabel({ context, model, plot, fill, write }, { layout, state, unfolded, width }, lane) {
  const { label, line } = layout.heights;
  const { kind, group, top } = lane;
  const stage = kind === "stage" ? model.stages[lane.stage] : undefined;
  const above = label > 0 && kind !== "note";
  const y = top + (above ? label / 2 + 2 : line / 2);
  const indent = stage && group ? 12 : 0;
  const x = indent + (kind === "group" ? 24 : 37);
  if (kind === "group") for (const edge of [top, top + lane.height]) fill("line", 0, edge, width, 1);
  const open = stage ? state.open.has(stage.at) : unfolded.has(group);
  if (kind === "group" || hasSpans(model, stage)) write("dim", open ? "−" : "+", indent + 8, y);
  if (stage) {
    const { sign, color } = MARKS[stage.mark];
    const ok = stage.mark === "ok";
    write(ok ? "fg" : color, !ok ? sign : stage.critical ? "•" : "", x - 14, y);
    if (stage.critical) context.font = `600 ${LABEL_FONT}`;
  }
  write(kind === "note" ? "dim" : "fg", fitted(context, lane.text, (above ? width : plot.left) - x - 8), x, y);
  context.font = LABEL_FONT;
}

/**
 * @param {Pen} pen
 * @param {Scene} scene
 */
function drawDependencies(pen, { layout, hovered, state }) {
  const { stages } = pen.model;
  const focus = stages[hovered] ?? stages[state.stage];
  /** @type {(before: number, after: number) => void} */
  const connect = (before, after) => {
    const [top, bottom] = [layout.middles.get(before), layout.middles.get(after)];
    if (top === undefined || bottom === undefined) return;
    const { ready, start } = stages[after];
    const end = Math.min(ready ?? start, start);
    drawArrow(pen, pen.at(stages[before].end), top, pen.at(end), bottom, before === focus.at);
  };
  for (const need of focus?.needs.slice(0, MOST_ARROWS) ?? []) connect(need, focus.at);
  for (const dependent of focus?.dependents.slice(0, MOST_ARROWS) ?? []) connect(focus.at, dependent);
}

/**
 * @param {Pen} pen
 * @param {Scene} scene
 */
function drawAxis({ view, plot, right, at, fill, write, wide }, { width, height, pointer }) {
  const pointed = pointer >= plot.left && pointer <= right;
  /** @type {(color: import("./pen.js").Token, text: string, x: number) => void} */
  const label = (color, text, x) => {
    const half = wide(text) / 2;
    write(color, text, clamp(x, plot.left + half, right + 10 - half) - half, AXIS / 2);
  };
  fill("line", 0, AXIS - 1, width, 1);
  for (const tick of timeTicks(view.from, view.to, Math.max(plot.width / 95, 4))) {
    const x = at(tick.at);
    fill("line", Math.round(x), AXIS - 6, 1, height);
    // What the pointer says stands in place of what is round.
    if (!pointed || Math.abs(x - pointer) > 75) label("dim", tick.label, x);
  }
  if (pointed) label("fg", offset(timeAt(pointer, view, plot)), pointer);
}

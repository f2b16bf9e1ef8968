// The bars of a timeline: back-off dotted, queue hollow, run solid, finish thin; failures hatched; spans; arrows.

import { duration } from "./format.js";
import { MARKS } from "./model.js";
import { THICK } from "./pen.js";
import { clamp } from "./scale.js";
import { dashesOf, hueOf } from "./spanrows.js";
import { visibleText } from "./words.js";

/** @typedef {import("./pen.js").Pen} Pen */
/** @typedef {import("./model.js").Stage} Stage */
/** @typedef {import("./model.js").Attempt} Attempt */

/**
 * @param {Attempt} attempt
 * @returns {number} when its pause or its queue began
 */
export function beginOf({ ready, start, backoff }) {
  return Math.min(ready ?? start, start) - backoff;
}

/**
 * Sign and colour of what did not go well; both empty for what did.
 * @param {import("./model.js").Mark} mark
 * @returns {{sign: string, color: import("./pen.js").Token | ""}}
 */
function troubleOf(mark) {
  return mark === "ok" || mark === "running" ? { sign: "", color: "" } : MARKS[mark];
}

/**
 * One attempt with what came before it.
 * @param {Pen} pen
 * @param {Attempt} attempt
 * @param {number} y middle of the lane
 * @param {boolean} critical
 * @param {boolean} waits whether to draw queue and back-off
 * @returns {{left: number, x: number, end: number} | null} where it and its solid part begin; null: it is not seen
 */
function drawAttempt(pen, attempt, y, critical, waits) {
  const begin = beginOf(attempt);
  if (attempt.end < pen.view.from || begin > pen.view.to) return null;
  const [left, ready, x] = [begin, begin + attempt.backoff, attempt.start].map(pen.at);
  if (waits) {
    pen.outline("dim", ready, x, y, 9);
    for (let dot = left + 2; dot < ready - 2; dot += 5) pen.fill("fg", dot, y - 1, 2, 2);
  }
  const end = Math.max(pen.at(attempt.end), x + 1.5);
  const { color } = troubleOf(attempt.mark);
  pen.bar(color || "s0", x, end, y, color !== "");
  // What still runs has no end yet.
  if (attempt.mark === "running") pen.head("s0", end + 7, y, THICK / 2);
  if (critical) pen.outline("fg", x, end, y, THICK, 2);
  return { left, x, end };
}

/**
 * A stage on a lane of its own: every attempt, the time until it was done, and how long it took.
 * @param {Pen} pen
 * @param {Stage} stage
 * @param {number} y
 */
export function drawStage(pen, stage, y) {
  const { attempts } = pen.model;
  if (stage.from === stage.to) return drawWithoutAttempts(pen, stage, y);
  let [first, right, labelled] = [Infinity, -Infinity, false];
  for (const attempt of attempts.slice(stage.from, stage.to)) {
    const bar = drawAttempt(pen, attempt, y, stage.critical, true);
    if (bar === null) continue;
    const { sign, color } = troubleOf(attempt.mark);
    const text = `${sign} ${duration(attempt.end - attempt.start)}`.trim();
    if (pen.inside(text, bar.x, bar.end, y, color)) labelled = true;
    else if (sign) pen.inside(sign, bar.x, bar.end, y, color);
    first = Math.min(first, bar.left);
    right = Math.max(right, bar.end);
  }
  if (right < first) return;
  const finish = Math.max(pen.at(stage.end), right);
  pen.fill("dim", right, y - 1, finish - right, 2);
  if (labelled) return;
  const { sign, color } = troubleOf(attempts[stage.to - 1].mark);
  const text = `${sign} ${duration(stage.cost ?? stage.end - stage.start)}`.trim();
  const before = first - pen.wide(text) - 5;
  const after = Math.max(finish, pen.plot.left) + 5;
  if (after + pen.wide(text) < pen.right) pen.write(color || "dim", text, after, y);
  else if (before > pen.plot.left) pen.write(color || "dim", text, before, y);
}

/**
 * A stage that was skipped, taken from the cache, or of which no attempt is known.
 * @param {Pen} pen
 * @param {Stage} stage
 * @param {number} y
 */
function drawWithoutAttempts(pen, { start, end, mark, saved }, y) {
  if (end < pen.view.from || start > pen.view.to) return;
  const { sign, word, color } = MARKS[mark];
  if (color === "dim") pen.outline(color, pen.at(start), pen.at(end), y, 11);
  else pen.bar(troubleOf(mark).color || "s0", pen.at(start), pen.at(end), y, mark !== "ok");
  const text = `${sign} ${word}${saved ? `, saved ${duration(saved)}` : ""}`;
  pen.write(color, text, clamp(pen.at(end) + 4, pen.plot.left, pen.right - pen.wide(text)), y);
}

/**
 * Members of a folded group on one line: only runs. What is narrower than a pixel is drawn once.
 * @param {Pen} pen
 * @param {number[]} stages by start
 * @param {number} y
 */
export function drawMembers(pen, stages, y) {
  const { model } = pen;
  let drawn = "";
  for (const stage of stages.map((at) => model.stages[at])) {
    const pixel = `${Math.round(pen.at(stage.end))} ${stage.mark}`;
    if (pixel === drawn) continue;
    drawn = pixel;
    const { sign, color } = MARKS[stage.mark];
    if (stage.from === stage.to) pen.write(color, sign, pen.at(stage.start) - 4, y);
    for (const attempt of model.attempts.slice(stage.from, stage.to)) {
      const bar = drawAttempt(pen, attempt, y, stage.critical, attempt.at > stage.from);
      if (bar === null) continue;
      // A thin gap, so that neighbours can be told apart.
      if (bar.end - bar.x > 4 && !stage.critical) pen.fill("bg", bar.end - 1, y - THICK / 2, 1, THICK);
      pen.inside(visibleText(stage.id), bar.x, bar.end, y, troubleOf(attempt.mark).color, true);
    }
  }
}

/**
 * @param {Pen} pen
 * @param {import("./spanrows.js").SpanRow} row
 * @param {number} y middle
 * @param {number} selected position of a span
 */
export function drawSpans(pen, row, y, selected) {
  const { spans } = pen.model;
  for (const { x, end, at, count, error } of dashesOf(spans, row, pen.view, pen.plot)) {
    const name = spans.names[spans.name[at]];
    // A gap between neighbours where there is room for one.
    const stop = end - x > 4 ? end - 1 : end;
    pen.bar(error ? "bad" : count > 1 ? "s7" : hueOf(name), x, stop, y, error);
    if (at === selected && count === 1) pen.outline("fg", x, stop, y, THICK - 2, 2);
    if (stop - x > 30) pen.inside((error ? "✗ " : "") + visibleText(name), x, stop, y, error ? "bad" : "", true);
  }
}

/**
 * A dependency as a curve with a head: solid for what a stage needs, dashed for what needs it.
 * @param {Pen} pen
 * @param {number} x
 * @param {number} top
 * @param {number} end x
 * @param {number} bottom
 * @param {boolean} dashed
 */
export function drawArrow({ context, colors, head }, x, top, end, bottom, dashed) {
  const bend = clamp(Math.abs(end - x) / 2, 14, 60);
  const color = dashed ? "s1" : "link";
  context.strokeStyle = colors[color];
  context.lineWidth = 1.5;
  context.setLineDash(dashed ? [5, 3] : []);
  context.beginPath();
  context.moveTo(x, top);
  context.bezierCurveTo(x + bend, top, end - bend - 6, bottom, end - 6, bottom);
  context.stroke();
  context.setLineDash([]);
  head(color, end, bottom, 4);
}

// Which lanes a timeline has, from top to bottom: order, filters, folded matrices, rows of spans. Nothing here draws.

import { integer } from "./format.js";
import { spanRowsOf } from "./spanrows.js";
import { isShown } from "./state.js";
import { visibleText } from "./words.js";

/** @typedef {import("./model.js").Model} Model */
/** @typedef {import("./model.js").Stage} Stage */

/**
 * @typedef {object} Lane
 * @property {"stage" | "group" | "spans" | "note"} kind
 * @property {number} stage -1 for a group
 * @property {string} text its label
 * @property {string} group name of the group that it heads or belongs to, else empty
 * @property {number[][]} lines the stages on each of its lines
 * @property {import("./spanrows.js").SpanRow} [spans]
 * @property {number} top CSS pixels below the first lane's top
 * @property {number} height
 */

/**
 * Of a label above its bars (0: it stands beside them), of a line of stages, of a row of spans or a note; CSS pixels.
 * @typedef {{label: number, line: number, span: number}} Heights
 */
/**
 * `middles` tells where the line of each stage that is shown has its middle.
 * @typedef {{lanes: Lane[], height: number, count: number, middles: Map<number, number>, heights: Heights}} Layout
 */
/** @typedef {Pick<import("./state.js").State, "find" | "only" | "order" | "fold" | "open">} Choice */

const MOST_LINES = 60;

/**
 * The stages that the filters leave, in the chosen order.
 * @param {Model} model
 * @param {Choice} choice
 * @returns {Stage[]}
 */
export function orderedStages(model, choice) {
  const shown = model.stages.filter((stage) => isShown(stage, /** @type {import("./state.js").State} */ (choice)));
  /** @type {Record<string, (stage: Stage) => number>} */
  const ranks = { start: (stage) => stage.start, duration: (stage) => -(stage.cost ?? stage.end - stage.start) };
  const rank = ranks[choice.order];
  return rank ? shown.sort((a, b) => rank(a) - rank(b)) : shown;
}

/**
 * Stages one by one, or with the members of one matrix together where its first member stands.
 * @param {Stage[]} stages
 * @param {boolean} fold
 * @returns {{name: string, stages: Stage[]}[]} a stage on its own has no name
 */
export function groupedStages(stages, fold) {
  /** @type {Map<string | number, {name: string, stages: Stage[]}>} */
  const groups = new Map();
  for (const stage of stages) {
    const name = (fold && stage.memberOf) || "";
    const group = groups.get(name);
    if (name && group) group.stages.push(stage);
    else groups.set(name || stage.at, { name, stages: [stage] });
  }
  return [...groups.values()];
}

/**
 * The stages from top to bottom.
 * @param {Model} model
 * @param {Choice} choice
 * @returns {number[]} positions
 */
export function sequenceOf(model, choice) {
  const groups = groupedStages(orderedStages(model, choice), choice.fold);
  return groups.flatMap(({ stages }) => stages.map(({ at }) => at));
}

/**
 * Puts things into as few lines as needed for none to lie upon another; no more lines than `most`, what is over is left
 * out.
 * @template {{start: number, end: number}} Item
 * @param {Item[]} items
 * @param {number} most
 * @returns {Item[][]} each line in order of time
 */
export function packLines(items, most) {
  /** @type {Item[][]} */
  const lines = [];
  for (const item of [...items].sort((a, b) => a.start - b.start || b.end - a.end)) {
    const free = lines.find((line) => line[line.length - 1].end <= item.start);
    if (free) free.push(item);
    else if (lines.length < most) lines.push([item]);
  }
  return lines;
}

/**
 * @param {Model} model
 * @param {Choice} choice
 * @param {ReadonlySet<string>} unfolded names of groups whose members have lanes of their own
 * @param {Heights} heights
 * @returns {Layout}
 */
export function layoutOf(model, choice, unfolded, heights) {
  const shown = orderedStages(model, choice);
  /** @type {Lane[]} */
  const lanes = [];
  /** @type {Map<number, number>} */
  const middles = new Map();
  let top = 0;
  /**
   * @param {Lane["kind"]} kind
   * @param {number} stage
   * @param {string} text
   * @param {string} [group]
   * @param {number[][]} [lines]
   * @param {Lane["spans"]} [spans]
   */
  const add = (kind, stage, text, group = "", lines = [], spans = undefined) => {
    const own = kind === "stage" || kind === "group";
    const height = own ? heights.label + heights.line * Math.max(lines.length, 1) : heights.span;
    for (const [line, stages] of lines.entries())
      for (const at of stages) middles.set(at, top + heights.label + (line + 0.5) * heights.line);
    lanes.push({ kind, stage, text, group, lines, spans, top, height });
    top += height;
  };
  for (const { name, stages } of groupedStages(shown, choice.fold)) {
    const folded = name !== "" && !unfolded.has(name);
    const lines = folded ? packLines(stages, MOST_LINES).map((line) => line.map(({ at }) => at)) : [];
    if (name) add("group", -1, `${integer(stages.length)} × ${visibleText(name)}`, name, lines);
    if (folded) {
      const over = stages.length - lines.flat().length;
      if (over > 0) add("note", -1, `… ${integer(over)} more at once`);
      continue;
    }
    for (const stage of stages) {
      add("stage", stage.at, visibleText(stage.id), name, [[stage.at]]);
      if (!choice.open.has(stage.at)) continue;
      const { rows, deeper } = spanRowsOf(model, stage);
      for (const row of rows) add("spans", stage.at, "", "", [], row);
      if (deeper > 0) add("note", stage.at, `… ${integer(deeper)} deeper`);
    }
  }
  return { lanes, height: top, count: shown.length, middles, heights };
}

/**
 * The lane at a height, by halving.
 * @param {Lane[]} lanes
 * @param {number} y CSS pixels below the first lane's top
 * @returns {number} the last one that begins at or above it; 0 if none does
 */
export function laneAt(lanes, y) {
  let [low, high] = [0, lanes.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (lanes[middle].top <= y) low = middle;
    else high = middle - 1;
  }
  return low;
}

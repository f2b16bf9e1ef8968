// The stage table's columns, and which stages stand in it in which order. Pure: no page is needed.

import { bytes, duration, NOTHING, offset, percent, signedDuration } from "./format.js";
import { MARKS } from "./model.js";
import { isShown } from "./state.js";
import { visibleText } from "./words.js";

/** @typedef {import("./model.js").Model} Model */
/** @typedef {import("./model.js").Stage} Stage */
/** @typedef {(stage: Stage, model: Model) => number | string | null} Value */
/** @typedef {(stage: Stage, model: Model) => string} Show */

/**
 * @typedef {object} Column
 * @property {string} key letters only, because it stands in the URL
 * @property {string} title
 * @property {string} hint one sentence
 * @property {Value} value to sort by; null: unknown, always last
 * @property {Show} show
 * @property {boolean} text whether it is read from the left, and sorted from A
 */

export const URGENCY = ["failed", "allowed", "stopped", "running", "ok", "cached", "skipped"];
/** @type {Value} */
const urgencyOf = ({ mark }) => URGENCY.indexOf(mark);

/**
 * From the first start to the end; null for a stage that never ran.
 * @param {Stage} stage
 * @returns {number | null}
 */
export function stageDuration(stage) {
  return stage.to > stage.from ? Math.max(stage.end - stage.start, 0) : null;
}

/**
 * Processors that it used on average while it ran.
 * @param {Stage} stage
 * @param {Model} model
 * @returns {number | null}
 */
export function coresUsed(stage, model) {
  const ran = model.attempts.slice(stage.from, stage.to).reduce((sum, { start, end }) => sum + end - start, 0);
  return stage.cpu === null || ran <= 0 ? null : stage.cpu / ran;
}

/**
 * How much longer than usual it took.
 * @param {Stage} stage
 * @returns {number | null}
 */
export function beyondUsual(stage) {
  const now = stageDuration(stage);
  return stage.typical === null || now === null || stage.mark === "running" ? null : now - stage.typical;
}

/**
 * Mark and word of how something ended.
 * @param {{mark: import("./model.js").Mark, inferred: boolean}} ended
 * @returns {string}
 */
export function statusText({ mark, inferred }) {
  return `${MARKS[mark].sign} ${MARKS[mark].word}${inferred && mark !== "running" ? " ≈" : ""}`;
}

/**
 * The judgement on a stage against its earlier runs: a sign, the difference, its share.
 * @param {Stage} stage
 * @returns {string}
 */
export function usualText(stage) {
  const by = beyondUsual(stage) ?? 0;
  const sign = stage.change === "slower" ? "▲ " : stage.change === "faster" ? "▼ " : "";
  const share = stage.typical ? ` (${by > 0 ? "+" : ""}${percent(by / stage.typical)})` : "";
  return `${sign}${signedDuration(by)}${share}`;
}

/**
 * @param {string} key
 * @param {string} title
 * @param {string} hint
 * @param {Value} value
 * @param {(value: any, stage: Stage, model: Model) => string} format
 * @param {boolean} [text]
 * @returns {Column}
 */
function column(key, title, hint, value, format, text = false) {
  /** @type {Show} */
  const show = (stage, model) => {
    const known = value(stage, model);
    return known === null ? NOTHING : format(known, stage, model);
  };
  return { key, title, hint, value, show, text };
}

/** @type {(_: unknown, stage: Stage, model: Model) => string} */
const needsText = (_, { needs }, { stages }) =>
  needs.slice(0, 20).map((need) => visibleText(stages[need].id, 60)).join(", ");

/** @type {readonly Column[]} */
export const COLUMNS = [
  column("stage", "Stage", "Name", (s) => s.id, (id) => visibleText(id, 120), true),
  column("status", "Status", "≈: its end was not seen", urgencyOf, (_, stage) => statusText(stage), true),
  column("tries", "Tries", "Attempts", (s) => s.to - s.from || null, String),
  column("start", "Start", "After the run's start", (s) => s.start, offset),
  column("queue", "Queue", "It could have run, but waited for a slot or pool", (s) => s.queue, duration),
  column("duration", "Duration", "The bar: beside the longest of these", stageDuration, duration),
  column("cpu", "CPU", "Processor time of all attempts", (s) => s.cpu, duration),
  column("cores", "CPU use", "Cores in use while attempts ran", coresUsed, (cores) => `${cores.toFixed(2)} cores`),
  column("memory", "Peak memory", "The most of an attempt", (s) => s.memory, bytes),
  column("slack", "Slack", "It could have ended so much later without harm", (s) => s.slack, duration),
  column("drag", "Drag", "What the run would save without it", (s) => s.drag || null, duration),
  column("path", "Critical", "Made the run as long as it was", (s) => (s.critical ? 1 : null), () => "● yes", true),
  column("usual", "vs usual", "Against the median of earlier runs", beyondUsual, (_, stage) => usualText(stage)),
  column("needs", "Needs", "Stages that it needs", (s) => s.needs.length || null, needsText, true),
  column("error", "Error", "What went wrong", (s) => s.error, (text) => visibleText(text, 200), true),
];

/**
 * The columns about which the run knows anything.
 * @param {Model} model
 * @returns {Column[]}
 */
export function knownColumns(model) {
  return COLUMNS.filter(({ value }, at) => at < 4 || model.stages.some((stage) => value(stage, model) !== null));
}

/**
 * How many characters a column needs, at most 34: the longest of up to 500 cells spread over the run.
 * @param {Column} column
 * @param {Model} model
 * @returns {number}
 */
export function lettersOf({ title, show }, model) {
  const step = Math.ceil(model.stages.length / 500);
  const some = model.stages.filter((stage) => stage.at % step === 0).map((stage) => show(stage, model).length);
  return Math.min(Math.max(...title.split(" ").map((word) => word.length + 2), ...some), 34);
}

/**
 * What a click on a column's title sorts by: what is large first, text from A; a second click turns it round.
 * @param {import("./state.js").State} state
 * @param {Column} clicked
 * @returns {{sort: string, descending: boolean}}
 */
export function nextSorting({ sort, descending }, { key, text }) {
  return { sort: key, descending: sort === key ? !descending : !text };
}

/**
 * The stages that stand in the table, in its order: equal ones as declared, unknown values last. By start if
 * there is no such column.
 * @param {Model} model
 * @param {import("./state.js").State} state
 * @returns {Stage[]}
 */
export function tableRows(model, state) {
  const chosen = COLUMNS.find(({ key }) => key === state.sort);
  const { value } = chosen ?? COLUMNS[3];
  const falling = chosen !== undefined && state.descending;
  const rows = model.stages.flatMap((stage) => (isShown(stage, state) ? { stage, by: value(stage, model) } : []));
  rows.sort(({ by: a }, { by: b }) => {
    if (a === b) return 0;
    if (a === null) return 1;
    return b === null || (falling ? a > b : a < b) ? -1 : 1;
  });
  return rows.map(({ stage }) => stage);
}

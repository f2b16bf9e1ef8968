// What keys, pointers and buttons do to the view: zoom, pan, choose a stage, go to the next failure. Pure but for the
// last few.

import { announce } from "./dom.js";
import { counted, duration, offset } from "./format.js";
import { sequenceOf } from "./lanes.js";
import { MARKS } from "./model.js";
import { clamp } from "./scale.js";
import { boundWindow } from "./state.js";
import { visibleText } from "./words.js";

/** @typedef {import("./model.js").Model} Model */
/** @typedef {import("./model.js").Stage} Stage */
/** @typedef {import("./state.js").Store} Store */
/** @typedef {{from: number, to: number}} View */

/**
 * The window made wider (factor above 1) or narrower; the moment `at` keeps its place on the screen.
 * @param {Model} model
 * @param {View} view
 * @param {number} factor
 * @param {number} [at] ns; the middle if left out
 * @returns {View}
 */
export function zoomWindow(model, { from, to }, factor, at = (from + to) / 2) {
  const wide = boundWindow(model, 0, (to - from) * factor);
  const width = wide.to - wide.from;
  const start = at - ((at - from) / (to - from)) * width;
  return boundWindow(model, start, start + width);
}

/**
 * @param {Model} model
 * @param {View} view
 * @param {number} by ns
 * @returns {View}
 */
export function panWindow(model, { from, to }, by) {
  return boundWindow(model, from + by, to + by);
}

/**
 * A window on something, with a margin around it.
 * @param {Model} model
 * @param {number} start
 * @param {number} end
 * @returns {View}
 */
export function windowOn(model, start, end) {
  const margin = Math.max((end - start) * 0.06, 500);
  return boundWindow(model, start - margin, end + margin);
}

/**
 * The window moved to something that lies outside it.
 * @param {Model} model
 * @param {View} view
 * @param {number} start
 * @param {number} end
 * @returns {View}
 */
export function inSight(model, view, start, end) {
  const { from, to } = view;
  return panWindow(model, view, end < from || start > to ? (start + end - from - to) / 2 : 0);
}

/**
 * The stage that stands `by` places further in the order of lanes; from nowhere, the first or the last one.
 * @param {number[]} sequence
 * @param {number} stage
 * @param {number} by
 * @returns {number} -1: there is none
 */
export function stepFrom(sequence, stage, by) {
  const now = sequence.indexOf(stage);
  const next = (now < 0 && by < 0 ? sequence.length : now) + by;
  return sequence[clamp(next, 0, sequence.length - 1)] ?? -1;
}

/**
 * The next failed stage after this one, in a circle; failures that count come before those that were allowed.
 * @param {Stage[]} stages
 * @param {number[]} sequence
 * @param {number} stage
 * @returns {number} -1: nothing failed
 */
export function failureAfter(stages, sequence, stage) {
  const failures = ["failed", "allowed", "stopped"].flatMap((mark) =>
    sequence.filter((at) => stages[at].mark === mark),
  );
  return failures[(failures.indexOf(stage) + 1) % failures.length] ?? -1;
}

/**
 * One sentence about a stage, for those who listen.
 * @param {Stage} stage
 * @returns {string}
 */
export function spokenStage({ id, mark, from, to, cost, start, end, critical }) {
  const parts = [MARKS[mark].word];
  if (to > from) parts.push(duration(cost ?? end - start));
  if (to > from + 1) parts.push(counted(to - from, "attempt"));
  parts.push(`at ${offset(start)}`);
  if (critical) parts.push("on the critical path");
  return `${visibleText(id, 120)}: ${parts.join(", ")}`;
}

/**
 * Selects a stage, tells of it, and moves the window where the stage lies outside it.
 * @param {Model} model
 * @param {Store} store
 * @param {number} stage
 * @param {number} [attempt]
 */
export function chooseStage(model, store, stage, attempt = -1) {
  const chosen = model.stages[stage];
  if (chosen === undefined) return;
  store.set({ stage, attempt, span: -1, ...inSight(model, store.get(), chosen.start, chosen.end) });
  announce(spokenStage(chosen));
}

/**
 * @param {Model} model
 * @param {Store} store
 * @param {number} by
 */
export function stepStage(model, store, by) {
  const state = store.get();
  chooseStage(model, store, stepFrom(sequenceOf(model, state), state.stage, by));
}

/**
 * @param {Model} model
 * @param {Store} store
 */
export function goToFailure(model, store) {
  const state = store.get();
  /** @type {Partial<import("./state.js").State>} */
  const unfiltered = { find: "", only: "all" };
  const failure = failureAfter(model.stages, sequenceOf(model, { ...state, ...unfiltered }), state.stage);
  if (failure < 0) return announce("No stage failed");
  // A failure that filters hide is what they should not hide.
  if (!sequenceOf(model, state).includes(failure)) store.set(unfiltered);
  chooseStage(model, store, failure);
}

/**
 * Shows or hides the spans of a stage.
 * @param {Model} model
 * @param {Store} store
 * @param {number} stage
 */
export function toggleSpans(model, store, stage) {
  if (!hasSpans(model, model.stages[stage])) return announce("No spans here");
  const open = new Set(store.get().open);
  if (!open.delete(stage)) open.add(stage);
  store.set({ open });
  announce(open.has(stage) ? "Spans shown" : "Spans hidden");
}

/**
 * @param {Model} model
 * @param {Stage | undefined} stage
 * @returns {boolean}
 */
export function hasSpans({ attempts }, stage) {
  return attempts.slice(stage?.from, stage?.to ?? 0).some(({ spansTo }) => spansTo > 0);
}

/**
 * Changes the window and tells of it.
 * @param {Store} store
 * @param {View} view
 */
export function showWindow(store, { from, to }) {
  store.set({ from, to });
  announce(`${offset(from)} to ${offset(to)}`);
}

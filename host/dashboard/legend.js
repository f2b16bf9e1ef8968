// What the marks of the timeline mean: a drawn sample and a word for each kind of bar that the run has.

import { h, svg } from "./dom.js";
import { MARKS } from "./model.js";

/** @typedef {import("./model.js").Model} Model */

/** @type {(model: Model, wanted: string) => boolean} */
const hasMark = ({ stages, attempts }, wanted) => [...stages, ...attempts].some(({ mark }) => mark === wanted);

/**
 * Samples are 28 by 12: class, word, what is drawn, and when.
 * @type {[string, string, string, (model: Model, open: boolean) => boolean][]}
 */
const SAMPLES = [
  ["run", "run", "M0 0h28v12H0z", () => true],
  ["queue", "queue", "M.5 2.5h27v7H.5z", ({ stages }) => stages.some(({ queue }) => queue !== null && queue > 0)],
  ["backoff", "back-off", "M1 6h27", ({ attempts }) => attempts.some(({ backoff }) => backoff > 0)],
  [
    "failed",
    "✗ failed",
    "M0 0h28v12H0zM0 12 12 0M8 12 20 0M16 12 28 0",
    (model) => hasMark(model, "failed") || hasMark(model, "allowed"),
  ],
  ["critical", "critical path", "M1 1h26v10H1z", ({ stages }) => stages.some(({ critical }) => critical)],
  ["running", "running", "M0 0h22l6 6-6 6H0z", (model) => hasMark(model, "running")],
  ["finish", "finish", "M0 6h28", () => true],
  ["needs", "needs", "M0 6h20m1-4 7 4-7 4z", ({ hasNeeds }) => hasNeeds],
  ["dependents", "is needed by", "M0 6h20m1-4 7 4-7 4z", ({ hasNeeds }) => hasNeeds],
  ["many", "many spans", "M0 0h28v12H0z", (_, open) => open],
];

/**
 * @param {Model} model
 * @param {boolean} open whether spans are shown
 * @returns {HTMLElement[]} items of a list
 */
export function timelineKey(model, open) {
  const samples = SAMPLES.filter(([, , , isSeen]) => isSeen(model, open)).map(([name, word, d]) => {
    const sample = { class: `sample ${name}`, viewBox: "0 0 28 12", "aria-hidden": "true" };
    return h("li", {}, svg("svg", sample, svg("path", { d })), word);
  });
  const signs = Object.entries(MARKS).filter(([mark, { color }]) => color === "dim" && hasMark(model, mark));
  return [...samples, ...signs.map(([, { sign, word }]) => h("li", {}, `${sign} ${word}`))];
}

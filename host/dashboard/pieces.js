// Small elements of the panel of details, and the button that other parts use too.

import { h } from "./dom.js";
import { visibleLines } from "./facts.js";
import { NOTHING } from "./format.js";
import { statusText } from "./rows.js";

/** @typedef {[title: string, value: import("./dom.js").Child, hint?: string]} Fact */

/**
 * @param {{mark: import("./model.js").Mark, inferred: boolean}} ended
 * @returns {HTMLElement}
 */
export function endedMark(ended) {
  return h("span", { class: `mark-${ended.mark}` }, statusText(ended));
}

/**
 * A button; where its name is but a sign, the hint is its name for those who listen.
 * @param {string} name
 * @param {string} title
 * @param {() => void} onclick
 * @returns {HTMLButtonElement}
 */
export function actionButton(name, title, onclick) {
  return h("button", { type: "button", title, "aria-label": name.length === 1 ? title : null, onclick }, name);
}

/**
 * @param {Fact[]} facts those without a value are left out
 * @returns {HTMLElement}
 */
export function factList(facts) {
  const known = facts.filter(([, value]) => value && value !== NOTHING);
  const pairs = known.map(([term, value, title]) => h("div", {}, h("dt", { title }, term), h("dd", {}, value)));
  return h("dl", { class: "facts" }, ...pairs);
}

/**
 * @param {string | null} text
 * @returns {Node[]} empty if there is none
 */
export function errorText(text) {
  return text ? [h("pre", { class: "wrong", tabindex: 0, "aria-label": "Error" }, visibleLines(text))] : [];
}

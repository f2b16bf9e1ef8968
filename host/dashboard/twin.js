// Beside a chart: the key of its marks, and its content as a table, for those who read better than they see.

import { counted } from "./format.js";
import { h } from "./dom.js";

const TWIN_ROWS = 500;

/**
 * @param {string} swatch class
 * @param {string} text
 * @returns {HTMLElement}
 */
export function keyItem(swatch, text) {
  return h("li", {}, h("i", { class: `swatch ${swatch}` }), text);
}

/**
 * @param {string} title
 * @param {string[]} heads
 * @param {number} words how many columns from the left hold words; the others hold numbers
 * @param {import("./dom.js").Child[][]} rows
 * @returns {HTMLElement}
 */
export function plainTable(title, heads, words, rows) {
  /** @type {(tag: "th" | "td", cells: import("./dom.js").Child[]) => HTMLElement} */
  const line = (tag, cells) => h("tr", {}, ...cells.map((cell, n) => h(tag, { class: n < words ? "w" : "n" }, cell)));
  const body = h("tbody", {}, ...rows.map((cells) => line("td", cells)));
  const table = h("table", { "aria-label": title }, h("thead", {}, line("th", heads)), body);
  return h("div", { class: "scroll", role: "group", "aria-label": title, tabindex: 0 }, table);
}

/**
 * A table that is filled when it is opened or printed.
 * @param {Element} parent
 * @param {string} title
 * @param {string[]} heads
 * @param {number} words how many columns from the left hold words; the others hold numbers
 * @param {() => string[][]} rows
 * @returns {() => void} to call when the rows may have changed
 */
export function tableTwin(parent, title, heads, words, rows) {
  const place = h("div");
  const fill = () => {
    const all = rows();
    const left = all.length - TWIN_ROWS;
    const more = left > 0 ? [[`and ${counted(left, "more row")}`]] : [];
    place.replaceChildren(plainTable(title, heads, words, [...all.slice(0, TWIN_ROWS), ...more]));
  };
  const refresh = () => {
    if (details.open) fill();
  };
  const details = h("details", { ontoggle: refresh }, h("summary", {}, title), place);
  addEventListener("beforeprint", fill);
  parent.append(details);
  return refresh;
}

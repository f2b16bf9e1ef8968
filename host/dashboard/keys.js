// Keys that work anywhere on the page, and the dialog that lists them. They stay away from whoever types, and can be
// turned off.

import { announce, h, hasModifier } from "./dom.js";
import { goToFailure, showWindow, stepStage, toggleSpans, zoomWindow } from "./moves.js";
import { nextTheme } from "./theme.js";

/** @type {[string, string][]} */
const TIMELINE_KEYS = [
  ["↑ ↓ Home End", "choose a stage"],
  ["← →", "move through time"],
  ["Enter", "show or hide spans, unfold a group"],
  ["Shift+Enter", "fold the group"],
  ["Drag", "move; with Shift or on the axis: zoom in"],
  ["Ctrl+wheel", "zoom, as the wheel over the axis does"],
  ["Double-click", "zoom to a bar"],
];

/**
 * Scrolls to a part of the page and gives it the focus.
 * @param {string} id
 */
function goToPart(id) {
  document.getElementById(id)?.scrollIntoView();
  /** @type {HTMLElement | null} */
  const inside = document.querySelector(`#${id} :is([tabindex="0"], button)`);
  inside?.focus({ preventScroll: true });
}

/**
 * @param {string} title
 * @param {[string, string, ...unknown[]][]} rows
 * @returns {HTMLElement}
 */
function keyTable(title, rows) {
  const lines = rows.map(([keys, meaning]) => {
    const marks = keys.split(" ").flatMap((key) => [h("kbd", {}, key), " "]);
    return h("tr", {}, h("th", { scope: "row" }, ...marks), h("td", {}, meaning));
  });
  return h("table", {}, h("caption", {}, title), ...lines);
}

/**
 * @param {Element} parent
 * @param {import("./model.js").Model} model
 * @param {import("./state.js").Store} store
 */
export function mountKeys(parent, model, store) {
  const zoom = (/** @type {number} */ factor) => () => showWindow(store, zoomWindow(model, store.get(), factor));
  const toggleCritical = () => {
    const only = store.get().only === "critical" ? "all" : "critical";
    store.set({ only });
    announce(`Shown: ${only}`);
  };
  const help = () => dialog.showModal();
  /** Keys, what they do, and what each of them calls. @type {[string, string, ...(() => void)[]][]} */
  const keys = [
    ["/", "search stages", () => document.getElementById("find")?.focus()],
    ["j k", "next, previous stage", () => stepStage(model, store, 1), () => stepStage(model, store, -1)],
    ["o", "spans of the selected stage", () => toggleSpans(model, store, store.get().stage)],
    ["f", "next failure", () => goToFailure(model, store)],
    ["p", "only the critical path, or all", toggleCritical],
    ["+ - 0", "zoom in, out, whole run", zoom(0.5), zoom(2), zoom(Infinity)],
    ["t g", "go to the table, the graph", () => goToPart("stage-table"), () => goToPart("graph")],
    ["d", "colours: dark, light, system", () => announce(`Colours: ${nextTheme()}`)],
    ["?", "this list", help],
    ["Escape", "close, or select nothing", () => store.set({ stage: -1, attempt: -1, span: -1 })],
  ];
  const actions = new Map(keys.flatMap(([names, , ...calls]) => names.split(" ").map((name, at) => [name, calls[at]])));
  const wanted = h("input", { type: "checkbox", checked: true });
  const dialog = h(
    "dialog",
    { class: "keys", "aria-label": "Keys" },
    keyTable("Keys", keys),
    keyTable("In the timeline", TIMELINE_KEYS),
    h("label", {}, wanted, " Single keys are on"),
    h("button", { autofocus: true, onclick: () => dialog.close() }, "Close"),
  );
  parent.append(dialog);
  document.addEventListener("keydown", (event) => {
    const { target } = event;
    if (event.defaultPrevented || hasModifier(event) || dialog.open || !wanted.checked) return;
    const action = actions.get(event.key);
    if (!action || (target instanceof Element && target.closest("input, select, textarea"))) return;
    event.preventDefault();
    action();
  });
  document.addEventListener("forensic:help", help);
}

// The tool bar that stays on top of the charts: filters, order, window, failures, theme. It only changes the store.

import { announce, frame, h } from "./dom.js";
import { counted, duration, integer } from "./format.js";
import { goToFailure, showWindow, zoomWindow } from "./moves.js";
import { actionButton } from "./pieces.js";
import { statusText } from "./rows.js";
import { isShown, ONLY, ORDERS } from "./state.js";
import { nextTheme } from "./theme.js";
import { visibleText } from "./words.js";

/** In the order of `ONLY` and of `ORDERS`. */
const SHOW_WORDS = ["all stages", "failed", "critical path", "ran", "slower than usual"];
const ORDER_WORDS = ["by start", "as declared", "by duration"];
/** Milliseconds without a key before a search begins. */
const PAUSE = 150;

/**
 * The window in words: `4.500 s – 16.5 s of 30.3 s`.
 * @param {import("./model.js").Model} model
 * @param {import("./state.js").State} state
 * @returns {string}
 */
export function windowText({ first, last }, { from, to }) {
  const whole = duration(last - first);
  return from === first && to === last ? `whole run, ${whole}` : `${duration(from)} – ${duration(to)} of ${whole}`;
}

/**
 * @template {string} Word
 * @param {string} title
 * @param {readonly Word[]} values
 * @param {string[]} words
 * @param {(value: Word) => void} chosen
 * @returns {HTMLSelectElement}
 */
function choice(title, values, words, chosen) {
  const options = values.map((value, at) => h("option", { value }, words[at]));
  return h("select", { "aria-label": title, title, onchange: ({ target }) => chosen(target.value) }, ...options);
}

/**
 * @param {HTMLElement} parent
 * @param {import("./model.js").Model} model
 * @param {import("./state.js").Store} store
 */
export function mountControls(parent, model, store) {
  const zoom = (/** @type {number} */ factor) => () => showWindow(store, zoomWindow(model, store.get(), factor));
  let waiting = 0;
  const find = h("input", {
    id: "find",
    type: "search",
    placeholder: "Find a stage",
    "aria-label": "Find a stage by name, group or error",
    maxlength: 200,
    oninput: () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => store.set({ find: find.value }), PAUSE);
    },
  });
  const show = choice("Which stages are shown", ONLY, SHOW_WORDS, (only) => store.set({ only }));
  const order = choice("Order of the timeline", ORDERS, ORDER_WORDS, (order) => store.set({ order }));
  const fold = actionButton("Fold matrix", "Members of a matrix share a lane", () => {
    store.set({ fold: !store.get().fold });
  });
  const wider = actionButton("−", "Zoom out", zoom(2));
  const whole = actionButton("Whole run", "Zoom out to the whole run", () => {
    showWindow(store, { from: model.first, to: model.last });
  });
  const failure = actionButton("✗ Next failure", "Go to the next failed stage", () => goToFailure(model, store));
  const theme = actionButton("Colours", "The system's, light or dark", () => announce(`Colours: ${nextTheme()}`));
  const help = actionButton("?", "Keys", () => document.dispatchEvent(new CustomEvent("forensic:help")));
  const seen = h("span");
  const matches = h("span", { role: "status" });
  const chosen = h("button", { type: "button", onclick: () => document.getElementById("detail")?.focus() });
  const together = (/** @type {Node[]} */ ...nodes) => h("span", { class: "together" }, ...nodes);
  const tools = h(
    "div",
    { class: "tools" },
    together(find, show, order, fold),
    together(actionButton("+", "Zoom in", zoom(0.5)), wider, whole),
    failure,
    together(theme, actionButton("Print", "Print this report", print), help),
  );
  const status = h("div", { class: "status aside" }, seen, matches, chosen);
  const about = { class: "controls no-print", role: "group", "aria-label": "Tools of the charts" };
  parent.append(h("div", about, tools, status));

  const draw = () => {
    const state = store.get();
    const { stages, first, last } = model;
    /** @type {(wanted: import("./state.js").State) => number} */
    const count = (wanted) => stages.filter((stage) => isShown(stage, wanted)).length;
    fold.hidden = stages.every((stage) => stage.memberOf === null);
    failure.hidden = count({ ...state, find: "", only: "failed" }) === 0;
    if (document.activeElement !== find) find.value = state.find;
    show.value = state.only;
    order.value = state.order;
    fold.ariaPressed = String(state.fold);
    wider.disabled = whole.disabled = state.from === first && state.to === last;
    seen.textContent = windowText(model, state);
    const shown = count(state);
    matches.textContent = shown < stages.length ? `${integer(shown)} of ${counted(stages.length, "stage")}` : "";
    const stage = stages[state.stage];
    chosen.hidden = !stage;
    if (stage) chosen.textContent = `${statusText(stage)}: ${visibleText(stage.id, 60)} ↓`;
  };
  draw();
  store.listen(frame(draw));
}

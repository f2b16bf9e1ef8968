// What the page knows about the selection: facts of a stage, neighbours, attempts, log tail, spans.

import { frame, h } from "./dom.js";
import { attemptParts, spanParts } from "./attempt.js";
import { clockText, runLink } from "./facts.js";
import { duration, integer, offset, percent } from "./format.js";
import { MARKS } from "./model.js";
import { chooseStage, showWindow, windowOn } from "./moves.js";
import { actionButton, endedMark, errorText, factList } from "./pieces.js";
import { COLUMNS, stageDuration } from "./rows.js";
import { visibleText } from "./words.js";

/** @typedef {import("./model.js").Model} Model */
/** @typedef {import("./model.js").Stage} Stage */
/** @typedef {import("./state.js").Store} Store */
/** @typedef {import("./dom.js").Child} Child */
/** @typedef {import("./pieces.js").Fact} Fact */

const MOST_NEIGHBOURS = 24;

/**
 * @param {HTMLElement} parent
 * @param {Model} model
 * @param {Store} store
 */
export function mountDetail(parent, model, store) {
  const panel = h("div", { id: "detail", class: "panel", role: "region", "aria-label": "Details", tabindex: -1 });
  // Beside the table where there is room, below it elsewhere: no row moves away from under a pointer.
  parent.querySelector("#stage-table .pair")?.append(panel);
  let drawn = "";
  const draw = () => {
    const { stage: at, attempt, span } = store.get();
    const stage = model.stages[at];
    // While a run goes on, a reader's selection of text stays as long as nothing here has changed.
    const around = stage && [...stage.needs, ...stage.dependents].map((other) => model.stages[other].mark);
    const shown = JSON.stringify([stage, attempt, span, model.tails.length, around]);
    if (shown === drawn) return;
    drawn = shown;
    panel.hidden = !stage;
    const focused = panel.contains(document.activeElement) ? document.activeElement?.textContent : null;
    panel.replaceChildren(...(stage ? partsOf(model, store, stage) : []));
    if (focused === null) return;
    // The element that had the focus has been made anew.
    const again = [...panel.querySelectorAll("button")].find((button) => button.textContent === focused);
    (stage ? (again ?? panel) : document.getElementById("stage-table"))?.focus({ preventScroll: true });
  };
  draw();
  store.listen(frame(draw));
}

/**
 * @param {Model} model
 * @param {Store} store
 * @param {Stage} stage
 * @returns {Node[]}
 */
function partsOf(model, store, stage) {
  const { attempt: chosen, span } = store.get();
  const attempt = model.attempts[chosen < 0 ? stage.to - 1 : chosen];
  const { start, end } = chosen < 0 ? stage : attempt;
  return [
    h(
      "div",
      { class: "heads" },
      h("h4", { title: visibleText(stage.id) }, endedMark(stage), ` ${visibleText(stage.id, 160)}`),
      actionButton("Zoom", "Show its time in the charts", () => showWindow(store, windowOn(model, start, end))),
      actionButton("✕", "Close", () => store.set({ stage: -1, attempt: -1, span: -1 })),
    ),
    factList(stageFacts(model, stage)),
    ...errorText(stage.error),
    ...neighbours("Needs", stage.needs, model, store),
    ...neighbours("Needed by", stage.dependents, model, store),
    ...(stage.to > stage.from ? attemptParts(model, store, stage, attempt) : []),
    ...(span < 0 ? [] : spanParts(model, span)),
  ];
}

/**
 * @param {Model} model
 * @param {Stage} stage
 * @returns {Fact[]}
 */
function stageFacts(model, stage) {
  const { ready, start, end } = stage;
  const backoff = model.attempts.slice(stage.from, stage.to).reduce((sum, attempt) => sum + attempt.backoff, 0);
  const name = (/** @type {string | null} */ text) => text && visibleText(text, 80);
  // What its row in the table says, but for what stands elsewhere here: name, status, tries; needs, error.
  /** @type {Fact[]} */
  const told = COLUMNS.slice(3, -2).map(({ title, hint, show }) => [title, show(stage, model), hint]);
  return [
    ...told,
    ["Share of the run", percent((stageDuration(stage) ?? NaN) / model.wall)],
    ["Ready", ready !== null && ready !== start ? offset(ready) : null, "When all that it needs had ended"],
    ["End", offset(end), "After the run's start"],
    ["By the clock", `${clockText(model.startTime, start)} – ${clockText(model.startTime, end)}`],
    ["Pool", name(stage.pool), "It waited for this pool"],
    ["Back-off", backoff ? duration(backoff) : null, "Pauses between attempts"],
    ["Cost", stage.cost ? duration(stage.cost) : null, "Attempts and pauses, without queue"],
    ["Saved", duration(stage.saved), "What it took when its result was made"],
    ["Skipped because", name(stage.skipReason)],
    ["Result from run", runAnchor(stage.cachedFrom)],
    ["Started run", runAnchor(stage.childRun)],
    ["Group", name(stage.group)],
    ["Member of", name(stage.memberOf)],
  ];
}

/**
 * @param {string | null} id
 * @returns {Child}
 */
function runAnchor(id) {
  const href = id && runLink(id, document.documentElement.dataset.runs);
  return href ? h("a", { href }, id) : id && visibleText(id);
}

/**
 * Stages that one can go to.
 * @param {string} title
 * @param {number[]} places
 * @param {Model} model
 * @param {Store} store
 * @returns {Node[]}
 */
function neighbours(title, places, model, store) {
  if (places.length === 0) return [];
  const buttons = places.slice(0, MOST_NEIGHBOURS).map((place) => {
    const { id, mark } = model.stages[place];
    const made = actionButton(visibleText(id, 60), MARKS[mark].word, () => chooseStage(model, store, place));
    made.dataset.sign = MARKS[mark].sign;
    return made;
  });
  const more = places.length - MOST_NEIGHBOURS;
  const rest = more > 0 ? `and ${integer(more)} more` : null;
  return [h("h5", {}, `${title} (${integer(places.length)})`), h("div", { class: "neighbours" }, ...buttons, rest)];
}

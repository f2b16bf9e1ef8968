// The section "Where the time went": the observed chain, which tiles the whole run, as one strip.

import { h, hasModifier, rove, section } from "./dom.js";
import { counted, duration, offset, percent } from "./format.js";
import { MARKS } from "./model.js";
import { chooseStage } from "./moves.js";
import { keyItem, tableTwin } from "./twin.js";
import { visibleText } from "./words.js";

/** @typedef {import("./model.js").Segment} Segment */
/**
 * What the strip shows as one: a segment, or several short ones.
 * @typedef {Omit<Segment, "kind"> & {kind: Segment["kind"] | "several", count: number}} Piece
 */

const MOST_PIECES = 200;

/**
 * @param {Segment[]} chain
 * @returns {[kind: string, time: number][]}
 */
export function chainTotals(chain) {
  const totals = { execution: 0, queue: 0, backoff: 0, overhead: 0 };
  for (const { kind, start, end } of chain) totals[kind] += end - start;
  return Object.entries(totals);
}

/**
 * Segments that last, and in a long chain those too short to see put together.
 * @param {Segment[]} chain
 * @param {number} wall
 * @returns {Piece[]}
 */
export function chainPieces(chain, wall) {
  const least = chain.length > MOST_PIECES ? wall / MOST_PIECES : 0;
  /** @type {Piece[]} */
  const pieces = [];
  for (const segment of chain) {
    const before = pieces.at(-1);
    const time = segment.end - segment.start;
    if (before && time < least && before.end - before.start < least) {
      before.kind = "several";
      before.stage = -1;
      before.end = segment.end;
      before.count += 1;
    } else if (time > 0) pieces.push({ ...segment, count: 1 });
  }
  return pieces;
}

/**
 * @param {Element} parent
 * @param {import("./model.js").Model} model
 * @param {import("./state.js").Store} store
 */
export function mountChain(parent, model, store) {
  /** @type {Piece[]} */
  let pieces = [];
  /** @type {HTMLElement[]} */
  let buttons = [];
  const focused = () => buttons.findIndex((button) => button === document.activeElement);
  const read = (/** @type {{target: Element}} */ { target }) => {
    reading.textContent =
      target.closest("button")?.ariaLabel ?? "Point at the strip to read it; a click selects the stage.";
  };
  const move = (/** @type {KeyboardEvent} */ event) => {
    const now = focused();
    /** @type {Record<string, number>} */
    const goals = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: Infinity };
    const goal = goals[event.key];
    if (goal === undefined || hasModifier(event)) return;
    event.preventDefault();
    rove(buttons, goal, true);
  };
  const totals = h("ul", { class: "key" });
  const enter = (/** @type {{target: Element}} */ event) => {
    read(event);
    rove(buttons, focused(), false);
  };
  const strip = h("div", { class: "strip", role: "group", onpointerover: read, onfocusin: enter, onkeydown: move });
  const reading = h("p", { class: "aside no-print", "aria-hidden": "true" });
  const place = section(parent, "chain", "Where the time went", totals, strip, reading);
  const heads = ["Class", "Stage", "Attempt", "Start", "Duration", "Share"];
  const refreshTwin = tableTwin(place, "The chain as a table", heads, 2, () =>
    model.chain.map(({ kind, stage, attempt, start, end }) => [
      kind,
      visibleText(model.stages[stage]?.id ?? ""),
      String(attempt || ""),
      offset(start),
      duration(end - start),
      percent((end - start) / model.wall),
    ]),
  );

  /** @type {(piece: Piece) => HTMLElement} */
  const buttonOf = ({ kind, stage: at, attempt: number, start, end, count }) => {
    const stage = model.stages[at];
    const attempt = stage && model.attempts[stage.from + number - 1];
    const runs = kind === "execution";
    const mark = (runs && attempt?.mark) || "ok";
    const id = visibleText(stage?.id ?? "");
    const what = stage ? `${kind} of ${id}, attempt ${number}` : count > 1 ? counted(count, "short segment") : kind;
    const ended = runs ? `, ${MARKS[mark].word}` : "";
    const time = `${duration(end - start)}, ${percent((end - start) / model.wall)} of the run`;
    const label = `${what}${ended}: ${offset(start)} for ${time}`;
    const onclick = () => chooseStage(model, store, at, attempt?.at);
    const text = h("span", {}, runs ? `${MARKS[mark].sign} ${id}` : kind);
    const button = h("button", { class: `${kind} ${mark}`, "aria-label": label, onclick }, text);
    button.style.flexGrow = String(end - start);
    return button;
  };

  let version = -1;
  const refresh = () => {
    if (version !== model.version) {
      version = model.version;
      const words = chainTotals(model.chain).map(([kind, time]) => [
        kind,
        `${kind} ${duration(time)} (${percent(time / model.wall)})`,
      ]);
      totals.replaceChildren(...words.map(([kind, text]) => keyItem(kind, text)));
      strip.ariaLabel = `Observed chain: ${words.map(([, text]) => text).join(", ")}`;
      const now = focused();
      pieces = chainPieces(model.chain, model.wall);
      buttons = pieces.map(buttonOf);
      strip.replaceChildren(...buttons);
      rove(buttons, now, now >= 0);
      read({ target: strip });
      place.hidden = buttons.length === 0;
      refreshTwin();
    }
    const { stage } = store.get();
    buttons.forEach((button, n) => (button.ariaPressed = String(stage >= 0 && stage === pieces[n].stage)));
  };
  store.listen(refresh);
  refresh();
}

// The table of stages: every chart's twin. Only the rows in view are in the page; a printer gets the first 200.

import { frame, h, hasModifier, section } from "./dom.js";
import { counted } from "./format.js";
import { chooseStage, stepFrom } from "./moves.js";
import { actionButton } from "./pieces.js";
import { knownColumns, lettersOf, nextSorting, stageDuration, tableRows } from "./rows.js";

/** @typedef {import("./model.js").Stage} Stage */

/** CSS pixels, as in table.css. */
const ROW_HEIGHT = 30;
const HEAD_HEIGHT = 40;
/** Rows above and below those in view; they are made anew when as many have been scrolled past. */
const OVERSCAN = 10;
const PRINTED_ROWS = 200;
const ORDERED_BY = /** @type {const} */ (["find", "only", "sort", "descending"]);

/**
 * The rows to hold in the page.
 * @param {number} count
 * @param {number} top scrolled so far
 * @param {number} height of the view
 * @returns {{from: number, to: number}}
 */
export function rowsInView(count, top, height) {
  const first = Math.floor(top / ROW_HEIGHT / OVERSCAN) * OVERSCAN;
  const last = first + Math.ceil(height / ROW_HEIGHT) + 2 * OVERSCAN;
  return { from: Math.min(Math.max(first - OVERSCAN, 0), count), to: Math.min(last, count) };
}

/**
 * @param {HTMLElement} parent
 * @param {import("./model.js").Model} model
 * @param {import("./state.js").Store} store
 */
export function mountTable(parent, model, store) {
  const body = h("tbody");
  const head = h("tr", { "aria-rowindex": 1 });
  const widths = h("colgroup");
  const attributes = { role: "grid", tabindex: 0, "aria-label": "Stages", onkeydown };
  const table = h("table", attributes, widths, h("thead", {}, head), body);
  // Its padding stands for the rows that are not in the page.
  const room = h("div", {}, table);
  const box = h("div", { class: "rows", onscroll: () => draw() }, room);
  const note = h("p", { class: "aside" });
  const place = section(parent, "stage-table", "Stages", h("div", { class: "pair" }, box), note);
  place.tabIndex = -1;
  place.addEventListener("focus", () => table.focus());

  /** @type {Stage[]} */
  let rows = [];
  // Bars are as long as a row's share of it: of a long run's whole, most would be dots.
  let longest = 1;
  /** @type {import("./rows.js").Column[]} */
  let columns = [];
  let version = -1;
  let printing = false;
  let drawn = "";

  function setColumns() {
    version = model.version;
    const known = knownColumns(model);
    const rems = known.map((column) => lettersOf(column, model) * 0.52 + 1.3);
    table.style.width = `${rems.reduce((sum, width) => sum + width)}rem`;
    const cols = rems.map((width) => {
      const col = h("col");
      col.style.width = `${width}rem`;
      return col;
    });
    widths.replaceChildren(...cols);
    // While a run goes on there may be more of them: those that stay keep the focus.
    if (known.length === columns.length) return;
    columns = known;
    const titles = columns.map((column) => {
      const sort = () => store.set(nextSorting(store.get(), column));
      const button = actionButton(column.title, `${column.hint}. Sorts the table.`, sort);
      return h("th", { scope: "col", class: column.text ? null : "n" }, button);
    });
    head.replaceChildren(...titles);
  }

  /** @type {(stage: Stage, at: number) => HTMLElement} */
  function makeRow(stage, at) {
    const onclick = () => chooseStage(model, store, stage.at);
    const cells = columns.map(({ key, text, show }) => {
      const words = show(stage, model);
      if (key === "stage") return h("th", { scope: "row", title: words }, words);
      const cell = h("td", { class: text ? null : "n", title: text ? words : null }, words);
      if (key === "status") cell.className = `mark-${stage.mark}`;
      if (key === "usual" && stage.change === "slower") cell.classList.add("mark-allowed");
      if (key === "duration") {
        const bar = h("i", { class: `share mark-${stage.mark}` });
        bar.style.width = `calc((100% - 1.2rem) * ${(stageDuration(stage) ?? 0) / longest})`;
        cell.prepend(bar);
      }
      return cell;
    });
    const about = { id: `row-${stage.at}`, "aria-rowindex": at + 2, class: stage.critical && "critical", onclick };
    return h("tr", about, ...cells);
  }

  function draw() {
    const count = rows.length;
    const printed = { from: 0, to: Math.min(count, PRINTED_ROWS) };
    // On paper the box is as high as all rows.
    const { from, to } = printing ? printed : rowsInView(count, box.scrollTop, Math.min(box.clientHeight, 2000));
    const range = `${from} ${to}`;
    if (range !== drawn) {
      drawn = range;
      body.replaceChildren(...rows.slice(from, to).map((stage, at) => makeRow(stage, from + at)));
      room.style.padding = `${from * ROW_HEIGHT}px 0 ${printing ? 0 : (count - to) * ROW_HEIGHT}px`;
    }
    const selected = `row-${store.get().stage}`;
    let active = "";
    for (const row of body.children) {
      row.ariaSelected = String(row.id === selected);
      if (row.id === selected) active = selected;
    }
    table.setAttribute("aria-activedescendant", active);
    const more = count - PRINTED_ROWS;
    const left = printing && more > 0 ? `+${counted(more, "more stage")} in forensic_report.json` : "";
    note.textContent = count > 0 ? left : "No stage";
    note.hidden = note.textContent === "";
  }

  function derive() {
    if (version !== model.version) setColumns();
    const { sort, descending } = store.get();
    [...head.children].forEach((cell, at) => {
      cell.ariaSort = columns[at].key !== sort ? "none" : descending ? "descending" : "ascending";
    });
    rows = tableRows(model, store.get());
    longest = rows.reduce((most, stage) => Math.max(most, stageDuration(stage) ?? 0), 1);
    drawn = "";
    table.ariaRowCount = String(rows.length + 1);
  }

  const placeOf = (/** @type {number} */ wanted) => rows.findIndex((stage) => stage.at === wanted);

  function reveal() {
    const top = placeOf(store.get().stage) * ROW_HEIGHT;
    if (top < 0) return;
    const lowest = top + ROW_HEIGHT + HEAD_HEIGHT - box.clientHeight;
    box.scrollTop = Math.max(Math.min(box.scrollTop, top), lowest);
  }

  /** @param {KeyboardEvent} event */
  function onkeydown(event) {
    const { target, key } = event;
    if (target !== table || hasModifier(event)) return;
    const { stage } = store.get();
    if (key === "Enter" && stage >= 0) return document.getElementById("detail")?.focus();
    const page = Math.floor(box.clientHeight / ROW_HEIGHT) - 2;
    /** @type {Record<string, number>} */
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (!steps[key]) return;
    event.preventDefault();
    chooseStage(model, store, stepFrom(rows.map(({ at }) => at), stage, steps[key]));
  }

  const drawSoon = frame(draw);
  store.listen((state, before) => {
    const other = ORDERED_BY.some((key) => state[key] !== before[key]);
    if (other || version !== model.version) derive();
    if (other || state.stage !== before.stage) reveal();
    drawSoon();
  });
  const print = (/** @type {boolean} */ begins) => {
    printing = begins;
    draw();
  };
  addEventListener("beforeprint", () => print(true));
  addEventListener("afterprint", () => print(false));
  new ResizeObserver(drawSoon).observe(box);
  derive();
  draw();
  reveal();
}

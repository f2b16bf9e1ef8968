// The timeline: one lane a stage, one bar an attempt, spans below an opened stage; with a map of the whole run above
// it.

import { announce, h, hasModifier, section } from "./dom.js";
import { counted, duration } from "./format.js";
import { followPointers } from "./gestures.js";
import { hitAt } from "./hits.js";
import { hoverCard } from "./hover.js";
import { laneAt, layoutOf } from "./lanes.js";
import { timelineKey } from "./legend.js";
import { mountMinimap } from "./minimap.js";
import { chooseStage, panWindow, showWindow, stepStage, toggleSpans, windowOn } from "./moves.js";
import { penOf } from "./pen.js";
import { AXIS, drawTimeline } from "./picture.js";
import { mountPrints } from "./prints.js";
import { clamp, plotOf, xOf } from "./scale.js";
import { surface } from "./surface.js";

const HINT = "Up and down choose a stage, left and right move through time, Enter shows spans, ? lists all keys.";

/**
 * One line about the whole chart.
 * @param {import("./model.js").Model} model
 * @param {number} shown how many stages the filters leave
 * @returns {string}
 */
export function timelineSummary({ stages, wall }, shown) {
  const parts = [`${shown} of ${counted(stages.length, "stage")} shown`];
  for (const mark of ["failed", "running", "cached", "skipped"]) {
    const count = stages.filter((stage) => stage.mark === mark).length;
    if (count > 0) parts.push(`${count} ${mark}`);
  }
  parts.push(`${stages.filter((stage) => stage.critical).length} on the critical path`);
  return `Timeline of ${duration(wall)}: ${parts.join(", ")}`;
}

/**
 * @param {Element} parent
 * @param {import("./model.js").Model} model
 * @param {import("./state.js").Store} store
 */
export function mountTimeline(parent, model, store) {
  const part = section(parent, "timeline", "Timeline");
  mountMinimap(part, model, store);
  const track = h("div");
  const box = h("div", { class: "lanes" }, track);
  const key = h("ul", { class: "key" });
  const table = h("a", { href: "#stage-table" }, "the stage table");
  part.append(h("div", { class: "lanes-box" }, box));
  const card = hoverCard(part, model);

  /** @type {Set<string>} */
  let unfolded = new Set();
  /** @type {import("./hits.js").Hit | null} */
  let hovered = null;
  let pointer = -1;
  /** @type {{from: number, to: number} | null} */
  let brush = null;
  let layout = layoutOf(model, store.get(), unfolded, { label: 0, line: 24, span: 24 });
  /** @type {unknown[]} */
  let arranged = [];
  let height = 0;

  /** Puts lanes where they belong, if anything that they come from has changed. */
  const arrange = () => {
    const state = store.get();
    const { find, only, order, fold, open } = state;
    // Where there is no room beside the bars, names stand above them.
    const label = plotOf(box.clientWidth).left < 130 ? 16 : 0;
    const from = [model.version, find, only, order, fold, open, unfolded, label, innerHeight];
    if (from.every((value, at) => value === arranged[at])) return;
    arranged = from;
    layout = layoutOf(model, state, unfolded, { label, line: 24, span: 24 });
    area.canvas.setAttribute("aria-label", timelineSummary(model, layout.count));
    key.replaceChildren(...timelineKey(model, open.size > 0));
    const all = AXIS + Math.max(layout.height, 40) + 4;
    height = Math.min(all, Math.max(Math.round(innerHeight * 0.6), 240));
    track.style.height = `${all}px`;
    box.style.maxHeight = `${height}px`;
    area.setHeight(height);
  };
  /** @type {import("./prints.js").DrawLanes} */
  const draw = (context, width, height, colors, scroll) => {
    const state = store.get();
    const scene = { layout, state, unfolded, brush, pointer, hovered: hovered?.stage ?? -1, scroll, width, height };
    drawTimeline(penOf(context, colors, model, state, width), scene);
  };
  const plotNow = () => plotOf(canvas.clientWidth);
  /** @type {(point: {x: number, y: number}) => import("./hits.js").Hit | null} */
  const hitOf = ({ x, y }) =>
    y < AXIS ? null : hitAt(model, layout, store.get(), plotNow(), x, y - AXIS + box.scrollTop);

  const unfold = (/** @type {string} */ name) => {
    unfolded = new Set(unfolded);
    if (!unfolded.delete(name)) unfolded.add(name);
    announce(unfolded.has(name) ? "Group unfolded" : "Group folded");
    redraw();
  };
  /** @type {(target: import("./hover.js").Target, x: number, y: number) => void} */
  const showCard = (target, x, y) => {
    const { left, top } = canvas.getBoundingClientRect();
    card.show(target, left + x, top + y);
  };
  /** @type {(point: {x: number, y: number} | null) => void} */
  const hover = (point) => {
    if (point === null && pointer < 0) return;
    hovered = point && hitOf(point);
    pointer = point?.x ?? -1;
    if (point && hovered) showCard(hovered, point.x, point.y);
    else card.hide();
    canvas.style.cursor = hovered ? "pointer" : "";
    redraw();
  };

  /** @type {(shift: boolean) => void} */
  const enter = (shift) => {
    const { stage } = store.get();
    const lane = layout.lanes[laneAt(layout.lanes, layout.middles.get(stage) ?? -1)];
    if (shift ? lane?.group : lane?.kind === "group") unfold(lane.group);
    else toggleSpans(model, store, stage);
  };
  const pan = (/** @type {number} */ share) => () => {
    const state = store.get();
    showWindow(store, panWindow(model, state, share * (state.to - state.from)));
  };
  const step = (/** @type {number} */ by) => () => stepStage(model, store, by);
  /** @type {Map<string, (shift: boolean) => void>} */
  const actions = new Map([
    ["ArrowUp", step(-1)],
    ["ArrowDown", step(1)],
    ["Home", step(-Infinity)],
    ["End", step(Infinity)],
    ["ArrowLeft", pan(-0.1)],
    ["ArrowRight", pan(0.1)],
    ["Enter", enter],
  ]);
  const pointers = followPointers(model, store, {
    axis: AXIS,
    width: () => area.width(),
    hover,
    brush: (range) => {
      brush = range;
      redraw();
    },
    click: (point) => {
      const hit = hitOf(point);
      if (hit === null) return;
      const { lane, stage, attempt, span } = hit;
      chooseStage(model, store, stage, attempt);
      if (span >= 0) store.set({ span });
      if (lane.kind === "group" && point.x < plotNow().left) unfold(lane.group);
      if (lane.kind === "stage" && point.x < (lane.group ? 36 : 24)) toggleSpans(model, store, stage);
    },
    open: (point) => {
      const { stage, attempt, span } = hitOf(point) ?? { stage: -1, attempt: -1, span: -1 };
      const bar = model.attempts[attempt] ?? model.stages[stage];
      const { start, end } = model.spans;
      if (span >= 0) showWindow(store, windowOn(model, start[span], end[span]));
      else if (bar) showWindow(store, windowOn(model, bar.start, bar.end));
    },
  });

  const press = (/** @type {KeyboardEvent} */ event) => {
    const action = actions.get(event.key);
    if (!action || hasModifier(event)) return;
    event.preventDefault();
    action(event.shiftKey);
    // With keys, the card stands at the selected bar.
    const state = store.get();
    const middle = layout.middles.get(state.stage);
    if (middle === undefined) return card.hide();
    const start = clamp(model.stages[state.stage].start, state.from, state.to);
    showCard(state, xOf(start, state, plotNow()), AXIS + middle - box.scrollTop);
  };
  const attributes = {
    tabindex: 0,
    role: "application",
    "aria-roledescription": "timeline",
    "aria-description": HINT,
    onkeydown: press,
    onblur: card.hide,
    ...pointers,
  };
  const area = surface(track, attributes, 240, (context, width, height, colors) => {
    arrange();
    draw(context, width, height, colors, box.scrollTop);
  });
  const { canvas, redraw } = area;
  mountPrints(part, () => layout.lanes, draw);
  part.append(key, h("p", { class: "aside" }, "The same as a table: ", table, "."));

  /** Scrolls the lanes until a stage is in sight, with some of its spans. */
  const reveal = () => {
    arrange();
    const { stage, open } = store.get();
    const middle = layout.middles.get(stage);
    if (middle === undefined) return;
    const bottom = middle + (open.has(stage) ? 120 : 16);
    box.scrollTop = clamp(box.scrollTop, bottom - height + AXIS, middle - 16 - layout.heights.label);
  };
  store.listen((state, before) => {
    if (state.stage < 0) card.hide();
    if (state.stage !== before.stage || state.open !== before.open) reveal();
    redraw();
  });
  box.addEventListener("scroll", () => {
    hover(null);
    redraw();
  });
  addEventListener("resize", redraw);
  reveal();
}

// The whole run in a strip: shows where the window is, and lets it be dragged or drawn anew.

import { h } from "./dom.js";
import { duration } from "./format.js";
import { panWindow } from "./moves.js";
import { penOf } from "./pen.js";
import { clamp, plotOf, timeAt, xOf } from "./scale.js";
import { boundWindow } from "./state.js";
import { surface } from "./surface.js";

const MAP_HEIGHT = 52;

/** @typedef {{from: number, to: number}} View */

/**
 * The window after a drag: what began inside of it moves it, everything else draws a new one.
 * @param {import("./model.js").Model} model
 * @param {View} before the window when the drag began
 * @param {number} began ns
 * @param {number} now ns
 * @returns {View}
 */
export function draggedWindow(model, before, began, now) {
  const zoomed = before.from > model.first || before.to < model.last;
  if (zoomed && began > before.from && began < before.to) return panWindow(model, before, now - began);
  return boundWindow(model, Math.min(began, now), Math.max(began, now));
}

/**
 * Every attempt as a thin line, by start; failures lie on top.
 * @param {import("./pen.js").Pen} pen
 */
function drawRun({ model, at, fill }) {
  const order = [...model.stages].sort((a, b) => a.start - b.start);
  const step = (MAP_HEIGHT - 8) / order.length;
  for (const failed of [false, true]) {
    const least = failed || step > 0.2 ? 2 : 1;
    for (const [place, { from, to }] of order.entries()) {
      for (const { start, end, mark } of model.attempts.slice(from, to)) {
        if ((mark === "failed") !== failed) continue;
        const x = at(start);
        fill(failed ? "bad" : "s0", x, 4 + place * step, Math.max(at(end) - x, least), clamp(step - 0.5, least, 5));
      }
    }
  }
}

/**
 * @param {Element} parent
 * @param {import("./model.js").Model} model
 * @param {import("./state.js").Store} store
 */
export function mountMinimap(parent, model, store) {
  let version = model.version;
  const whole = () => ({ from: model.first, to: model.last });
  const glass = h("div", { class: "glass" });
  const box = h("div", { class: "map" }, glass);
  parent.append(box);
  /** @type {{x: number, began: number, before: View} | null} */
  let drag = null;
  const momentAt = (/** @type {number} */ x) => timeAt(x, whole(), plotOf(map.width()));
  const drop = () => {
    drag = null;
  };
  const attributes = {
    class: "surface minimap",
    role: "img",
    "aria-label": `The whole run, ${duration(model.wall)}: drag to choose a part of it`,
    onpointerdown: (/** @type {PointerEvent} */ { button, pointerId, offsetX: x }) => {
      if (button !== 0) return;
      map.canvas.setPointerCapture(pointerId);
      drag = { x, began: momentAt(x), before: store.get() };
    },
    onpointermove: (/** @type {PointerEvent} */ { offsetX: x }) => {
      if (drag && Math.abs(x - drag.x) > 3) store.set(draggedWindow(model, drag.before, drag.began, momentAt(x)));
    },
    onpointerup: drop,
    onpointercancel: drop,
    ondblclick: () => store.set(whole()),
  };
  const map = surface(box, attributes, MAP_HEIGHT, (context, width, height, colors) => {
    const pen = penOf(context, colors, model, whole(), width);
    pen.fill("soft", pen.plot.left, 0, pen.plot.width, height);
    drawRun(pen);
    pen.write("dim", "Whole run", 4, height / 2);
    showGlass();
  });
  const showGlass = () => {
    const { from, to } = store.get();
    const [x, end] = [from, to].map((ns) => xOf(ns, whole(), plotOf(map.width())));
    glass.hidden = from <= model.first && to >= model.last;
    glass.style.left = `${x}px`;
    glass.style.width = `${Math.max(end - x, 4)}px`;
  };
  store.listen(() => {
    if (version !== model.version) map.redraw();
    version = model.version;
    showGlass();
  });
}

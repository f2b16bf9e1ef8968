// Pointers and wheels on a time chart: drag pans, Shift or the axis draws a window, Ctrl and wheel (so two fingers on a
// touch pad) zoom.

import { panWindow, zoomWindow } from "./moves.js";
import { clamp, plotOf, timeAt } from "./scale.js";

/** @typedef {{x: number, y: number}} Point CSS pixels from the canvas's corner */

/**
 * What a chart does beside moving its window.
 * @typedef {object} Acts
 * @property {number} axis height of the axis at the top, CSS pixels
 * @property {() => number} width of the chart
 * @property {(range: {from: number, to: number} | null) => void} brush a window that is being drawn
 * @property {(point: Point | null) => void} hover
 * @property {(point: Point) => void} click
 * @property {(point: Point) => void} open double click
 */

/**
 * How much one turn of a wheel changes the window: above 1 is wider.
 * @param {{deltaY: number, deltaMode: number, ctrlKey: boolean}} wheel
 * @returns {number}
 */
export function wheelFactor({ deltaY, deltaMode, ctrlKey }) {
  const px = deltaMode === 0 ? deltaY : deltaY * 30;
  // Two fingers on a touch pad come as small steps with Ctrl.
  const gain = ctrlKey && Math.abs(px) < 30 ? 0.01 : 0.002;
  return Math.exp(clamp(px * gain, -0.7, 0.7));
}

/**
 * @param {import("./model.js").Model} model
 * @param {import("./state.js").Store} store
 * @param {Acts} acts
 * @returns {import("./dom.js").Attributes} listeners for the chart's canvas
 */
export function followPointers(model, store, { axis, width, brush, hover, click, open }) {
  /** @type {{start: Point, last: Point, draws: boolean, moved: boolean} | null} */
  let drag = null;
  const momentAt = (/** @type {number} */ x) => timeAt(x, store.get(), plotOf(width()));
  const pointOf = (/** @type {MouseEvent} */ { offsetX: x, offsetY: y }) => ({ x, y });
  const pan = (/** @type {number} */ px) => {
    const { from, to } = store.get();
    store.set(panWindow(model, { from, to }, (px / plotOf(width()).width) * (to - from)));
  };
  /** @type {(a: Point, b: Point) => {from: number, to: number}} */
  const between = (a, b) => ({ from: momentAt(Math.min(a.x, b.x)), to: momentAt(Math.max(a.x, b.x)) });
  const drop = () => {
    drag = null;
    brush(null);
  };
  return {
    onpointerdown: (/** @type {PointerEvent} */ event) => {
      if (event.button !== 0) return;
      const start = pointOf(event);
      /** @type {Element} */ (event.target).setPointerCapture(event.pointerId);
      drag = { start, last: start, draws: event.shiftKey || start.y < axis, moved: false };
    },
    onpointermove: (/** @type {PointerEvent} */ event) => {
      const point = pointOf(event);
      if (drag === null) return hover(event.pointerType === "mouse" ? point : null);
      const { start, last, draws, moved } = drag;
      if (!moved && Math.hypot(point.x - start.x, point.y - start.y) < 5) return;
      hover(null);
      if (draws) brush(between(start, point));
      else pan(last.x - point.x);
      drag = { start, last: point, draws, moved: true };
    },
    onpointerup: () => {
      const done = drag;
      drop();
      if (done?.moved === false) click(done.start);
      else if (done?.draws) store.set(between(done.start, done.last));
    },
    onpointercancel: drop,
    onpointerleave: () => hover(null),
    ondblclick: (/** @type {MouseEvent} */ event) => open(pointOf(event)),
    onwheel: (/** @type {WheelEvent} */ event) => {
      // Up and down belongs to the page, unless it is meant; sideways there is nothing else to move.
      const zooms = event.ctrlKey || event.offsetY < axis;
      if (!zooms && Math.abs(event.deltaX) <= Math.abs(event.deltaY)) return;
      event.preventDefault();
      if (zooms) store.set(zoomWindow(model, store.get(), wheelFactor(event), momentAt(event.offsetX)));
      else pan(event.deltaX);
    },
  };
}

// A canvas that is sharp on every screen, and drawn again when its size, its colours or its data change.

import { frame, h } from "./dom.js";
import { onPalette, palette } from "./theme.js";

/**
 * @typedef {object} Surface
 * @property {HTMLCanvasElement} canvas
 * @property {() => void} redraw before the next picture
 * @property {(px: number) => void} setHeight
 * @property {() => number} width in CSS pixels
 */

/**
 * @param {Element} parent
 * @param {import("./dom.js").Attributes} attributes of the canvas; give it a name (`aria-label`) and a role
 * @param {number} height CSS pixels
 * @param {(context: CanvasRenderingContext2D, width: number, height: number, colors: import("./theme.js").Palette) => void} draw
 * @returns {Surface}
 */
export function surface(parent, attributes, height, draw) {
  const canvas = h("canvas", { class: "surface", ...attributes });
  parent.append(canvas);
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  let width = 0;
  const paint = () => {
    const ratio = Math.min(devicePixelRatio || 1, 3);
    width = canvas.clientWidth;
    if (width === 0) return;
    const [pixels, lines] = [Math.round(width * ratio), Math.round(height * ratio)];
    // To set a size clears and allocates, even where it stays the same.
    if (canvas.width !== pixels || canvas.height !== lines) {
      canvas.width = pixels;
      canvas.height = lines;
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    draw(context, width, height, palette());
  };
  const redraw = frame(paint);
  const setHeight = (/** @type {number} */ px) => {
    height = px;
    canvas.style.height = `${px}px`;
    redraw();
  };
  setHeight(height);
  new ResizeObserver(redraw).observe(canvas);
  // A printer does not wait for the next picture.
  onPalette(paint);
  return { canvas, redraw, setHeight, width: () => width };
}

/** Font of labels on a canvas. */
export const LABEL_FONT = "12px system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif";

/**
 * The text, cut to a width with an ellipsis; measured, because letters differ.
 * @param {CanvasRenderingContext2D} context
 * @param {string} text
 * @param {number} width
 * @returns {string}
 */
export function fitted(context, text, width) {
  if (text.length < 400 && context.measureText(text).width <= width) return text;
  let [low, high] = [0, Math.min(text.length, 400)];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (context.measureText(`${text.slice(0, middle)}…`).width <= width) low = middle;
    else high = middle - 1;
  }
  return low === 0 ? "" : `${text.slice(0, low)}…`;
}

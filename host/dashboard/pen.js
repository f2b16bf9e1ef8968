// What draws on a canvas of time: filled and outlined bars, text that fits, arrow heads. Colours go by their token.

import { clamp, plotOf, xOf } from "./scale.js";
import { fitted, LABEL_FONT } from "./surface.js";

/** @typedef {ReturnType<typeof penOf>} Pen */
/** @typedef {keyof import("./theme.js").Palette} Token */

/** Height of a bar, CSS pixels. */
export const THICK = 16;

/**
 * Thin diagonal lines to lay upon a bar.
 * @param {CanvasRenderingContext2D} context
 * @param {string} color
 * @returns {CanvasPattern | string}
 */
function hatch(context, color) {
  const tile = new OffscreenCanvas(6, 6);
  const lines = /** @type {OffscreenCanvasRenderingContext2D} */ (tile.getContext("2d"));
  lines.strokeStyle = color;
  lines.globalAlpha = 0.45;
  for (const x of [-7, -1, 5]) {
    lines.moveTo(x, 7);
    lines.lineTo(x + 8, -1);
  }
  lines.stroke();
  return context.createPattern(tile, "repeat") ?? color;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {import("./theme.js").Palette} colors
 * @param {import("./model.js").Model} model
 * @param {{from: number, to: number}} view
 * @param {number} width of the canvas, CSS pixels
 */
export function penOf(context, colors, model, view, width) {
  const plot = plotOf(width);
  const right = plot.left + plot.width;
  const lines = hatch(context, colors.bg);
  context.font = LABEL_FONT;
  context.textBaseline = "middle";

  /** @type {(color: Token, x: number, y: number, width: number, height: number, alpha?: number) => void} */
  const fill = (color, x, y, width, height, alpha = 1) => {
    context.fillStyle = colors[color];
    context.globalAlpha = alpha;
    context.fillRect(x, y, width, height);
    context.globalAlpha = 1;
  };
  /** @type {(color: Token, text: string, x: number, y: number) => void} */
  const write = (color, text, x, y) => {
    context.fillStyle = colors[color];
    context.fillText(text, x, y);
  };
  const wide = (/** @type {string} */ text) => context.measureText(text).width;

  return {
    context,
    colors,
    model,
    view,
    plot,
    right,
    fill,
    write,
    wide,
    /** A moment's place, not far outside of what is seen: canvases lose precision far away. */
    at: (/** @type {number} */ ns) => clamp(xOf(ns, view, plot), plot.left - 40, right + 40),
    /**
     * A solid bar about a height; hatched where something failed.
     * @type {(color: Token, x: number, end: number, y: number, failed?: boolean) => void}
     */
    bar: (color, x, end, y, failed = false) => {
      fill(color, x, y - THICK / 2, end - x, THICK);
      if (!failed || end - x < 4) return;
      context.fillStyle = lines;
      context.fillRect(x, y - THICK / 2, end - x, THICK);
    },
    /** @type {(color: Token, x: number, end: number, y: number, tall: number, weight?: number) => void} */
    outline: (color, x, end, y, tall, weight = 1) => {
      if (end - x < 3) return;
      context.strokeStyle = colors[color];
      context.lineWidth = weight;
      context.strokeRect(x + weight / 2, y - tall / 2, end - x - weight, tall);
    },
    /**
     * Text in the part of a bar that is seen, over hatching on a ground of its own; false if it does not fit.
     * @type {(text: string, from: number, to: number, y: number, ground: Token | "", cut?: boolean) => boolean}
     */
    inside: (text, from, to, y, ground, cut = false) => {
      const x = Math.max(from, plot.left) + 5;
      const shown = fitted(context, text, Math.min(to, right) - x - 3);
      // One letter and dots say nothing.
      if (shown !== text && (!cut || shown.length < 4)) return false;
      if (ground) fill(ground, x - 2, y - 6, wide(shown) + 4, 12);
      write("bg", shown, x, y);
      return true;
    },
    /**
     * A triangle that points right.
     * @type {(color: Token, tip: number, y: number, half: number) => void}
     */
    head: (color, tip, y, half) => {
      context.fillStyle = colors[color];
      context.beginPath();
      context.moveTo(tip - 7, y - half);
      context.lineTo(tip, y);
      context.lineTo(tip - 7, y + half);
      context.fill();
    },
  };
}

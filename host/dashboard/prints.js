// The lanes on paper: in pieces that fit a page, because a printer cuts what is taller, and does not scroll.

import { h } from "./dom.js";
import { counted } from "./format.js";
import { AXIS } from "./picture.js";
import { onPalette, palette } from "./theme.js";

/**
 * @callback DrawLanes
 * @param {CanvasRenderingContext2D} context
 * @param {number} width CSS pixels
 * @param {number} height
 * @param {import("./theme.js").Palette} colors
 * @param {number} scroll
 * @returns {void}
 */

/** CSS pixels; small enough for the rest of a page. */
const PIECE_WIDTH = 1000;
const PIECE_HEIGHT = 330;
const MOST_PRINTED = 200;

/**
 * @param {{top: number, height: number}[]} lanes
 * @returns {{top: number, height: number}[]} the part of the lanes that each piece shows; no lane is cut
 */
export function printedPieces(lanes) {
  const pieces = [];
  for (const { top, height } of lanes.slice(0, MOST_PRINTED)) {
    const piece = pieces[pieces.length - 1];
    if (piece && top + height - piece.top <= PIECE_HEIGHT) piece.height = top + height - piece.top;
    else pieces.push({ top, height });
  }
  return pieces;
}

/**
 * @param {Element} parent
 * @param {() => import("./lanes.js").Lane[]} lanesNow
 * @param {DrawLanes} draw
 */
export function mountPrints(parent, lanesNow, draw) {
  const prints = h("div", { class: "prints", "aria-hidden": "true" });
  parent.append(prints);
  const build = () => {
    const pieces = printedPieces(lanesNow()).map(({ top, height }) => {
      const tall = height + AXIS + 2;
      const canvas = h("canvas", { width: PIECE_WIDTH * 2, height: tall * 2 });
      const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
      context.scale(2, 2);
      draw(context, PIECE_WIDTH, tall, palette(), top);
      return canvas;
    });
    const over = lanesNow().length - MOST_PRINTED;
    return [...pieces, over > 0 ? `… and ${counted(over, "lane")} more` : ""];
  };
  const update = (/** @type {boolean} */ printing) =>
    prints.replaceChildren(...(printing || matchMedia("print").matches ? build() : []));
  // Pages are counted before the colours of paper are known, so the pictures are made twice, equally tall.
  onPalette(() => update(false));
  addEventListener("beforeprint", () => update(true));
  addEventListener("afterprint", () => update(false));
}

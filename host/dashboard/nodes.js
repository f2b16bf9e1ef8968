// Draws the boxes and edges of the dependency graph as SVG.

import { svg } from "./dom.js";
import { duration } from "./format.js";
import { MARKS } from "./model.js";
import { fitted } from "./surface.js";
import { visibleText } from "./words.js";

/** @typedef {import("./layers.js").Layout} Layout */
/** @typedef {Layout["edges"][number]} Edge */
/** @typedef {import("./boxes.js").Box} Box */

/** Of a box: its size, and how far it is to the next one; before zoom. */
const WIDTH = 168;
const HEIGHT = 44;
export const ACROSS = 214;
export const DOWN = 58;

/**
 * An edge as a curve that passes the columns between at its own rows, with the head of an arrow.
 * @param {Edge} edge
 * @param {Layout} layout
 * @returns {string} the `d` of a path
 */
export function edgePath({ from, to, via }, { column, row }) {
  const middle = (/** @type {number} */ line) => Math.round(line * DOWN + HEIGHT / 2);
  const x = column[from] * ACROSS + WIDTH;
  let y = middle(row[from]);
  /** @type {(wide: number, line: number) => string} */
  const curve = (wide, line) => {
    const by = middle(line) - y;
    y += by;
    return `c${wide / 2} 0 ${wide / 2} ${by} ${wide} ${by}`;
  };
  const passed = via.map((line) => `${curve(ACROSS - WIDTH, line)}h${WIDTH}`).join("");
  const rest = column[to] * ACROSS - x - via.length * ACROSS;
  return `M${x} ${middle(row[from])}${passed}${curve(rest, row[to])}m-7-4 7 4-7 4`;
}

/**
 * The edges of the critical path: to each of its boxes from the one before it, which is the last of those it needs.
 * @param {Box[]} boxes
 * @param {Layout} layout
 * @returns {Set<Edge>}
 */
export function pathEdges(boxes, { edges, column }) {
  const inside = edges.filter(({ from, to }) => boxes[from].critical && boxes[to].critical);
  inside.sort((a, b) => column[a.from] - column[b.from]);
  return new Set(new Map(inside.map((edge) => [edge.to, edge])).values());
}

/**
 * @param {CanvasRenderingContext2D} ruler measures text
 * @param {Box} box
 * @param {string} transform where it stands
 * @param {number} dependents how many boxes need it
 * @param {() => void} onclick
 * @returns {SVGElement}
 */
export function drawBox(ruler, { name, stages, lead, critical, needs }, transform, dependents, onclick) {
  const { sign, word } = MARKS[lead.mark];
  const title = visibleText(name);
  const single = stages.length === 1;
  const time = lead.from < lead.to ? ` ${duration(lead.cost ?? lead.end - lead.start)}` : "";
  const state = single ? word + time : `${stages.filter(({ mark }) => mark === lead.mark).length} ${word}`;
  const path = critical ? ", on the critical path" : "";
  const label = `${title}: ${state}${path}, needs ${needs.length}, needed by ${dependents}`;
  return svg(
    "g",
    {
      class: `node ${lead.mark}${critical ? " critical" : ""}`,
      transform,
      role: "button",
      "aria-label": label,
      onclick,
    },
    svg("title", {}, title + (single ? `, slack ${duration(lead.slack)}` : "")),
    svg("rect", { width: WIDTH, height: HEIGHT, rx: 6 }),
    svg("text", { x: 10, y: 18 }, fitted(ruler, title, WIDTH - 20)),
    svg("text", { x: 10, y: 35, class: "state" }, `${sign} ${state}`),
  );
}

/** @returns {SVGElement} the hatch of what failed */
export function drawHatch() {
  const tile = { id: "graph-hatch", width: 7, height: 7, patternUnits: "userSpaceOnUse" };
  return svg("pattern", tile, svg("path", { d: "M0 7 7 0" }));
}

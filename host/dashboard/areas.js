// Draws how many stages ran and waited over time: areas above one another, the line of slots, the line of CPU.

import { counted, integer } from "./format.js";
import { resample } from "./occupancy.js";
import { clamp, plotOf, timeTicks, valueTicks, xOf } from "./scale.js";
import { LABEL_FONT } from "./surface.js";

export const AREAS_HEIGHT = 150;
const ROOF = 8;
const FLOOR = AREAS_HEIGHT - 20;

/**
 * @param {CanvasRenderingContext2D} context
 * @param {number} width
 * @param {import("./theme.js").Palette} colors
 * @param {import("./state.js").State} state
 * @param {import("./occupancy.js").Occupancy} occupancy
 * @param {number} slots 0: no limit
 * @param {number | undefined} cursor the moment that is read, ns
 * @param {number | undefined} anchor where a selection began, ns
 */
export function drawAreas(context, width, colors, state, occupancy, slots, cursor, anchor) {
  const { from, to } = state;
  const plot = plotOf(width);
  const { left } = plot;
  const columns = Math.round(plot.width);
  const [running, waiting, pausing, cpu] = occupancy.map((steps) => resample(steps, from, to, columns));
  const queue = waiting.map((value, n) => value + running[n]);
  const backoff = pausing.map((value, n) => value + queue[n]);
  const base = Math.max(occupancy[0].peak, occupancy[3].peak, slots);
  // A crowd that waits must not flatten what runs: it is cut, and the label says so.
  const peak = Math.max(...backoff);
  const top = Math.max(base, Math.min(peak, base * 2.5)) * 1.05;
  /** @type {(value: number) => number} */
  const y = (value) => FLOOR - (Math.min(value, top) / top) * (FLOOR - ROOF);
  /** @type {(ns: number) => number} */
  const x = (ns) => Math.round(clamp(xOf(ns, state, plot), left, left + columns));
  /** @type {(values: number[]) => void} */
  const trace = (values) => {
    context.beginPath();
    values.forEach((value, n) => context.lineTo(left + n, y(value)));
  };
  /** @type {(values: number[], color: string, thick: number, dash?: number[]) => void} */
  const line = (values, color, thick, dash = []) => {
    trace(values);
    context.strokeStyle = color;
    context.lineWidth = thick;
    context.setLineDash(dash);
    context.stroke();
  };
  /** @type {(values: number[], color: string) => void} */
  const area = (values, color) => {
    trace(values);
    context.lineTo(left + columns, FLOOR);
    context.lineTo(left, FLOOR);
    context.fillStyle = color;
    context.fill();
  };

  context.font = LABEL_FONT;
  context.textBaseline = "middle";
  context.textAlign = "center";
  for (const { at, label } of timeTicks(from, to, columns / 70)) {
    context.fillStyle = colors.dim;
    // The last one may be at the very edge, which must not cut it.
    context.fillText(label, Math.min(x(at), width - context.measureText(label).width / 2), FLOOR + 12);
    context.fillStyle = colors.line;
    context.fillRect(x(at), ROOF, 1, FLOOR - ROOF + 4);
  }
  if (occupancy[2].peak > 0) line(backoff, colors.dim, 1.5, [1, 3]);
  area(queue, colors.soft);
  line(queue, colors.dim, 1);
  area(running, colors.s0);
  if (occupancy[3].peak > 0) {
    line(cpu, colors.bg, 4);
    line(cpu, colors.s1, 2);
  }
  context.fillStyle = colors.dim;
  context.textAlign = "right";
  /** @type {(text: string, y: number) => void} */
  const label = (text, y) => context.fillText(text, left - 8, y);
  for (const tick of valueTicks(base, 3, true))
    if (tick <= base && Math.abs(y(tick) - y(slots)) > 14) label(String(tick), y(tick));
  if (peak > top) label(`▲ ${integer(peak)}`, ROOF + 3);
  context.fillStyle = colors.fg;
  if (slots > 0) {
    label(counted(slots, "slot"), y(slots));
    line(Array(columns).fill(slots), colors.fg, 1.5, [6, 4]);
  }
  if (cursor === undefined) return;
  context.fillRect(x(cursor), ROOF, 1, FLOOR - ROOF);
  context.globalAlpha = 0.2;
  context.fillRect(x(cursor), ROOF, x(anchor ?? cursor) - x(cursor), FLOOR - ROOF);
  context.globalAlpha = 1;
}

// Files made from what the page holds: tables as CSV, spans as Chrome's trace events. Pure: text in, text out.

/** @typedef {import("./model.js").Model} Model */
/** @typedef {string | number | boolean | null} Cell */

/**
 * A table as RFC 4180 wants it. A text that a spreadsheet would take for a formula gets a `'` in front.
 * @param {readonly string[]} titles
 * @param {readonly (readonly Cell[])[]} rows
 * @returns {string}
 */
export function csv(titles, rows) {
  return [titles, ...rows].map((row) => `${row.map(csvCell).join(",")}\r\n`).join("");
}

/**
 * @param {Cell} value
 * @returns {string}
 */
function csvCell(value) {
  if (value === null) return "";
  if (typeof value !== "string") return String(value);
  const text = /^[=+\-@\t\r\n]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * Columns of the page's data as a table, under their own names.
 * @param {Record<string, Cell[]>} columns
 * @returns {string}
 */
function csvOf(columns) {
  const titles = Object.keys(columns);
  return csv(titles, columns[titles[0]].map((_, at) => titles.map((title) => columns[title][at])));
}

/**
 * @param {Model} model
 * @returns {string}
 */
export function stagesCsv({ stages, tables }) {
  const { id: stage, ...rest } = tables.stages;
  const needs = stages.map((one) => one.needs.map((need) => stages[need].id).join(" "));
  return csvOf(/** @type {any} */ ({ stage, ...rest, needs }));
}

/**
 * @param {Model} model
 * @returns {string}
 */
export function attemptsCsv({ stages, attempts, tables }) {
  const stage = attempts.map((attempt) => stages[attempt.stage].id);
  const [stdout, stderr] = [attempts.map((attempt) => attempt.stdout), attempts.map((attempt) => attempt.stderr)];
  return csvOf(/** @type {any} */ ({ ...tables.attempts, stage, stdout, stderr }));
}

/** @typedef {{attempt: number, span: number, start: number, end: number, lane: number}} Slice span -1: the attempt */

/**
 * Attempts and their spans, each in a lane, so that slices of one lane either follow each other or stand in the slice
 * that they are part of: what overlaps another by chance gets a lane of its own.
 * @param {Model} model
 * @returns {Slice[]}
 */
export function packLanes({ attempts, spans }) {
  /** @type {Slice[]} */
  const slices = attempts.map(({ at, start, end }) => ({ attempt: at, span: -1, start, end, lane: 0 }));
  spans.attempt.forEach((attempt, span) => {
    slices.push({ attempt, span, start: spans.start[span], end: spans.end[span], lane: 0 });
  });
  slices.sort((a, b) => a.start - b.start || b.end - a.end || a.span - b.span);
  /** @type {Slice[][]} what has begun and not ended in each lane, the innermost last */
  const lanes = [];
  for (const slice of slices) {
    for (const open of lanes) while (open.length > 0 && open[open.length - 1].end <= slice.start) open.pop();
    const parent = slice.span < 0 ? undefined : spans.parent[slice.span];
    const around = lanes.findIndex((open) => {
      const last = open[open.length - 1];
      return last?.attempt === slice.attempt && last.span === parent && last.end >= slice.end;
    });
    const free = around < 0 ? lanes.findIndex((open) => open.length === 0) : around;
    slice.lane = free < 0 ? lanes.push([]) - 1 : free;
    lanes[slice.lane].push(slice);
  }
  return slices;
}

/**
 * Chrome's trace events, which Perfetto and others open. Times are microseconds after the first start.
 * @param {Model} model
 * @returns {string}
 */
export function chromeTrace(model) {
  const { attempts, stages, spans, run, first } = model;
  const events = packLanes(model).map(({ attempt: at, span, start, end, lane }) => {
    const { stage, number, result } = attempts[at];
    const { id } = stages[stage];
    const event = { ph: "X", ts: (start - first) / 1000, dur: (end - start) / 1000, pid: 1, tid: lane + 1 };
    return span < 0
      ? { ...event, name: number > 1 ? `${id} (attempt ${number})` : id, cat: "attempt", args: { result } }
      : { ...event, name: spans.names[spans.name[span]], cat: "span", args: { error: spans.error[span] > 0 } };
  });
  const otherData = { pipeline: run.pipeline, run_id: run.id };
  return JSON.stringify({ displayTimeUnit: "ms", otherData, traceEvents: events });
}

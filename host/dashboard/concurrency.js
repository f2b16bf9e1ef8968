// The section "Concurrency": how many stages ran and waited over time, beside the slots there were and the CPU used.

import { AREAS_HEIGHT, drawAreas } from "./areas.js";
import { announce, h, hasModifier, section } from "./dom.js";
import { counted, duration, offset, percent } from "./format.js";
import { showWindow } from "./moves.js";
import { levelsOf, occupancyOf, resample } from "./occupancy.js";
import { clamp, plotOf, timeAt } from "./scale.js";
import { boundWindow } from "./state.js";
import { surface } from "./surface.js";
import { keyItem, tableTwin } from "./twin.js";

/** Of each layer: its swatch, the word after a number, what else the key says. */
const LAYER_WORDS = [
  ["execution", "running", ""],
  ["queue", "waiting", " for a slot"],
  ["backoff", "pausing", " before a retry"],
  ["cpu", "cores of CPU", ", each attempt's spread evenly over it"],
];
/** By what share of the window a key moves the cursor. @type {Record<string, number>} */
const CURSOR_KEYS = { ArrowLeft: -0.02, ArrowRight: 0.02, Home: -1, End: 1 };

/**
 * How well the slots were used, in words.
 * @param {number[]} levels how long each number of stages ran at once
 * @param {number} slots 0: no limit
 * @returns {string}
 */
export function levelWords(levels, slots) {
  const sum = (/** @type {number[]} */ times) => times.reduce((all, time) => all + time, 0);
  /** @type {(from: number, to?: number) => string} */
  const share = (from, to) => percent(sum(levels.slice(from, to)) / sum(levels));
  const most = slots || levels.length - 1;
  const all = slots ? `${counted(slots, "slot")}: all` : `No limit of slots: ${most}`;
  const fewer = most > 1 ? `, fewer ${share(1, most)}` : "";
  return `${all} busy ${share(most)} of the time shown${fewer}, none ${share(0, 1)}.`;
}

/**
 * @param {Element} parent
 * @param {import("./model.js").Model} model
 * @param {import("./state.js").Store} store
 */
export function mountConcurrency(parent, model, store) {
  let occupancy = occupancyOf(model);
  let { version } = model;
  /** @type {number | undefined} */
  let cursor;
  /** @type {number | undefined} */
  let anchor;

  const readingNow = () => {
    if (cursor === undefined) return "Point at the chart to read it, drag to zoom.";
    const at = cursor;
    const parts = LAYER_WORDS.map(([, word], n) => {
      const [value] = resample(occupancy[n], at, at + 1, 1);
      return `${Number(value.toFixed(2))} ${word}`;
    });
    return `${offset(at)}: ${parts.filter((_, n) => occupancy[n].peak > 0).join(", ")}`;
  };
  /** @type {(at?: number, since?: number) => void} */
  const point = (at, since) => {
    cursor = at;
    anchor = since;
    chart.redraw();
  };
  /** @type {(ns: number) => number} */
  const inWindow = (ns) => clamp(ns, store.get().from, store.get().to);
  /** @type {(event: PointerEvent) => number} */
  const momentOf = ({ offsetX }) => inWindow(timeAt(offsetX, store.get(), plotOf(chart.width())));
  const begin = (/** @type {PointerEvent} */ event) => {
    if (event.button !== 0) return;
    chart.canvas.setPointerCapture(event.pointerId);
    point(momentOf(event), momentOf(event));
  };
  const end = (/** @type {PointerEvent} */ event) => {
    const { from, to } = store.get();
    const now = momentOf(event);
    const before = anchor ?? now;
    point(now);
    // Less is a click that trembled.
    if (Math.abs(now - before) > (to - from) / 100)
      showWindow(store, boundWindow(model, Math.min(now, before), Math.max(now, before)));
  };
  /** @param {KeyboardEvent} event */
  const press = (event) => {
    const { from, to } = store.get();
    const step = CURSOR_KEYS[event.key];
    if (!step || hasModifier(event)) return;
    event.preventDefault();
    point(inWindow((cursor ?? (from + to) / 2) + step * (to - from)));
    announce(readingNow());
  };

  const words = h("p");
  const reading = h("p", { class: "aside no-print" });
  const key = h("ul", { class: "key" });
  const place = section(parent, "concurrency", "Concurrency", words);
  const attributes = {
    class: "surface brush",
    tabindex: 0,
    role: "application",
    "aria-roledescription": "chart",
    onkeydown: press,
    onpointermove: (/** @type {PointerEvent} */ event) => point(momentOf(event), anchor),
    onpointerleave: () => point(),
    onpointerdown: begin,
    onpointerup: end,
  };
  const chart = surface(place, attributes, AREAS_HEIGHT, (context, width, _, colors) => {
    drawAreas(context, width, colors, store.get(), occupancy, model.slots ?? 0, cursor, anchor);
    reading.textContent = readingNow();
  });
  place.append(reading, key);
  const heads = ["Stages at once", "Time", "Share"];
  const refreshTwin = tableTwin(place, "As a table: time at each number of running stages", heads, 0, () => {
    const { from, to } = store.get();
    const rows = levelsOf(occupancy[0], from, to).map((time, level) => ({ time, level }));
    return rows
      .filter(({ time }) => time >= 1)
      .map(({ time, level }) => [String(level), duration(time), percent(time / (to - from))]);
  });

  const refresh = () => {
    if (version !== model.version) occupancy = occupancyOf(model);
    version = model.version;
    cursor &&= inWindow(cursor);
    const { from, to } = store.get();
    const [running, , , cpu] = occupancy;
    const mean = resample(cpu, from, to, 1)[0].toFixed(2);
    const cores = `${mean}${model.cores ? ` of ${model.cores}` : ""} cores on average`;
    place.hidden = running.peak === 0;
    const used = cpu.peak > 0 ? cores : "not measured";
    words.textContent = `${levelWords(levelsOf(running, from, to), model.slots ?? 0)} CPU: ${used}.`;
    chart.canvas.ariaLabel = `Concurrency. ${words.textContent} Arrow keys read moments.`;
    const known = LAYER_WORDS.filter((_, n) => occupancy[n].peak > 0);
    key.replaceChildren(...known.map(([swatch, word, more]) => keyItem(swatch, word + more)));
    refreshTwin();
    chart.redraw();
  };
  store.listen(refresh);
  refresh();
}

// Numbers as people read them, in the same words as the rest of the report (host/src/units.rs): rounded once, here.

/** What stands where nothing is known. */
export const NOTHING = "–";

const MS = 1e6;
const SECOND = 1e9;

/**
 * A time span: `412 µs`, `500 ms`, `4.000 s`, `30.3 s`, `2 h 5 min 0.1 s`.
 * @param {number | null | undefined} ns
 * @returns {string}
 */
export function duration(ns) {
  if (ns === null || ns === undefined || !Number.isFinite(ns)) return NOTHING;
  if (ns < 0) return `-${duration(-ns)}`;
  if (ns === 0) return "0 ms";
  if (ns < 1000) return `${Math.round(ns)} ns`;
  if (Math.round(ns / 1000) < 1000) return `${Math.round(ns / 1000)} µs`;
  const ms = Math.round(ns / MS);
  if (ms < 1000) return `${ms} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(3)} s`;
  const tenths = Math.round(ns / (SECOND / 10));
  const seconds = `${((tenths % 600) / 10).toFixed(1)} s`;
  const minutes = Math.floor(tenths / 600);
  if (minutes === 0) return seconds;
  const hours = Math.floor(minutes / 60);
  if (hours === 0) return `${minutes} min ${seconds}`;
  const days = Math.floor(hours / 24);
  const rest = `${hours % 24} h ${minutes % 60} min ${seconds}`;
  return days === 0 ? rest : `${days} d ${rest}`;
}

/**
 * @param {number} ns a change
 * @returns {string}
 */
export function signedDuration(ns) {
  return ns > 0 ? `+${duration(ns)}` : duration(ns);
}

/**
 * A point of time on the axis of a run: `+4.50 s`.
 * @param {number} ns after the run's start
 * @returns {string}
 */
export function offset(ns) {
  return ns < 0 ? duration(ns) : `+${duration(ns)}`;
}

/**
 * `64.5 %` of a fraction.
 * @param {number | null | undefined} fraction
 * @returns {string}
 */
export function percent(fraction) {
  return fraction === null || fraction === undefined || !Number.isFinite(fraction)
    ? NOTHING
    : `${rounded(fraction * 100, 1)} %`;
}

/**
 * A number with 0 or 1 decimals as Rust writes it: from the middle to the even digit, no negative zero.
 * @param {number} value
 * @param {number} decimals
 * @returns {string}
 */
function rounded(value, decimals) {
  const unit = 10 ** decimals;
  const middle = Math.abs(value * 2 ** (decimals + 1)) % 2 === 1;
  const text = (middle ? (2 * Math.round((value * unit) / 2)) / unit : value).toFixed(decimals);
  return Number(text) === 0 ? text.replace("-", "") : text;
}

/**
 * `512 B`, `12.4 MiB`, `812 MiB`.
 * @param {number | null | undefined} value
 * @returns {string}
 */
export function bytes(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return NOTHING;
  if (value < 1024) return `${value} B`;
  let scaled = value;
  for (const unit of ["KiB", "MiB", "GiB", "TiB", "PiB"]) {
    scaled /= 1024;
    if (scaled < 1023.5) return `${rounded(scaled, scaled < 99.95 ? 1 : 0)} ${unit}`;
  }
  return `${rounded(scaled / 1024, 1)} EiB`;
}

/**
 * `1 stage`, `1,234 stages`.
 * @param {number} n
 * @param {string} word
 * @returns {string}
 */
export function counted(n, word) {
  return n === 1 ? `1 ${word}` : `${integer(n)} ${word}s`;
}

/**
 * `1,234,567`
 * @param {number} n
 * @returns {string}
 */
export function integer(n) {
  return String(Math.round(n)).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

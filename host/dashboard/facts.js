// What the panel of details tells, as plain values: time inside an attempt, links to files and runs. Pure.

/** @typedef {{name: string, total: number, self: number, calls: number, errors: number}} NameTime ns */

/**
 * Time by name of span, the largest own time first: that of a span without what its children cover.
 * @param {import("./model.js").Spans} spans sorted by start within an attempt
 * @param {number} from
 * @param {number} to
 * @returns {NameTime[]}
 */
export function timeByName({ name, names, parent, start, end, error }, from, to) {
  const covered = new Float64Array(to - from);
  const reach = new Float64Array(to - from).fill(-Infinity);
  for (let at = from; at < to; at += 1) {
    const above = parent[at];
    if (above < from || above >= to) continue;
    // The part inside the parent that no earlier child has covered.
    const begin = Math.max(start[at], start[above], reach[above - from]);
    const finish = Math.min(end[at], end[above]);
    if (finish > begin) covered[above - from] += finish - begin;
    reach[above - from] = Math.max(reach[above - from], finish);
  }
  /** @type {Map<number, NameTime>} */
  const times = new Map();
  for (let at = from; at < to; at += 1) {
    const sum = times.get(name[at]) ?? { name: names[name[at]], total: 0, self: 0, calls: 0, errors: 0 };
    const time = Math.max(end[at] - start[at], 0);
    sum.total += time;
    sum.self += Math.max(time - covered[at - from], 0);
    sum.calls += 1;
    sum.errors += error[at];
    times.set(name[at], sum);
  }
  return [...times.values()].sort((a, b) => b.self - a.self || b.calls - a.calls);
}

/**
 * A link to a file of the run; null for a path that does not stay below the run's directory.
 * @param {string | null} path
 * @param {string} [prefix] of the run's directory, as seen from the page
 * @returns {string | null}
 */
export function fileLink(path, prefix = "../") {
  if (path === null || /(^|\/)\.{0,2}(\/|$)/.test(path)) return null;
  return prefix + encodeURIComponent(path).replaceAll("%2F", "/");
}

/**
 * A link to another run; null for what is no run's name.
 * @param {string} id
 * @param {string} [prefix] of runs' pages on a server; without, the runs' directories lie beside each other
 * @returns {string | null}
 */
export function runLink(id, prefix) {
  if (!/^(?!.*\.\.)[a-z0-9][\w.-]{0,249}$/i.test(id)) return null;
  return prefix === undefined ? `../../${id}/reports/forensic_report.html` : prefix + id;
}

/**
 * A moment of the run as time of day, UTC: `12:00:04.500 UTC`.
 * @param {number} startTime Unix ns
 * @param {number} ns
 * @returns {string}
 */
export function clockText(startTime, ns) {
  return `${new Date((startTime + ns) / 1e6).toISOString().slice(11, 23)} UTC`;
}

/**
 * Text of many lines; what would be invisible or turn a line around is shown as a mark.
 * @param {string} text
 * @returns {string}
 */
export function visibleLines(text) {
  return text.replace(/\r\n/g, "\n").replace(/[^\P{C}\n\t]|[\u2028\u2029]/gu, "\u25AF");
}

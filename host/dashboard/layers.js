// Places for the nodes of a dependency graph: columns by the longest path, rows with few crossings, points for edges.
// The same graph always gives the same drawing.

/**
 * @typedef {object} Layout
 * @property {number[]} column of each node, from 0
 * @property {number[]} row of each node, from 0; a fraction where that makes edges straighter
 * @property {number} rows
 * @property {number[][]} lines columns of nodes from top to bottom
 * @property {{from: number, to: number, via: number[]}[]} edges with the rows at which they pass the columns between
 */

/**
 * The longest way from a node without needs to each node. What closes a circle (foreign data) is passed over.
 * @param {number[][]} needs positions of what each node needs
 * @returns {number[]}
 */
export function columnsOf(needs) {
  /** @type {number[]} */
  const column = [];
  /** @type {(at: number) => number} */
  const place = (at) => {
    if (column[at] === undefined) {
      column[at] = 0;
      column[at] = Math.max(0, ...needs[at].map((need) => place(need) + 1));
    }
    return column[at];
  };
  return needs.map((_, at) => place(at));
}

/**
 * @param {number[][]} needs
 * @returns {Layout}
 */
export function layOut(needs) {
  const column = columnsOf(needs);
  /** @type {number[][]} */
  const lines = Array.from({ length: Math.max(-1, ...column) + 1 }, () => []);
  needs.forEach((_, at) => lines[column[at]].push(at));
  // An edge over several columns passes through points of its own: they take a place in each column, as nodes do.
  /** @type {number[][]} */
  const before = needs.map(() => []);
  /** @type {number[][]} */
  const behind = needs.map(() => []);
  /** @type {(from: number, to: number) => void} */
  const join = (from, to) => {
    before[to].push(from);
    behind[from].push(to);
  };
  const edges = needs.flatMap((list, to) =>
    list
      .filter((from) => column[from] < column[to])
      .map((from) => {
        /** @type {number[]} */
        const via = [];
        // A way longer than that would need more points than it is worth.
        const between = column[to] - column[from] > 20 ? [] : lines.slice(column[from] + 1, column[to]);
        for (const line of between) {
          const point = before.push([]) - 1;
          behind.push([]);
          line.push(point);
          join(via.at(-1) ?? from, point);
          via.push(point);
        }
        join(via.at(-1) ?? from, to);
        return { from, to, via };
      }),
  );
  const row = rowsOf(needs.length, lines, before, behind);
  return {
    column,
    row,
    rows: row.reduce((most, y) => Math.max(most, y + 1), 0),
    lines: lines.map((line) => line.filter((at) => at < needs.length)),
    edges: edges.map(({ from, to, via }) => ({ from, to, via: via.map((point) => row[point]) })),
  };
}

/**
 * Orders each column by the mean row of neighbours, forth and back, then moves its nodes as near to that as they fit.
 * @param {number} nodes how many of the points are nodes
 * @param {number[][]} lines
 * @param {number[][]} before
 * @param {number[][]} behind
 * @returns {number[]} rows
 */
function rowsOf(nodes, lines, before, behind) {
  const row = before.map(() => 0);
  const wish = [...row];
  for (const line of lines) line.forEach((at, n) => (row[at] = n - line.length / 2));
  /** @type {(points: number[], of: (at: number) => number) => number} */
  const mean = (points, of) => points.reduce((sum, at) => sum + of(at), 0) / points.length;
  for (let sweep = 0; sweep < 9; sweep += 1) {
    const forth = sweep % 2 === 0;
    for (const line of forth ? lines : [...lines].reverse()) {
      for (const at of line) {
        const near = (forth ? before : behind)[at];
        wish[at] = near.length > 0 ? mean(near, (n) => row[n]) : row[at];
      }
      line.sort((a, b) => wish[a] - wish[b] || row[a] - row[b] || a - b);
      line.forEach((at, n) => {
        // Between neighbours there is one row, less beside a point of an edge, and no more than two.
        const above = line[n - 1];
        const gap = (at < nodes ? 0.5 : 0.2) + (above < nodes ? 0.5 : 0.2);
        row[at] = n === 0 ? wish[at] : Math.min(Math.max(wish[at], row[above] + gap), row[above] + 2);
      });
      // They were pushed down or held back: the column as a whole goes to where it wished to be.
      const pushed = mean(line, (at) => row[at] - wish[at]);
      for (const at of line) row[at] -= pushed;
    }
  }
  const top = row.reduce((least, y) => Math.min(least, y), Infinity);
  return row.map((y) => y - top);
}

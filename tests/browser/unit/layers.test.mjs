import assert from "node:assert/strict";
import { test } from "node:test";

import { boxesOf, reachedFrom } from "../../../host/dashboard/boxes.js";
import { edgePath, pathEdges } from "../../../host/dashboard/nodes.js";
import { columnsOf, layOut } from "../../../host/dashboard/layers.js";

const stage = (at, needs = [], more = {}) => ({
  at,
  id: `s${at}`,
  mark: "ok",
  start: 0,
  end: 1,
  needs,
  dependents: [],
  critical: false,
  group: null,
  memberOf: null,
  ...more,
});

/** How often two straight edges between neighbouring columns cross. */
function crossings({ edges, column, row }) {
  const near = edges.filter(({ from, to }) => column[to] === column[from] + 1);
  return near.reduce(
    (count, a, n) =>
      count +
      near
        .slice(n + 1)
        .filter((b) => column[a.from] === column[b.from] && (row[a.from] - row[b.from]) * (row[a.to] - row[b.to]) < 0)
        .length,
    0,
  );
}

test("columns follow the longest path", () => {
  // A, B; C, D, E need A; F needs D; G needs C and D; H needs F and G.
  assert.deepEqual(columnsOf([[], [], [0], [0], [0], [3], [2, 3], [5, 6]]), [0, 0, 1, 1, 1, 2, 2, 3]);
  assert.deepEqual(columnsOf([[], [0], [1], [0, 2]]), [0, 1, 2, 3]);
  assert.deepEqual(columnsOf([]), []);
});

test("circles are passed over", () => {
  const circle = columnsOf([[2], [0], [1], [2]]);
  assert.equal(circle.length, 4);
  assert.ok(circle.every((column) => column >= 0 && column < 4));
  const layout = layOut([[1], [0], [0]]);
  assert.equal(layout.row.length, 3);
  assert.ok(layout.edges.every(({ from, to }) => layout.column[from] < layout.column[to]));
});

test("nodes of one column have a row each, none above the first", () => {
  const needs = Array.from({ length: 120 }, (_, at) => (at < 10 ? [] : [at - 10, (at * 7) % at, (at * 3) % at]));
  const layout = layOut(needs);
  assert.equal(Math.min(...layout.row), 0);
  assert.ok(layout.row.every((row) => row <= layout.rows - 1 + 1e-9));
  for (const line of layout.lines) {
    for (let n = 1; n < line.length; n += 1) assert.ok(layout.row[line[n]] - layout.row[line[n - 1]] >= 1 - 1e-9);
  }
  assert.deepEqual(
    layout.lines.flat().sort((a, b) => a - b),
    needs.map((_, at) => at),
  );
  assert.deepEqual(layOut(needs), layout, "the same graph gives the same drawing");
});

test("an order with fewer crossings is found, and chains are straight", () => {
  // Five chains whose second halves are listed the other way round.
  const needs = [[], [], [], [], [], [4], [3], [2], [1], [0], [5], [6], [7], [8], [9]];
  const layout = layOut(needs);
  assert.equal(crossings(layout), 0);
  for (const { from, to } of layout.edges) assert.ok(Math.abs(layout.row[from] - layout.row[to]) < 1e-9);
});

test("an edge over several columns has a place in each of them", () => {
  const layout = layOut([[], [0], [1], [0, 2]]);
  const long = layout.edges.find(({ from, to }) => from === 0 && to === 3);
  assert.equal(long.via.length, 2);
  assert.ok(
    long.via.every((row, n) => Math.abs(row - layout.row[n + 1]) >= 0.6),
    "it does not run through a box",
  );
  assert.match(edgePath(long, layout), /^M168 \d+(?:c23 0 23 -?\d+ 46 -?\d+h168){2}c23 0 23 -?\d+ 46 -?\d+m-7-4 7 4-7 4$/);
});

test("a graph of nothing and of one", () => {
  assert.deepEqual([layOut([]).rows, layOut([]).lines], [0, []]);
  assert.deepEqual([layOut([[]]).rows, layOut([[]]).lines, layOut([[]]).row], [1, [[0]], [0]]);
});

test("300 nodes that all need each other are laid out quickly", () => {
  const began = performance.now();
  layOut(Array.from({ length: 300 }, (_, at) => Array.from({ length: at }, (_, need) => need)));
  assert.ok(performance.now() - began < 5000);
});

test("few stages have a box each", () => {
  const { boxes, note } = boxesOf([stage(0), stage(1, [0])], -1);
  assert.equal(note, "");
  assert.deepEqual(
    boxes.map(({ name, needs }) => [name, needs]),
    [
      ["s0", []],
      ["s1", [0]],
    ],
  );
});

test("needs of oneself, twice or of nobody are passed over", () => {
  const { boxes } = boxesOf([stage(0, [0]), stage(1, [0, 0, 7, -1])], -1);
  assert.deepEqual(
    boxes.map(({ needs }) => needs),
    [[], [0]],
  );
});

test("many stages are folded by matrix or group; the worst member leads", () => {
  const stages = Array.from({ length: 1000 }, (_, at) =>
    stage(at, at >= 10 ? [at - 10] : [], { group: `g${Math.floor(at / 10)}`, mark: at === 7 ? "failed" : "ok" }),
  );
  const { boxes, note } = boxesOf(stages, -1);
  assert.equal(boxes.length, 100);
  assert.equal(boxes[0].name, "g0 (10)");
  assert.equal(boxes[0].lead.at, 7);
  assert.deepEqual(boxes[5].needs, [4]);
  assert.match(note, /^1,000 stages: /);
});

test("too many for that: the critical path and the neighbours of the selection", () => {
  const stages = Array.from({ length: 1000 }, (_, at) =>
    stage(at, at > 0 ? [at - 1] : [], { critical: at % 100 === 0, dependents: [at + 1] }),
  );
  const { boxes, note } = boxesOf(stages, 555);
  assert.deepEqual(
    boxes.map(({ lead }) => lead.at).sort((a, b) => a - b),
    [0, 100, 200, 300, 400, 500, 554, 555, 556, 600, 700, 800, 900],
  );
  assert.match(note, /^13 of 1,000 stages: /);
  assert.equal(boxesOf(stages, -1).boxes.length, 10);
});

test("what can be reached, also around circles", () => {
  assert.deepEqual([...reachedFrom([[1], [2], [0], [0]], 0)], [0, 1, 2]);
  assert.deepEqual([...reachedFrom([], 0)], [0]);
});

test("the critical path is a line: a shortcut past one of its stages is not part of it", () => {
  const stages = [
    stage(0, [], { critical: true }),
    stage(1, [0], { critical: true }),
    stage(2, [0, 1], { critical: true }),
    stage(3, [2]),
  ];
  const { boxes } = boxesOf(stages, -1);
  const path = pathEdges(boxes, layOut(boxes.map(({ needs }) => needs)));
  assert.deepEqual(
    [...path].map(({ from, to }) => [from, to]),
    [
      [0, 1],
      [1, 2],
    ],
  );
});

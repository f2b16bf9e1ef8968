import assert from "node:assert/strict";
import { test } from "node:test";

import { chainPieces, chainTotals } from "../../../host/dashboard/chain.js";

const segment = (kind, start, end, stage = -1, attempt = 0) => ({ kind, stage, attempt, start, end });
const oracle = [
  ["overhead", 0, 0.5],
  ["execution", 0.5, 4.5],
  ["execution", 4.5, 7.5],
  ["backoff", 7.5, 8.5],
  ["queue", 8.5, 10.5],
  ["execution", 10.5, 16.5],
  ["execution", 16.5, 26.5],
  ["overhead", 26.5, 26.5],
  ["queue", 26.5, 27],
  ["execution", 27, 30],
  ["overhead", 30, 30.25],
].map(([kind, start, end]) => segment(kind, start, end));

test("the worked example: 26 + 2.5 + 1 + 0.75 = 30.25", () => {
  assert.deepEqual(Object.fromEntries(chainTotals(oracle)), { execution: 26, queue: 2.5, backoff: 1, overhead: 0.75 });
});

test("a chain of nothing has no pieces", () => {
  assert.ok(chainTotals([]).every(([, time]) => time === 0));
  assert.deepEqual(chainPieces([], 0), []);
});

test("a short chain shows every segment that lasts", () => {
  const pieces = chainPieces(oracle, 30.25);
  assert.equal(pieces.length, 10);
  assert.ok(pieces.every(({ count }) => count === 1));
});

test("in a long chain short neighbours share a piece; nothing is lost", () => {
  const long = Array.from({ length: 20_000 }, (_, n) => segment(n % 2 ? "queue" : "execution", n, n + 1));
  long.push(segment("execution", 20_000, 30_000, 3, 1));
  const pieces = chainPieces(long, 30_000);
  assert.ok(pieces.length < 500, String(pieces.length));
  assert.equal(
    pieces.reduce((sum, { start, end }) => sum + end - start, 0),
    30_000,
  );
  assert.equal(
    pieces.reduce((sum, { count }) => sum + count, 0),
    20_001,
  );
  assert.equal(pieces.at(-1).kind, "execution");
  assert.equal(pieces[0].kind, "several");
});

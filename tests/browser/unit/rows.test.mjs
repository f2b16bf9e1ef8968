// The stage table's content: columns, order, filters, which rows are in the page. And what the panel beside it tells.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { clockText, fileLink, runLink, timeByName, visibleLines } from "../../../host/dashboard/facts.js";
import { readModel } from "../../../host/dashboard/model.js";
import { COLUMNS, coresUsed, knownColumns, lettersOf, nextSorting, statusText, tableRows, usualText } from "../../../host/dashboard/rows.js";
import { initialState } from "../../../host/dashboard/state.js";
import { rowsInView } from "../../../host/dashboard/table.js";
import { oracle } from "./oracle.mjs";

const model = readModel(oracle());
const start = initialState(model);
const order = (/** @type {Partial<import("../../../host/dashboard/state.js").State>} */ change) => tableRows(model, { ...start, ...change }).map(({ id }) => id).join("");
const column = (/** @type {string} */ wanted) => COLUMNS.find(({ key }) => key === wanted) ?? assert.fail(wanted);
const cells = (/** @type {string} */ key) => model.stages.map((stage) => column(key).show(stage, model));

describe("the order of the table", () => {
  it("is that of starts, equal ones as declared", () => {
    assert.equal(order({}), "ABCDESFGH");
    assert.equal(order({ sort: "nonsense" }), "ABCDESFGH");
  });

  it("follows each column in both directions, unknown values last", () => {
    assert.equal(order({ sort: "stage", descending: true }), "SHGFEDCBA");
    assert.equal(order({ sort: "duration", descending: true }), "CGDAEHBFS");
    assert.equal(order({ sort: "duration", descending: false }), "BEHADGCFS");
    assert.equal(order({ sort: "drag", descending: false }), "CHAGBDEFS");
    assert.equal(order({ sort: "status", descending: false }), "ABCDEGHFS");
  });

  it("holds only what filters let through", () => {
    assert.equal(order({ only: "critical", sort: "duration", descending: true }), "CGAH");
    assert.equal(order({ find: "nobody" }), "");
  });

  it("is stable and complete for many rows", () => {
    const many = { ...oracle().columns.stages };
    const count = 20_000;
    many.id = Array.from({ length: count }, (_, at) => `s${at}`);
    many.result = many.id.map(() => "success");
    many.start_ns = many.id.map((_, at) => at % 7);
    many.end_ns = many.id.map((_, at) => (at % 7) + 1);
    const large = readModel(oracle({ stages: { id: many.id, result: many.result, start_ns: many.start_ns, end_ns: many.end_ns } }));
    const rows = tableRows(large, initialState(large));
    assert.equal(new Set(rows).size, count);
    assert.ok(rows.every((row, at) => at === 0 || rows[at - 1].start < row.start || (rows[at - 1].start === row.start && rows[at - 1].at < row.at)));
  });

  it("turns round at a second click, and begins with the largest or with A", () => {
    assert.deepEqual(nextSorting(start, column("duration")), { sort: "duration", descending: true });
    assert.deepEqual(nextSorting({ ...start, sort: "duration" }, column("duration")), { sort: "duration", descending: false });
    assert.deepEqual(nextSorting(start, column("stage")), { sort: "stage", descending: false });
    assert.deepEqual(nextSorting(start, column("start")), { sort: "start", descending: true });
  });
});

describe("the columns", () => {
  it("say what is known, and a dash where nothing is", () => {
    assert.deepEqual(cells("duration"), ["4.000 s", "2.000 s", "12.0 s", "8.000 s", "3.000 s", "–", "10.0 s", "3.000 s", "–"]);
    assert.deepEqual(cells("cores").slice(1, 3), ["0.60 cores", "0.90 cores"]);
    assert.deepEqual(cells("tries"), ["1", "1", "2", "1", "1", "–", "1", "1", "–"]);
    assert.deepEqual(cells("usual").slice(1, 4), ["0 ms (0.0 %)", "▲ +4.000 s (+50.0 %)", "0 ms (0.0 %)"]);
    assert.equal(usualText(model.stages[7]), "▼ -1.000 s (-25.0 %)");
    assert.equal(statusText({ mark: "failed", inferred: true }), "✗ failed ≈");
    assert.equal(coresUsed({ ...model.stages[0], cpu: null }, model), null);
  });

  it("have keys that an address can hold", () => {
    assert.equal(new Set(COLUMNS.map(({ key }) => key)).size, COLUMNS.length);
    for (const { key, hint } of COLUMNS) assert.ok(/^[a-z]{1,20}$/.test(key) && hint !== "");
  });

  it("are left out where the run knows nothing for them", () => {
    const keys = knownColumns(model).map(({ key }) => key);
    assert.ok(!keys.includes("memory") && !keys.includes("error") && keys.includes("cpu") && keys.includes("usual"));
  });

  it("show names of others as harmless text of bounded length", () => {
    const stage = { ...model.stages[0], id: `<b>\u202Eevil\u0000${"x".repeat(10_000)}` };
    const text = column("stage").show(stage, model);
    assert.ok(text.startsWith("<b>▯evil▯") && text.length <= 121);
    assert.ok(lettersOf(column("stage"), { ...model, stages: [stage] }) < 40);
  });
});

describe("the rows in the page", () => {
  it("are those in view and a few more", () => {
    assert.deepEqual(rowsInView(0, 0, 500), { from: 0, to: 0 });
    const { from, to } = rowsInView(100_000, 300_290, 600);
    assert.ok(from <= 10_000 && to >= 10_030 && to - from <= 60);
    assert.deepEqual(rowsInView(10, 1e9, 600), { from: 10, to: 10 });
  });
});

describe("time by name of span", () => {
  /** @type {(...spans: [string, number, number, number][]) => string[]} start, end, parent */
  const times = (...list) => {
    const names = [...new Set(list.map(([name]) => name))];
    const spans = {
      count: list.length,
      names,
      name: Int32Array.from(list, ([name]) => names.indexOf(name)),
      attempt: new Int32Array(list.length),
      parent: Int32Array.from(list, ([, , , parent]) => parent),
      depth: new Int32Array(list.length),
      start: Float64Array.from(list, ([, start]) => start),
      end: Float64Array.from(list, ([, , end]) => end),
      error: new Uint8Array(list.length),
    };
    return timeByName(spans, 0, list.length).map(({ name, self, total, calls }) => `${name} ${self}/${total} ${calls}`);
  };

  it("is duration without the union of children", () => {
    assert.deepEqual(times(["run", 0, 100, -1], ["a", 10, 40, 0], ["b", 30, 60, 0]), ["run 50/100 1", "a 30/30 1", "b 30/30 1"]);
  });

  it("counts of a child only what lies inside its parent", () => {
    assert.deepEqual(times(["run", 10, 20, -1], ["late", 18, 40, 0]), ["late 22/22 1", "run 8/10 1"]);
    assert.deepEqual(times(["run", 10, 20, -1], ["after", 30, 40, 0]), ["run 10/10 1", "after 10/10 1"]);
  });

  it("adds up calls of one name, and is not led astray by bad data", () => {
    assert.deepEqual(times(["a", 0, 5, -1], ["a", 5, 9, -1]), ["a 9/9 2"]);
    assert.deepEqual(times(["a", 5, 3, 0], ["b", 6, 7, 99]), ["b 1/1 1", "a 0/0 1"]);
    assert.deepEqual(times(), []);
  });

  it("never finds more own time than there was", () => {
    let seed = 7;
    const roll = (/** @type {number} */ most) => (seed = (seed * 1103515245 + 12345) % 2147483648) % most;
    for (let round = 0; round < 50; round += 1) {
      const list = Array.from({ length: 40 }, (_, at) => ({ start: roll(100), length: roll(50), parent: at === 0 ? -1 : roll(at + 1) - 1 })).sort((a, b) => a.start - b.start);
      for (const line of times(...list.map(({ start, length, parent }, at) => /** @type {[string, number, number, number]} */ ([`n${at}`, start, start + length, parent])))) {
        const [self, total] = line.split(" ")[1].split("/").map(Number);
        assert.ok(self >= 0 && self <= total, line);
      }
    }
  });
});

describe("links", () => {
  it("lead to files of the run only", () => {
    assert.equal(fileLink("logs/a b/1.err.log"), "../logs/a%20b/1.err.log");
    assert.equal(fileLink("logs/#?%/1", "files/"), "files/logs/%23%3F%25/1");
    for (const path of [null, "", "/etc/passwd", "a//b", "../x", "a/../../x", "./a"]) assert.equal(fileLink(path), null, String(path));
    assert.equal(fileLink("javascript:alert(1)"), "../javascript%3Aalert(1)");
  });

  it("lead to runs that have a run's name only", () => {
    assert.equal(runLink("20261123T080339.058Z-af126c49"), "../../20261123T080339.058Z-af126c49/reports/forensic_report.html");
    assert.equal(runLink("r", "/runs/"), "/runs/r");
    for (const id of ["", ".", "..", "a..b", "a/b", "-a", "a b", "<b>", "x".repeat(251)]) assert.equal(runLink(id), null, String(id));
  });
});

describe("texts of others", () => {
  it("keep their lines and lose what can't be seen", () => {
    assert.equal(visibleLines("a\tb\r\nc\u001B[31m\u202E\u2028\u{E0041}é🙂"), "a\tb\nc▯[31m▯▯▯é🙂");
  });

  it("have a time of day", () => {
    assert.equal(clockText(1763880000000000000, 4.5e9), "06:40:04.500 UTC");
  });
});

// A run of ten thousand stages, and one of a hundred thousand spans: everything is there, and everything still answers. How fast it
// is says tests/bench/dashboard.mjs; a clock is no test.

import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { launch, look, shoot } from "./support/chromium.mjs";
import { canvases, parseCsv, picture, saved, tableRows, text, viewWhere } from "./support/dashboard.mjs";
import { Workshop } from "./support/host.mjs";
import { manyStages, traceOf } from "./support/synthetic.mjs";

/** Of the HTML file of 10,000 stages, in bytes. */
const MOST_BYTES = 5_000_000;

describe("large runs", { concurrency: 1 }, () => {
  /** @type {import("puppeteer-core").Browser} */
  let browser;
  const workshop = new Workshop();
  const stages = manyStages(10_000);
  const spans = manyStages(200, 500);
  before(async () => {
    workshop.foreign("stages", traceOf(stages));
    workshop.foreign("spans", traceOf(spans));
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    workshop.remove();
  });

  it("10,000 stages stand in the file, which stays small", async () => {
    const { size } = statSync(workshop.page("stages"));
    assert.ok(size < MOST_BYTES, `${size} bytes`);
    assert.equal(workshop.report("stages").columns.stages.id.length, 10_000);
  });

  it("10,000 stages are searched, filtered, sorted and walked through", async () => {
    await look(browser, workshop.page("stages"), {}, async (page) => {
      assert.equal((await tableRows(page)).count, 10_000);
      const held = await page.$$eval("#dashboard *", (found) => found.length);
      assert.ok(held < 6_000, `${held} elements: rows out of sight are in the page`);
      await page.keyboard.press("/");
      await page.keyboard.type("stage00777");
      await viewWhere(page, "searched", (view) => view.get("find") === "stage00777");
      assert.deepEqual((await tableRows(page)).ids, ["group007.stage00777"]);
      await page.$eval("#find", (element) => /** @type {HTMLInputElement} */ (element).select());
      await page.keyboard.type("group099");
      await viewWhere(page, "searched", (view) => view.get("find") === "group099");
      assert.equal((await tableRows(page)).count, 100);
      await page.$eval("#find", (element) => /** @type {HTMLInputElement} */ (element).select());
      await page.keyboard.press("Backspace");
      await viewWhere(page, "everything", (view) => !view.has("find"));
      await page.$eval("#find", (element) => /** @type {HTMLElement} */ (element).blur());
      const failed = stages.filter((stage) => stage.result === "failure").length;
      await page.select("#dashboard .controls select:has(option[value=failed])", "failed");
      await viewWhere(page, "failed", (view) => view.get("only") === "failed");
      assert.equal((await tableRows(page)).count, failed);
      await page.select("#dashboard .controls select:has(option[value=failed])", "all");
      await page.focus("#stage-table table");
      await page.keyboard.press("End");
      const view = await viewWhere(page, "the last stage", (now) => now.has("stage"));
      const last = Math.max(...stages.map((stage) => stage.start));
      assert.equal(stages.find((stage) => stage.id === view.get("stage"))?.start, last);
      assert.ok((await tableRows(page)).ids.includes(view.get("stage") ?? ""), "the selected row is not in sight");
      assert.ok((await text(page, "#detail")).includes(view.get("stage") ?? ""));
      for (const canvas of await canvases(page, "#dashboard")) assert.ok(canvas.width < 8_000 && canvas.height < 8_000 && canvas.drawn > 0, JSON.stringify(canvas));
      await shoot(page, "big-stages", "#dashboard");
    });
  });

  it("10,000 stages are zoomed into, one by one on the screen", async () => {
    await look(browser, workshop.page("stages"), {}, async (page) => {
      const seen = new Set();
      for (let n = 0; n < 12; n += 1) {
        await page.keyboard.press("+");
        seen.add(await picture(page, "#timeline .lanes"));
      }
      assert.ok(seen.size >= 11, `${seen.size} different pictures`);
      await page.keyboard.press("f");
      await viewWhere(page, "a failure", (view) => view.has("stage"));
      await shoot(page, "big-stages-zoomed", "#timeline");
    });
  });

  it("10,000 stages have a graph that can be drawn, and a sentence on what it leaves out", async () => {
    await look(browser, workshop.page("stages"), {}, async (page) => {
      const nodes = await page.$$eval("#graph svg [tabindex]", (found) => found.length);
      assert.ok(nodes > 0 && nodes <= 300, `${nodes} nodes`);
      assert.match(await text(page, "#graph"), /10,000 stages/);
    });
  });

  it("10,000 stages are all in the tables that are saved", async () => {
    await look(browser, workshop.page("stages"), {}, async (page) => {
      const files = await saved(browser, page, "#downloads button");
      const table = [...files].find(([name]) => name.endsWith("stages.csv"))?.[1] ?? "";
      assert.deepEqual(parseCsv(table).slice(1).map((row) => row[0]), stages.map((stage) => stage.id));
      const trace = [...files].find(([name]) => name.endsWith(".json"))?.[1] ?? "";
      assert.equal(JSON.parse(trace).traceEvents.filter((/** @type {any} */ event) => event.ph === "X").length, 10_000);
    });
  });

  it("10,000 stages are printed as their first and a count", async () => {
    await look(browser, workshop.page("stages"), {}, async (page) => {
      const pdf = await page.pdf({ format: "a4", timeout: 110_000 });
      const pages = Buffer.from(pdf).toString("latin1").match(/\/Type\s*\/Page\b/g)?.length ?? 0;
      assert.ok(pages >= 2 && pages < 1_000, `${pages} pages`);
    });
  });

  it("100,000 spans are opened, read and zoomed into", async () => {
    await look(browser, workshop.page("spans"), {}, async (page) => {
      const data = await page.evaluate(() => JSON.parse(document.getElementById("data")?.textContent ?? "").columns.spans.name.length);
      assert.equal(data, 100_000);
      const closed = await picture(page, "#timeline .lanes");
      await page.keyboard.press("j");
      const view = await viewWhere(page, "the first stage", (now) => now.has("stage"));
      await page.keyboard.press("o");
      await viewWhere(page, "its spans", (now) => now.get("open") === view.get("stage"));
      const opened = await picture(page, "#timeline .lanes");
      assert.notEqual(opened, closed);
      assert.match(await text(page, "#detail"), /step \d/);
      const seen = new Set();
      for (let n = 0; n < 10; n += 1) {
        await page.keyboard.press("+");
        await page.keyboard.press("ArrowRight");
        seen.add(await picture(page, "#timeline .lanes"));
      }
      assert.ok(seen.size >= 8, `${seen.size} different pictures`);
      await shoot(page, "big-spans", "#timeline");
    });
  });

  it("100,000 spans are all in the trace that is saved, nested as viewers need it", async () => {
    await look(browser, workshop.page("spans"), {}, async (page) => {
      const files = await saved(browser, page, "#downloads li:last-child button");
      const [trace] = files.values();
      /** @type {any[]} */
      const slices = JSON.parse(trace).traceEvents.filter((/** @type {any} */ event) => event.ph === "X");
      assert.equal(slices.length, 100_200);
      // On one lane, two slices are apart, or one holds the other.
      for (const [name, own] of byLane(slices)) {
        own.sort((a, b) => a.ts - b.ts || b.dur - a.dur);
        /** @type {number[]} */
        const open = [];
        for (const { ts, dur } of own) {
          while (open.length > 0 && open[open.length - 1] <= ts + 0.001) open.pop();
          assert.ok(open.length === 0 || ts + dur <= open[open.length - 1] + 0.001, `${name}: slices cross at ${ts}`);
          open.push(ts + dur);
        }
      }
    });
  });
});

/**
 * @param {any[]} slices
 * @returns {Map<string, any[]>}
 */
function byLane(slices) {
  const lanes = new Map();
  for (const slice of slices) {
    const name = `${slice.pid}/${slice.tid}`;
    if (!lanes.has(name)) lanes.set(name, []);
    lanes.get(name).push(slice);
  }
  return lanes;
}

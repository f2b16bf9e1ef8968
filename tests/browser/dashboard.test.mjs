// What a reader does with the dashboard: search, filter, sort, zoom, pan, select, open, follow, copy, save; with the pointer and with
// keys. What is expected comes from forensic_report.json and the trace, not from the page.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { launch, look, settle, shoot } from "./support/chromium.mjs";
import { parseCsv, picture, saved, tableRows, text, until, viewWhere } from "./support/dashboard.mjs";
import { Workshop } from "./support/host.mjs";
import { plotOf } from "../../host/dashboard/scale.js";

/** @typedef {import("puppeteer-core").Page} Page */

const LANES = "#timeline .lanes canvas";
const MAP = "#timeline canvas.minimap";

describe("the dashboard", { concurrency: 1 }, () => {
  /** @type {import("puppeteer-core").Browser} */
  let browser;
  const workshop = new Workshop("report");
  /** @type {any} */
  let report;
  /** @type {any[]} */
  let trace;
  before(async () => {
    workshop.call(["run", "--run-id", "first", "--quiet"], [1]);
    workshop.call(["run", "--run-id", "second", "--resume", "first", "--quiet"], [1]);
    report = workshop.report("second");
    trace = JSON.parse(workshop.read("second", "data/forensic_trace.json"));
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    workshop.remove();
  });
  /** @type {(use: (page: Page, trouble: string[]) => Promise<void>, fragment?: string) => Promise<void>} */
  const open = (use, fragment = "") => look(browser, `file://${workshop.page("second")}${fragment}`, {}, use);
  /** @returns {any[]} */
  const stages = () => report.summary.stages;
  /** @type {(id: string) => any} */
  const stage = (id) => stages().find((one) => one.id === id);
  /** @type {(ids: Iterable<string>) => string[]} */
  const sorted = (ids) => [...ids].sort();
  /** @returns {number} Unix ns */
  const origin = () => report.summary.run.start_time;

  it("has a row for each stage, and says how each ended with a mark and a word", async () => {
    await open(async (page) => {
      const { count, ids } = await tableRows(page);
      assert.equal(count, stages().length);
      assert.deepEqual(sorted(ids), sorted(stages().map((one) => one.id)));
      const words = await text(page, "#stage-table");
      for (const status of ["✓ ok", "✗ failed", "✗ failed, allowed", "↺ cached", "» skipped"]) assert.ok(words.includes(status), status);
    });
  });

  it("finds stages by name and by error, and says how many", async () => {
    await open(async (page) => {
      await page.keyboard.press("/");
      await page.keyboard.type("FETCH");
      await viewWhere(page, "searched", (view) => view.get("find") === "FETCH");
      const found = await tableRows(page);
      assert.deepEqual([found.count, sorted(found.ids)], [3, ["fetch.ash", "fetch.elm", "fetch.oak"]]);
      await until(page, "the count is told", () => [...document.querySelectorAll("#spoken, #dashboard [role=status]")].some((place) => /\b3\b/.test(place.textContent ?? "")));
      assert.match(await text(page, "#dashboard .controls"), /3 of 12/);
      await page.$eval("#find", (element) => /** @type {HTMLInputElement} */ (element).select());
      await page.keyboard.type("singular");
      await viewWhere(page, "searched", (view) => view.get("find") === "singular");
      assert.deepEqual((await tableRows(page)).ids, ["broken"]);
      await page.$eval("#find", (element) => /** @type {HTMLInputElement} */ (element).select());
      await page.keyboard.type("nothing at all");
      await viewWhere(page, "searched", (view) => view.get("find") === "nothing at all");
      assert.equal((await tableRows(page)).count, 0);
      assert.match(await text(page, "#stage-table"), /[Nn]o stage/);
    });
  });

  it("filters by how stages ended", async () => {
    const failed = stages().filter((one) => !["success", "skip"].includes(one.result)).map((one) => one.id);
    const critical = stages().filter((one) => one.critical).map((one) => one.id);
    const ran = stages().filter((one) => one.result !== "skip" && !one.cached).map((one) => one.id);
    for (const [only, ids] of /** @type {const} */ ([["failed", failed], ["critical", critical], ["ran", ran]])) {
      await open(async (page) => {
        const select = "#dashboard .controls select:has(option[value=failed])";
        await page.select(select, only);
        await viewWhere(page, "filtered", (view) => view.get("only") === only);
        assert.deepEqual(sorted((await tableRows(page)).ids), sorted(ids), only);
        assert.match(await text(page, "#dashboard .controls"), new RegExp(`\\b${ids.length} of 12\\b`));
      });
    }
  });

  it("sorts by each column, and back", async () => {
    await open(async (page) => {
      const titles = await page.$$eval("#stage-table thead button", (buttons) => buttons.map((button) => button.textContent));
      assert.ok(titles.length >= 12, titles.join());
      for (const at of titles.keys()) {
        const click = () => page.$$eval("#stage-table thead button", (buttons, n) => /** @type {HTMLElement} */ (buttons[n]).click(), at);
        await click();
        const [one, first] = await sorting(page, at);
        await click();
        const [other, second] = await sorting(page, at);
        assert.deepEqual(sorted([one, other]), ["ascending", "descending"], titles[at] ?? "");
        const known = first.filter((/** @type {string} */ cell) => !["–", ""].includes(cell));
        const unknown = first.length - known.length;
        // Unknown values stand last, whichever way.
        for (const cells of [first, second]) assert.ok(cells.slice(known.length).every((/** @type {string} */ cell) => ["–", ""].includes(cell)), `${titles[at]}: ${unknown} unknown in ${cells}`);
        if (titles[at]?.startsWith("Stage")) assert.deepEqual([first, second], [sorted(first), sorted(first).reverse()]);
      }
      const byDuration = titles.findIndex((title) => title?.startsWith("Duration"));
      await page.$$eval("#stage-table thead button", (buttons, n) => /** @type {HTMLElement} */ (buttons[n]).click(), byDuration);
      const view = await viewWhere(page, "sorted", (now) => (now.get("sort") ?? "").includes("duration"));
      assert.equal(view.get("sort"), "-duration");
      const slowest = stages().filter((one) => one.attempts.length > 0).map((one) => [one.end_time - one.start_time, one.id]).sort((a, b) => b[0] - a[0]).map(([, id]) => id);
      assert.deepEqual((await tableRows(page)).ids.slice(0, slowest.length), slowest);
    });
  });

  it("zooms with keys, buttons, wheel and map, and back to the whole run", async () => {
    await open(async (page) => {
      const width = async () => {
        const view = await viewWhere(page, "zoomed", (now) => now.has("from"));
        return Number(view.get("to")) - Number(view.get("from"));
      };
      const whole = () => viewWhere(page, "the whole run", (view) => !view.has("from"));
      const before = await picture(page, LANES.replace(" canvas", ""));
      await page.keyboard.press("+");
      const half = await width();
      assert.notEqual(await picture(page, LANES.replace(" canvas", "")), before, "the picture is the same");
      await page.keyboard.press("+");
      await viewWhere(page, "closer", (view) => Number(view.get("to")) - Number(view.get("from")) < half * 0.6);
      await page.keyboard.press("-");
      await viewWhere(page, "wider", (view) => Math.abs(Number(view.get("to")) - Number(view.get("from")) - half) < half * 0.01);
      await page.keyboard.press("0");
      await whole();
      await clickButton(page, "Zoom in");
      await width();
      assert.match(await text(page, "#dashboard .controls"), / of \d/);
      await clickButton(page, "Whole run");
      await whole();
      const box = await reach(page, LANES);
      await page.mouse.move(box.x + box.width / 2, box.y + 60);
      await page.keyboard.down("Control");
      await page.mouse.wheel({ deltaY: -300 });
      await page.keyboard.up("Control");
      await width();
      await page.keyboard.press("0");
      await whole();
      const map = await reach(page, MAP);
      const plot = plotOf(map.width);
      await drag(page, map.x + plot.left + plot.width * 0.25, map.x + plot.left + plot.width * 0.5, map.y + map.height / 2);
      const run = report.summary.wall_ns;
      const view = await viewWhere(page, "drawn in the map", (now) => now.has("from"));
      assert.ok(Math.abs(Number(view.get("from")) / run - 0.25) < 0.03 && Math.abs(Number(view.get("to")) / run - 0.5) < 0.03, String(view));
    });
  });

  it("pans by dragging and with arrow keys, and never leaves the run", async () => {
    await open(async (page) => {
      const from = async () => Number((await viewWhere(page, "a window", (now) => now.has("from"))).get("from"));
      await page.keyboard.press("+");
      const begin = await from();
      const box = await reach(page, LANES);
      await drag(page, box.x + box.width * 0.5, box.x + box.width * 0.6, box.y + 60);
      const dragged = await viewWhere(page, "panned", (now) => Number(now.get("from")) < begin);
      await page.focus(LANES);
      await page.keyboard.press("ArrowRight");
      await viewWhere(page, "panned back", (now) => Number(now.get("from")) > Number(dragged.get("from")));
      for (let n = 0; n < 40; n += 1) await page.keyboard.press("ArrowRight");
      const last = await viewWhere(page, "at the end", (now) => Math.abs(Number(now.get("to")) - report.summary.wall_ns) < report.summary.wall_ns * 0.01);
      assert.ok(Number(last.get("from")) >= 0);
    });
  });

  it("leaves the plain wheel to the page", async () => {
    await open(async (page) => {
      await page.setViewport({ width: 1400, height: 500 });
      const box = await reach(page, LANES);
      const before = await page.evaluate(() => scrollY + (document.querySelector("#timeline .lanes")?.scrollTop ?? 0));
      await page.mouse.move(box.x + box.width / 2, box.y + Math.min(80, box.height / 2));
      await page.mouse.wheel({ deltaY: 200 });
      await until(page, "something scrolled", (/** @type {number} */ was) => scrollY + (document.querySelector("#timeline .lanes")?.scrollTop ?? 0) > was, before);
      await settle(page);
      assert.equal(new URL(await page.evaluate(() => location.href)).hash, "", "the wheel changed the window");
    });
  });

  it("selects the stage whose bar is clicked, and tells of it", async () => {
    await open(async (page) => {
      const box = await reach(page, LANES);
      const plot = plotOf(box.width);
      const chosen = new Set();
      // In the middle of this bar's time, from top to bottom: only stages that ran then, or waited for it.
      const aim = stage("spans");
      const at = (aim.start_time + aim.end_time) / 2 - origin();
      const x = box.x + plot.left + (at / report.summary.wall_ns) * plot.width;
      for (let y = 36; y < box.height; y += 12) {
        await page.mouse.click(x, box.y + y);
        await settle(page);
        const told = await page.$eval("#detail", (panel) => (panel.hasAttribute("hidden") ? "" : (panel.querySelector("h4")?.getAttribute("title") ?? "")));
        if (told !== "") chosen.add(told);
      }
      assert.ok(chosen.has("spans"), `chosen: ${[...chosen]}`);
      assert.ok(chosen.size > 3, `every lane is one stage: ${[...chosen]}`);
    });
  });

  it("steps through stages with j and k, in the order of time, and lets go with Escape", async () => {
    await open(async (page) => {
      const order = stages().map((one, at) => ({ ...one, at })).sort((a, b) => a.start_time - b.start_time || a.at - b.at).map((one) => one.id);
      for (const id of order.slice(0, 4)) {
        await page.keyboard.press("j");
        await viewWhere(page, id, (view) => view.get("stage") === id);
      }
      await page.keyboard.press("k");
      await viewWhere(page, order[2], (view) => view.get("stage") === order[2]);
      await until(page, "the stage is told", (/** @type {string} */ id) => (document.getElementById("spoken")?.textContent ?? "").includes(id), order[2]);
      const selected = await page.$$eval("#stage-table tr[aria-selected=true] th", (cells) => cells.map((cell) => cell.textContent));
      assert.deepEqual(selected, [order[2]]);
      await page.keyboard.press("Escape");
      await viewWhere(page, "nothing", (view) => !view.has("stage"));
      assert.equal(await page.$eval("#detail", (panel) => panel.checkVisibility()), false);
    });
  });

  it("tells of the selected stage: facts, attempts, error, log tail, neighbours", async () => {
    await open(async (page) => {
      await page.waitForSelector("#detail:not([hidden])");
      const words = await text(page, "#detail");
      for (const wanted of ["broken", "✗ failed", "the factor is <b>singular</b>", "line 39 of a long log", "spans", "after", "exit"]) assert.ok(words.includes(wanted), `${wanted} is not in ${words}`);
      await shoot(page, "dashboard-detail", "#stage-table");
      const tail = await page.$$eval("#detail pre", (found) => found.map((pre) => pre.textContent ?? "").join("\n"));
      assert.ok(tail.includes("Traceback"), tail);
      await clickButton(page, "spans", "#detail ");
      await viewWhere(page, "a need", (view) => view.get("stage") === "spans");
      await until(page, "its own spans", () => /model[\s\S]*load[\s\S]*score|load[\s\S]*model/.test(document.getElementById("detail")?.textContent ?? ""));
    }, "#?stage=broken");
  });

  it("shows both attempts of a stage that was tried again, and the pause between", async () => {
    await open(async (page) => {
      const words = await text(page, "#detail");
      assert.match(words, /Back-off[\s\S]*300 ms/);
      const rows = await page.$$eval("#detail table tbody tr", (found) => found.map((row) => row.textContent ?? ""));
      assert.ok(rows.some((row) => /failed/.test(row)) && rows.some((row) => /ok/.test(row)), rows.join("\n"));
      const links = await page.$$eval("#detail a[href*='logs/']", (found) => found.map((link) => link.getAttribute("href")));
      for (const wanted of ["../logs/flaky/1.err.log", "../logs/flaky/2.out.log"]) assert.ok(links.includes(wanted), `${wanted} is not among ${links}`);
      // A stream that said nothing has no file to lead to.
      for (const silent of ["../logs/flaky/1.out.log", "../logs/flaky/2.err.log"]) assert.ok(!links.includes(silent), `${silent} is among ${links}`);
    }, "#?stage=flaky");
  });

  it("links only to files that are there", async () => {
    await open(async (page) => {
      const here = dirname(workshop.page("second"));
      let count = 0;
      for (const id of stages().map((one) => one.id)) {
        await page.evaluate((next) => (location.hash = next), `#?stage=${id}`);
        await settle(page);
        for (const link of await page.$$eval("a[href]", (found) => found.map((one) => one.getAttribute("href") ?? ""))) {
          if (link.startsWith("#")) continue;
          count += 1;
          const path = fileURLToPath(new URL(link, `file://${here}/`));
          assert.ok(path.startsWith(resolve(here, "../..")), `${link} leads away`);
          assert.ok(existsSync(path), `${link} of ${id} leads nowhere`);
        }
      }
      assert.ok(count > 20, `${count} links`);
    });
  });

  it("has a target in the page for each link into it", async () => {
    await open(async (page) => {
      const broken = await page.$$eval("a[href^='#']", (found) => found.flatMap((link) => (document.getElementById(link.getAttribute("href")?.slice(1) ?? "") ? [] : [link.outerHTML])));
      assert.deepEqual(broken, []);
      const twice = await page.$$eval("[id]", (found) => found.map((one) => one.id).filter((id, at, all) => all.indexOf(id) !== at));
      assert.deepEqual(twice, [], "ids that are there twice");
    }, "#?stage=broken");
  });

  it("opens the spans of a stage", async () => {
    await open(async (page) => {
      const before = await picture(page, "#timeline .lanes");
      await page.keyboard.press("o");
      await viewWhere(page, "open", (view) => view.get("open") === "spans");
      assert.notEqual(await picture(page, "#timeline .lanes"), before);
      await shoot(page, "dashboard-spans", "#timeline");
      await page.keyboard.press("o");
      await viewWhere(page, "closed", (view) => !view.has("open"));
      assert.equal(await picture(page, "#timeline .lanes"), before);
    }, "#?stage=spans");
  });

  it("draws what the selected stage needs and what needs it", async () => {
    await open(async (page) => {
      // With "fetch.oak" selected, the line of "spans", which needs it, has an arrow in front of its bar.
      const apart = async () => {
        await page.mouse.move(2, 2);
        return picture(page, "#timeline .lanes");
      };
      const before = await apart();
      await page.keyboard.press("j");
      await viewWhere(page, "selected", (view) => view.has("stage"));
      const selected = await apart();
      assert.notEqual(selected, before);
      await page.keyboard.press("Escape");
      await viewWhere(page, "nothing", (view) => !view.has("stage"));
      assert.equal(await apart(), before);
    });
  });

  it("opens the same view from its address in another window", async () => {
    const fragment = await new Promise((resolve, reject) => {
      open(async (page) => {
        await page.select("#dashboard .controls select:has(option[value=failed])", "failed");
        await page.keyboard.press("f");
        await page.keyboard.press("+");
        const byDuration = await page.$$("#stage-table thead button");
        await byDuration[5].evaluate((button) => /** @type {HTMLElement} */ (button).click());
        const view = await viewWhere(page, "the whole view", (now) => ["from", "to", "stage", "only", "sort"].every((key) => now.has(key)));
        resolve({ hash: await page.evaluate(() => location.hash), ids: (await tableRows(page)).ids, detail: await text(page, "#detail"), window: await text(page, "#dashboard .controls"), view });
      }).catch(reject);
    });
    await open(async (page) => {
      const words = await text(page, "#detail");
      assert.equal(words, fragment.detail);
      assert.deepEqual((await tableRows(page)).ids, fragment.ids);
      assert.equal(await text(page, "#dashboard .controls"), fragment.window);
    }, fragment.hash);
  });

  it("follows its address when that changes, back button included", async () => {
    await open(async (page) => {
      await page.evaluate(() => (location.hash = "#?stage=late&find=late"));
      await until(page, "the search box", () => /** @type {HTMLInputElement} */ (document.getElementById("find")).value === "late");
      assert.deepEqual((await tableRows(page)).ids, ["late"]);
      await page.evaluate(() => history.back());
      await until(page, "the view before", () => /** @type {HTMLInputElement} */ (document.getElementById("find")).value === "");
    });
  });

  it("goes from failure to failure, those that count first", async () => {
    await open(async (page) => {
      const seen = [];
      for (let n = 0; n < 4; n += 1) {
        await page.keyboard.press("f");
        const last = seen.at(-1);
        seen.push((await viewWhere(page, "a failure", (view) => view.has("stage") && view.get("stage") !== last)).get("stage"));
      }
      assert.deepEqual([sorted(/** @type {string[]} */ (seen.slice(0, 2))), seen[2], seen[3]], [["broken", "late"], "optional", seen[0]]);
    });
  });

  it("has a key for the critical path, the table, the graph and the list of keys", async () => {
    await open(async (page) => {
      await page.keyboard.press("p");
      await viewWhere(page, "the critical path", (view) => view.get("only") === "critical");
      await page.keyboard.press("p");
      await viewWhere(page, "everything", (view) => !view.has("only"));
      const focused = () => page.evaluate(() => document.activeElement?.closest("section")?.id);
      await page.keyboard.press("t");
      assert.equal(await focused(), "stage-table");
      await page.keyboard.press("g");
      assert.equal(await focused(), "graph");
      await page.keyboard.press("?");
      await page.waitForSelector("dialog[open]");
      const help = await text(page, "dialog");
      for (const key of ["/", "j", "k", "o", "f", "p", "Esc"]) assert.ok(help.includes(key), `${key} is not in the list`);
      await shoot(page, "dashboard-keys");
      await page.keyboard.press("j");
      await page.keyboard.press("Escape");
      await page.waitForSelector("dialog:not([open])");
      assert.equal(await focused(), "graph", "the focus is lost");
      await settle(page);
      assert.equal(await page.evaluate(() => location.hash), "", "a key went through the dialog");
      await clickButton(page, "Keys");
      await page.waitForSelector("dialog[open]");
    });
  });

  it("leaves keys to who types, and to the browser", async () => {
    await open(async (page) => {
      await page.focus("#find");
      await page.keyboard.type("jf+?");
      await viewWhere(page, "typed", (view) => view.get("find") === "jf+?" && !view.has("stage") && !view.has("from"));
      assert.equal(await page.$("dialog[open]"), null);
      await page.$eval("#find", (element) => /** @type {HTMLElement} */ (element).blur());
      for (const modifier of /** @type {const} */ (["Control", "Alt", "Meta"])) {
        await page.keyboard.down(modifier);
        await page.keyboard.press("j");
        await page.keyboard.up(modifier);
      }
      await settle(page);
      assert.ok(!(await page.evaluate(() => location.hash)).includes("stage="));
    });
  });

  it("moves through the table with arrow keys", async () => {
    await open(async (page) => {
      const { ids } = await tableRows(page);
      await page.focus("#stage-table table");
      await page.keyboard.press("ArrowDown");
      await viewWhere(page, "the first", (view) => view.get("stage") === ids[0]);
      await page.keyboard.press("End");
      await viewWhere(page, "the last", (view) => view.get("stage") === ids.at(-1));
      await page.keyboard.press("ArrowUp");
      await viewWhere(page, "the one before", (view) => view.get("stage") === ids.at(-2));
      const active = await page.$eval("#stage-table table", (table) => document.getElementById(table.getAttribute("aria-activedescendant") ?? "")?.textContent ?? "");
      assert.ok(active.startsWith(ids.at(-2) ?? ""), active);
    });
  });

  it("draws a graph of all stages in which one can walk", async () => {
    await open(async (page) => {
      const nodes = await page.$$eval("#graph svg [tabindex]", (found) => found.map((node) => node.getAttribute("aria-label") ?? node.textContent ?? ""));
      assert.equal(nodes.length, stages().length);
      for (const { id } of stages()) assert.ok(nodes.some((name) => name.includes(id)), `${id} is not in the graph`);
      const labels = await page.$$eval("#graph svg .node", (found) => found.map((node) => [node.getAttribute("aria-label") ?? "", node.querySelector("text")?.textContent ?? ""]));
      for (const [name, shown] of labels) assert.ok(name.startsWith(shown.replace(/…$/, "")), `${name} does not begin with what is seen, ${shown}`);
      assert.ok((await page.$$("#graph svg path.edge")).length >= stages().reduce((sum, one) => sum + one.needs.length, 0));
      assert.equal((await page.$$("#graph svg [tabindex='0']")).length, 1, "more than one stop for Tab");
      const node = await page.evaluateHandle(() => [...document.querySelectorAll("#graph svg [tabindex]")].find((one) => (one.getAttribute("aria-label") ?? one.textContent ?? "").includes("broken")));
      await /** @type {import("puppeteer-core").ElementHandle} */ (node).click();
      await viewWhere(page, "selected", (view) => view.get("stage") === "broken");
      await page.keyboard.press("ArrowLeft");
      await page.keyboard.press("Enter");
      await viewWhere(page, "its need", (view) => view.get("stage") === "spans");
      await page.keyboard.press("ArrowRight");
      await page.keyboard.press("Enter");
      await viewWhere(page, "what needs it", (view) => view.get("stage") === "broken");
    });
  });

  it("tells the chain and the concurrency as tables that add up", async () => {
    await open(async (page) => {
      await page.$$eval("#chain details, #concurrency details", (found) => found.forEach((one) => (/** @type {HTMLDetailsElement} */ (one).open = true)));
      await settle(page);
      const rows = (/** @type {string} */ part) => page.$$eval(`#${part} details tbody tr`, (found) => found.map((row) => [...row.children].map((cell) => cell.textContent ?? "")));
      const chain = await rows("chain");
      assert.equal(chain.length, report.summary.chain.length);
      const share = (/** @type {string[][]} */ table) => table.reduce((sum, row) => sum + parseFloat(row.at(-1) ?? ""), 0);
      assert.ok(Math.abs(share(chain) - 100) < 0.1 * chain.length, `the chain is ${share(chain)} % of the run`);
      const levels = await rows("concurrency");
      assert.ok(Math.abs(share(levels) - 100) < 0.5, `${share(levels)} %`);
      assert.ok(levels.every((row) => Number(row[0]) <= 2), "more than two at once in two slots");
    });
  });

  it("selects the stage of a segment of the chain", async () => {
    await open(async (page) => {
      assert.equal((await page.$$("#chain .strip [tabindex='0']")).length, 1, "more than one stop for Tab");
      await page.focus("#chain .strip [tabindex='0']");
      const name = () => page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? "");
      for (let n = 0; n < 20 && !(await name()).startsWith("execution of"); n += 1) await page.keyboard.press("ArrowRight");
      const [, id] = (await name()).match(/^execution of (.*), attempt \d/) ?? [];
      await page.keyboard.press("Enter");
      await viewWhere(page, "a stage of the chain", (view) => view.get("stage") === id);
    });
  });

  it("narrows the window by a drag over the concurrency chart", async () => {
    await open(async (page) => {
      const box = await reach(page, "#concurrency canvas");
      const plot = plotOf(box.width);
      await drag(page, box.x + plot.left + plot.width * 0.4, box.x + plot.left + plot.width * 0.8, box.y + 40);
      const view = await viewWhere(page, "narrowed", (now) => now.has("from"));
      assert.ok(Math.abs(Number(view.get("from")) / report.summary.wall_ns - 0.4) < 0.03, String(view));
    });
  });

  it("makes files that say what the run says", async () => {
    await open(async (page) => {
      const files = await saved(browser, page, "#downloads button");
      const named = (/** @type {string} */ part) => [...files].find(([name]) => name.includes(part))?.[1] ?? "";
      const [titles, ...rows] = parseCsv(named("stages.csv"));
      assert.deepEqual(rows.map((row) => row[titles.indexOf("stage")]), stages().map((one) => one.id));
      assert.deepEqual(rows.map((row) => row[titles.indexOf("result")]), stages().map((one) => one.result));
      const costs = rows.map((row) => Number(row[titles.indexOf("cost_ns")]));
      assert.deepEqual(costs, stages().map((one) => one.cost_ns));
      const attempts = trace.filter((span) => span.attributes["forensic.kind"] === "attempt");
      const [, ...tries] = parseCsv(named("attempts.csv"));
      assert.equal(tries.length, attempts.length);
      const events = JSON.parse(named("chrome-trace.json")).traceEvents;
      const slices = events.filter((/** @type {any} */ event) => event.ph === "X");
      const own = trace.filter((span) => span.attributes["forensic.origin"] === "otlp");
      assert.equal(slices.length, attempts.length + own.length);
      for (const slice of slices) assert.ok(slice.dur >= 0 && Number.isFinite(slice.ts) && Number.isInteger(slice.pid) && Number.isInteger(slice.tid));
    });
  });

  it("shows a bar's card while the pointer is over it, inside the window", async () => {
    await open(async (page) => {
      const box = await reach(page, LANES);
      const plot = plotOf(box.width);
      for (const share of [0.1, 0.5, 0.97]) {
        await page.mouse.move(box.x + plot.left + plot.width * share, box.y + 60);
        await settle(page);
        const card = await page.$$eval("#timeline .card", (found) => found.filter((one) => one.checkVisibility()).map((one) => ({ ...one.getBoundingClientRect().toJSON(), words: one.textContent })));
        for (const { left, right, top, bottom } of card) assert.ok(left >= 0 && right <= 1400 && top >= 0 && bottom <= 900, JSON.stringify(card));
      }
    });
  });

  it("hides what it says is hidden", async () => {
    await open(async (page) => {
      const shown = await page.$$eval("[hidden]", (found) => found.flatMap((one) => (one.checkVisibility() ? [one.outerHTML.slice(0, 120)] : [])));
      assert.deepEqual(shown, []);
    });
    const bare = new Workshop();
    try {
      // A trace of others: no needs, no spans, no chain, one stage.
      bare.foreign("bare", [{ name: "only", start_time: 1e18, end_time: 1e18 + 5e9, duration_ms: 5000, status: "Success", attributes: {} }]);
      await look(browser, bare.page("bare"), {}, async (page) => {
        const shown = await page.$$eval("[hidden]", (found) => found.flatMap((one) => (one.checkVisibility() ? [one.outerHTML.slice(0, 120)] : [])));
        assert.deepEqual(shown, []);
        await shoot(page, "dashboard-bare", true);
      });
    } finally {
      bare.remove();
    }
  });
});

/**
 * How a column is sorted, and its cells from top to bottom.
 * @param {Page} page
 * @param {number} at
 * @returns {Promise<[string, string[]]>}
 */
async function sorting(page, at) {
  await settle(page);
  return page.$eval("#stage-table table", (table, n) => {
    const cells = [...table.querySelectorAll("tbody tr[aria-rowindex]")].map((row) => row.children[n].textContent ?? "");
    return [table.querySelectorAll("thead th")[n].getAttribute("aria-sort") ?? "", cells];
  }, at);
}

/**
 * Presses the button with this name.
 * @param {Page} page
 * @param {string} name its label or text
 * @param {string} [inside]
 */
async function clickButton(page, name, inside = "#dashboard ") {
  const done = await page.evaluate(
    (wanted, place) => {
      const button = [...document.querySelectorAll(`${place}button`)].find((one) => (one.getAttribute("aria-label") ?? one.textContent)?.trim() === wanted);
      /** @type {HTMLElement | undefined} */ (button)?.click();
      return button !== undefined;
    },
    name,
    inside,
  );
  assert.ok(done, `no button ${name}`);
}

/**
 * Scrolls to an element and says where it is now.
 * @param {Page} page
 * @param {string} selector
 */
async function reach(page, selector) {
  await page.$eval(selector, (element) => element.scrollIntoView({ block: "center" }));
  await settle(page);
  const box = await (await page.$(selector))?.boundingBox();
  assert.ok(box, selector);
  return box;
}

/**
 * @param {Page} page
 * @param {number} from
 * @param {number} to
 * @param {number} y
 */
async function drag(page, from, to, y) {
  await page.mouse.move(from, y);
  await page.mouse.down();
  for (let n = 1; n <= 5; n += 1) await page.mouse.move(from + ((to - from) * n) / 5, y);
  await page.mouse.up();
  await settle(page);
}

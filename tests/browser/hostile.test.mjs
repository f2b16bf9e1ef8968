// Texts of a run that try to be more than text: nothing of them runs, is fetched, or is drawn as markup, in any part of the page.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { launch, look, settle, shoot } from "./support/chromium.mjs";
import { CORPUS, FORMULAS, INVISIBLE, LONG, MARKUP, WORDS } from "./support/corpus.mjs";
import { parseCsv, saved, text, until } from "./support/dashboard.mjs";
import { Workshop } from "./support/host.mjs";
import { traceOf } from "./support/synthetic.mjs";

/** @typedef {import("puppeteer-core").Page} Page */

describe("hostile texts", { concurrency: 1 }, () => {
  /** @type {import("puppeteer-core").Browser} */
  let browser;
  const workshop = new Workshop("hostile");
  const foreign = new Workshop();
  before(async () => {
    foreign.foreign("foreign", traceOf(hostileStages()));
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    workshop.remove();
    foreign.remove();
  });

  it("stay text in a foreign trace: ids, groups, errors, needs, span names", async () => {
    for (const dark of [false, true]) {
      await look(browser, foreign.page("foreign"), { dark }, async (page) => {
        await harmless(page);
        await everywhere(page);
        await harmless(page);
        if (!dark) await shoot(page, "hostile-foreign", true);
      });
    }
  });

  it("stay text without the script, too", async () => {
    await look(browser, foreign.page("foreign"), { script: false }, async (page) => {
      await harmless(page);
      const words = await text(page);
      for (const wanted of MARKUP.slice(0, 5)) assert.ok(words.includes(wanted), `${wanted} is not shown as it is`);
      assert.doesNotMatch(await text(page), /[\u202A-\u202E\u2066-\u2069\u0000\u0007]/);
    });
  });

  it("are shown as they are, and what can't be seen as a mark", async () => {
    await look(browser, foreign.page("foreign"), {}, async (page) => {
      const table = await page.$eval("#stage-table", (element) => element.textContent ?? "");
      assert.ok(MARKUP.some((wanted) => table.includes(wanted)), "no markup in the table");
      const drawn = await page.$eval("#dashboard", (element) => element.textContent ?? "");
      assert.doesNotMatch(drawn, /[\u202A-\u202E\u2066-\u2069\u0000\u0007]/);
      const names = await page.$$eval("#dashboard [aria-label], #dashboard [title]", (found) => found.map((element) => `${element.getAttribute("aria-label")} ${element.getAttribute("title")}`));
      for (const name of names) assert.doesNotMatch(name, /[\u202A-\u202E\u2066-\u2069\u0000\u0007]/);
    });
  });

  it("are made harmless by the script itself, where the page's data is not", async () => {
    const source = readFileSync(foreign.page("foreign"), "utf8");
    const [whole, before, json] = source.match(/(<script type="application\/json" id="data">)([\s\S]*?)<\/script>/) ?? [];
    const data = JSON.parse(json);
    const { stages, attempts, spans } = data.columns;
    stages.id = stages.id.map((/** @type {string} */ _, /** @type {number} */ at) => `${CORPUS[at % CORPUS.length]}${at}`);
    for (const column of ["error", "group", "member_of", "skip_reason", "cached_from", "waited_for_pool", "child_run", "change"]) stages[column] = stages.id.map((/** @type {string} */ _, /** @type {number} */ at) => CORPUS[(at + column.length) % CORPUS.length]);
    for (const column of ["result", "error", "stdout", "stderr", "waited_for_pool"]) attempts[column] = attempts.stage.map((/** @type {number} */ _, /** @type {number} */ at) => CORPUS[(at + column.length) % CORPUS.length]);
    spans.names = spans.names.map((/** @type {string} */ _, /** @type {number} */ at) => CORPUS[at % CORPUS.length]);
    data.columns.tails = attempts.stage.map((/** @type {number} */ stage, /** @type {number} */ at) => ({ stage, attempt: attempts.number[at], path: CORPUS[at % CORPUS.length], lines: CORPUS, omitted_bytes: 1 }));
    const path = join(foreign.directory("foreign"), "reports/raw.html");
    writeFileSync(path, source.replace(whole, () => `${before}${JSON.stringify(data).replaceAll("<", "\\u003c")}</script>`));
    await look(browser, path, {}, async (page) => {
      await everywhere(page);
      await harmless(page);
      const parts = await page.$$eval("#dashboard", ([board]) => [board.textContent, ...[...board.querySelectorAll("*")].flatMap((element) => [...element.attributes].map(({ value }) => value))]);
      for (const part of parts) assert.doesNotMatch(part ?? "", /[\u202A-\u202E\u2066-\u2069\u0000\u0007]/);
      await shoot(page, "hostile-raw", true);
    });
  });

  it("stay text in searches, and in the address", async () => {
    const page = foreign.page("foreign");
    const address = new URL(`file://${page}`);
    const fragments = [
      `#?find=${encodeURIComponent(MARKUP[1])}`,
      `#?stage=${encodeURIComponent(MARKUP[3])}&open=__proto__&open=constructor`,
      "#?stage=__proto__&sort=constructor&order=__proto__&only=constructor&attempt=toString",
      "#?sort=-constructor&from=-1e400&to=1e400",
      "#?from=NaN&to=Infinity&attempt=1e999&fold=2",
      "#?from=5&to=5.0000001&stage=",
      `#?find=${"%F0%9F%98%80".repeat(5000)}`,
      "#?%", "#?find=%E0%A4%A", `#<img src=x onerror=window.ran=1>`, `#?stage=${encodeURIComponent(LONG[0])}`,
    ];
    for (const fragment of fragments) {
      await look(browser, `${address.href}${fragment}`, {}, async (page) => {
        await harmless(page);
        await until(page, `a dashboard at ${fragment.slice(0, 60)}`, () => document.querySelectorAll("#stage-table tbody tr").length >= 0);
        await page.keyboard.press("j");
        await page.evaluate((next) => (location.hash = next), fragments[1]);
        await settle(page);
      });
    }
  });

  it("stay text in the search box", async () => {
    await look(browser, foreign.page("foreign"), {}, async (page) => {
      for (const wanted of [...MARKUP, ...WORDS, "(", "[", "\\", ".*"]) {
        await page.$eval("#find", (element, value) => {
          /** @type {HTMLInputElement} */ (element).value = value;
          element.dispatchEvent(new Event("input", { bubbles: true }));
          element.dispatchEvent(new Event("change", { bubbles: true }));
        }, wanted);
        await settle(page);
      }
      await harmless(page);
    });
  });

  it("do not choose the theme: what is stored there may be anything", async () => {
    await look(browser, foreign.page("foreign"), {}, async (page) => {
      await page.evaluate(() => localStorage.setItem("forensic-host.theme", '"><script>window.ran=1</script>'));
      await page.reload();
      await until(page, "the dashboard", () => !document.querySelector("#dashboard")?.hasAttribute("hidden"));
      assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "auto");
      await harmless(page);
    });
  });

  it("are no formulas in the tables that the page makes, and no instructions in its traces", async () => {
    await look(browser, foreign.page("foreign"), {}, async (page) => {
      const files = await saved(browser, page, "#downloads button");
      const tables = [...files].filter(([name]) => name.endsWith(".csv"));
      assert.equal(tables.length, 2, [...files.keys()].join());
      for (const [name, source] of tables) {
        assert.match(name, /^[\w.-]+$/);
        const rows = parseCsv(source);
        assert.equal(new Set(rows.map((row) => row.length)).size, 1, `${name} is ragged`);
        for (const cell of rows.flat()) assert.doesNotMatch(cell, /^[=+@\t\r]|^-(?!\d+(\.\d+)?$)/, `${name}: ${cell.slice(0, 80)}`);
      }
      const ids = parseCsv(tables.find(([name]) => name.includes("stages"))?.[1] ?? "").map((row) => row[0]);
      for (const formula of FORMULAS.filter((text) => /^[=+@-]/.test(text))) assert.ok(ids.includes(`'${formula}`), `${formula} is not in the table`);
      const trace = [...files].find(([name]) => name.endsWith(".json"));
      assert.ok(JSON.parse(trace?.[1] ?? "").traceEvents.length > CORPUS.length);
    });
  });

  it("stay text in a run of ours: logs, spans, messages, plugins' documents", async () => {
    assert.ok(process.env.HOSTILE_GUEST, "HOSTILE_GUEST is not set: the component of tests/guests/hostile");
    workshop.write("hostile.wasm", readFileSync(process.env.HOSTILE_GUEST));
    workshop.write("corpus.json", JSON.stringify(CORPUS.map((text) => text.slice(0, 2000)).filter((text) => text !== "")));
    workshop.call(["run", "--run-id", "hostile", "--quiet"], [1]);
    const report = workshop.report("hostile");
    assert.equal(report.reports.length, 3);
    for (const script of [true, false]) {
      await look(browser, workshop.page("hostile"), { script }, async (page) => {
        const words = await text(page);
        assert.ok(words.includes("<script>alert(1)</script>"), "the plugin's text is missing");
        assert.ok(words.includes("window.ran=1"), "the stages' text is missing");
        await harmless(page);
        if (script) await everywhere(page);
        await harmless(page);
        await shoot(page, `hostile-${script ? "script" : "no-script"}`, true);
      });
    }
  });
});

/** A stage for each text: as its id, another as its group, its error, the name of its spans. */
function hostileStages() {
  const ids = CORPUS.map((text, at) => (text === "" ? `empty ${at}` : text));
  return ids.map((id, at) => {
    const start = 1 + at * 0.1;
    const other = CORPUS[(at + 7) % CORPUS.length];
    const span = { name: other, parent: -1, start, end: start + 0.2 };
    const failed = at % 3 === 0;
    return {
      id,
      needs: at > 2 ? [ids[at - 1], ids[at - 3]] : [],
      ready: start,
      start,
      end: start + 0.3,
      group: CORPUS[(at + 3) % CORPUS.length] || undefined,
      member: at % 5 === 0 ? MARKUP[at % MARKUP.length] : undefined,
      result: failed ? "failure" : "success",
      error: failed ? CORPUS[(at + 11) % CORPUS.length] : undefined,
      spans: [span, { ...span, parent: 0, name: INVISIBLE[at % INVISIBLE.length], failed: true }],
    };
  });
}

/**
 * Nothing ran, and nothing in the page is what only markup of others could have made.
 * @param {Page} page
 */
async function harmless(page) {
  const found = await page.evaluate(() => {
    const all = [...document.querySelectorAll("*")];
    const attributes = all.flatMap((element) => [...element.attributes].map(({ name, value }) => ({ name, value: value.trim() })));
    return {
      ran: /** @type {any} */ (window).ran,
      polluted: /** @type {any} */ ({}).ran ?? /** @type {any} */ ({}).stage,
      elements: all.map((element) => element.localName).filter((name) => ["img", "iframe", "object", "embed", "form", "base", "link", "audio", "video", "textarea"].includes(name)),
      scripts: document.scripts.length,
      styles: document.querySelectorAll("style").length,
      metas: document.querySelectorAll("meta[http-equiv]").length,
      handlers: attributes.filter(({ name }) => name.startsWith("on")),
      links: attributes.filter(({ name, value }) => ["href", "xlink:href", "src", "action"].includes(name) && !/^(#|\.\.\/|\/|[\w.-]+(\/|\.(md|json|html)$)|blob:)/.test(value)),
      shown: document.body.checkVisibility() && innerWidth > 0 && document.querySelector("h1")?.checkVisibility(),
    };
  });
  assert.equal(found.ran, undefined, "a script ran");
  assert.equal(found.polluted, undefined, "a prototype was changed");
  assert.deepEqual(found.elements, []);
  assert.deepEqual(found.handlers, []);
  assert.deepEqual(found.links, []);
  assert.deepEqual([found.scripts, found.styles, found.metas], [2, 1, 1]);
  assert.ok(found.shown, "the page is hidden");
}

/**
 * Goes everywhere in the dashboard where texts are drawn: each stage selected and opened, pointers over every chart, each group
 * unfolded, each table twin opened.
 * @param {Page} page
 */
async function everywhere(page) {
  const stages = await page.evaluate(() => JSON.parse(document.getElementById("data")?.textContent ?? "").columns.stages.id.length);
  for (let n = 0; n <= stages; n += 1) {
    await page.keyboard.press("j");
    await page.keyboard.press("o");
    if (n % 10 === 0) await settle(page);
  }
  await page.$$eval("#dashboard details", (found) => found.forEach((details) => (/** @type {HTMLDetailsElement} */ (details).open = true)));
  for (const canvas of await page.$$("#dashboard canvas, #graph svg")) {
    await canvas.evaluate((element) => element.scrollIntoView({ block: "center" }));
    const box = await canvas.boundingBox();
    if (box === null) continue;
    const bottom = Math.min(box.height, 500);
    for (let x = 0.05; x < 1; x += 0.1) {
      for (let y = 10; y < bottom; y += Math.max(bottom / 8, 10)) await page.mouse.move(box.x + x * box.width, box.y + y);
    }
    await settle(page);
  }
  for (const button of await page.$$("#dashboard .controls button[aria-pressed]")) await button.evaluate((element) => /** @type {HTMLElement} */ (element).click());
  await settle(page);
}

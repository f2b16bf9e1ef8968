// What the dashboard costs a reader: bytes of the page, time until it is drawn, pictures a second while zooming and panning, memory.
//
//   FORENSIC_HOST=target/release/forensic-host node tests/bench/dashboard.mjs [STAGES:SPANS …]
//
// Needs what the browser tests need (tests/run installs it). Default: 100:0 10000:0 200:100000, medians of three loads of the
// page from a file. Where Chromium has no GPU, as in most containers, a processor paints: figures are then a lower bound.

import { readFileSync, statSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { launch } from "../browser/support/chromium.mjs";
import { Workshop } from "../browser/support/host.mjs";
import { manyStages, traceOf } from "../browser/support/synthetic.mjs";

const LOADS = 3;
/** How long each kind of movement lasts. */
const MOVEMENT_MS = 3000;

/** @typedef {import("puppeteer-core").Page} Page */

/** @type {(values: number[], share: number) => number} */
const quantile = (values, share) => [...values].sort((a, b) => a - b)[Math.min(Math.floor(values.length * share), values.length - 1)] ?? NaN;
/** @type {(values: number[]) => number} */
const median = (values) => quantile(values, 0.5);

/**
 * Opens a page and tells when things were there, ms after the navigation began.
 * @param {import("puppeteer-core").Browser} browser
 * @param {string} path
 */
async function load(browser, path) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  await page.setViewport({ width: 1400, height: 900 });
  await page.evaluateOnNewDocument(() => {
    const times = /** @type {any} */ (window);
    new PerformanceObserver((list) => {
      for (const { name, startTime } of list.getEntries()) if (name === "first-contentful-paint") times.painted = startTime;
    }).observe({ type: "paint", buffered: true });
    times.busiest = 0;
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) times.busiest = Math.max(times.busiest, duration);
    }).observe({ type: "longtask", buffered: true });
  });
  await page.goto(`file://${path}`, { waitUntil: "load", timeout: 120_000 });
  await page.waitForSelector("#dashboard:not([hidden])", { timeout: 120_000 });
  // The first picture after the script has ended is the one with the dashboard in it.
  const drawn = await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now())))));
  const session = await page.createCDPSession();
  await session.send("HeapProfiler.collectGarbage");
  // Columns are typed arrays, whose content lies outside the heap proper.
  const { usedSize, backingStorageSize = 0 } = /** @type {any} */ (await session.send("Runtime.getHeapUsage"));
  const { painted, busiest } = await page.evaluate(() => ({ painted: /** @type {any} */ (window).painted, busiest: /** @type {any} */ (window).busiest }));
  return { context, page, painted, busiest, drawn: Number(drawn), heap: usedSize + backingStorageSize };
}

/**
 * Gaps between pictures while the view changes with each of them, ms.
 * @param {Page} page
 * @param {"zoom" | "pan"} kind
 * @returns {Promise<number[]>}
 */
function gaps(page, kind) {
  return page.evaluate(
    (movement, lasts) =>
      new Promise((resolve) => {
        const press = (/** @type {string} */ key, target = document.body) => target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
        const canvas = /** @type {HTMLElement} */ (document.querySelector("#timeline .lanes canvas"));
        const begin = performance.now();
        let before = begin;
        let count = 0;
        /** @type {number[]} */
        const found = [];
        const step = (/** @type {number} */ now) => {
          if (count > 0) found.push(now - before);
          before = now;
          count += 1;
          if (now - begin > lasts) {
            press("0");
            return resolve(found);
          }
          // In and out again, ten steps each; or from one end to the other.
          if (movement === "zoom") press(count % 20 < 10 ? "+" : "-");
          else press(count % 40 < 20 ? "ArrowRight" : "ArrowLeft", canvas);
          requestAnimationFrame(step);
        };
        if (movement === "pan") for (let n = 0; n < 3; n += 1) press("+");
        requestAnimationFrame(step);
      }),
    kind,
    MOVEMENT_MS,
  );
}

const wanted = process.argv.slice(2);
const cases = (wanted.length > 0 ? wanted : ["100:0", "10000:0", "200:100000"]).map((text) => text.split(":").map(Number));
const browser = await launch();
const workshop = new Workshop();
console.log("| stages | own spans | HTML | gzip | JSON | first paint | drawn | longest task | heap | zoom: median, p95 gap | pan: median, p95 gap |");
console.log("|---|---|---|---|---|---|---|---|---|---|---|");
try {
  for (const [stages, spans] of cases) {
    const run = `s${stages}-${spans}`;
    workshop.foreign(run, traceOf(manyStages(stages, Math.round(spans / stages))));
    const path = workshop.page(run);
    const loads = [];
    /** @type {{zoom: number[], pan: number[]}} */
    const moved = { zoom: [], pan: [] };
    for (let n = 0; n < LOADS; n += 1) {
      const one = await load(browser, path);
      loads.push(one);
      if (n === 0) {
        if (spans > 0) {
          // With the spans of a stage open, which is the most there is to draw.
          for (const key of ["j", "o"]) await one.page.keyboard.press(key);
        }
        for (const kind of /** @type {const} */ (["zoom", "pan"])) moved[kind] = await gaps(one.page, kind);
      }
      await one.context.close();
    }
    const kib = (/** @type {number} */ bytes) => `${Math.round(bytes / 1024).toLocaleString("en")} KiB`;
    const ms = (/** @type {"painted" | "drawn" | "busiest"} */ key) => `${Math.round(median(loads.map((one) => one[key])))} ms`;
    const frames = (/** @type {number[]} */ found) => `${median(found).toFixed(1)} ms (${Math.round(1000 / median(found))} fps), ${quantile(found, 0.95).toFixed(1)} ms`;
    const cells = [
      stages.toLocaleString("en"),
      spans.toLocaleString("en"),
      kib(statSync(path).size),
      kib(gzipSync(readFileSync(path)).length),
      kib(statSync(path.replace(/html$/, "json")).size),
      ms("painted"),
      ms("drawn"),
      ms("busiest"),
      `${(median(loads.map((one) => one.heap)) / 1024 / 1024).toFixed(1)} MiB`,
      frames(moved.zoom),
      frames(moved.pan),
    ];
    console.log(`| ${cells.join(" | ")} |`);
  }
} finally {
  await browser.close();
  workshop.remove();
}

// What tests ask of a page with the dashboard in it.

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packages, settle } from "./chromium.mjs";

/** @typedef {import("puppeteer-core").Page} Page */

/**
 * How much of each canvas below a selector is drawn on: share of pixels that are not clear, and number of colours.
 * @param {Page} page
 * @param {string} selector
 * @returns {Promise<{drawn: number, colors: number, width: number, height: number}[]>}
 */
export function canvases(page, selector) {
  return page.$$eval(`${selector} canvas`, (found) =>
    found.map((element) => {
      const canvas = /** @type {HTMLCanvasElement} */ (element);
      const { width, height } = canvas;
      if (width === 0 || height === 0) return { drawn: 0, colors: 0, width, height };
      // Read from a copy: reading makes a canvas slow, and Chromium says so.
      const copy = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
      copy?.drawImage(canvas, 0, 0);
      const pixels = copy?.getImageData(0, 0, width, height).data ?? new Uint8ClampedArray();
      const colors = new Set();
      let drawn = 0;
      for (let at = 0; at < pixels.length; at += 4) {
        if (pixels[at + 3] === 0) continue;
        drawn += 1;
        // Coarse: edges are blended.
        colors.add(((pixels[at] >> 5) << 6) | ((pixels[at + 1] >> 5) << 3) | (pixels[at + 2] >> 5));
      }
      return { drawn: drawn / (width * height), colors: colors.size, width, height };
    }),
  );
}

/**
 * The picture of the first canvas below a selector, as a short text that differs when it does.
 * @param {Page} page
 * @param {string} selector
 * @returns {Promise<string>}
 */
export async function picture(page, selector) {
  await settle(page);
  return page.$eval(`${selector} canvas`, (element) => {
    const canvas = /** @type {HTMLCanvasElement} */ (element);
    if (canvas.width === 0 || canvas.height === 0) return "empty";
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
    copy?.drawImage(canvas, 0, 0);
    const pixels = copy?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
    let hash = canvas.width;
    for (let at = 0; at < pixels.length; at += 1) hash = (Math.imul(hash, 31) + pixels[at]) | 0;
    return String(hash);
  });
}

/**
 * Waits until an expression in the page holds, and says what it waited for.
 * @param {Page} page
 * @param {string} what
 * @param {(...values: any[]) => any} holds runs in the page
 * @param {...any} values
 */
export async function until(page, what, holds, ...values) {
  try {
    await page.waitForFunction(holds, { timeout: 15_000, polling: 50 }, ...values);
  } catch (error) {
    throw new Error(`waited for: ${what}`, { cause: error });
  }
}

/**
 * The page's own text, as a reader sees it.
 * @param {Page} page
 * @param {string} [selector]
 * @returns {Promise<string>}
 */
export function text(page, selector = "body") {
  return page.$eval(selector, (element) => /** @type {HTMLElement} */ (element).innerText);
}

/**
 * The rules of accessibility that machines can check (axe-core), as one line for each element that breaks a serious one.
 * @param {Page} page
 * @returns {Promise<string[]>}
 */
export async function accessibility(page) {
  // A script of the debugger's: the page's policy does not hear of it.
  await page.evaluate(readFileSync(packages.resolve("axe-core/axe.min.js"), "utf8"));
  const found = await page.evaluate(async () => {
    const results = await /** @type {any} */ (window).axe.run(document, { resultTypes: ["violations"] });
    return results.violations.flatMap((/** @type {any} */ rule) =>
      rule.nodes.map((/** @type {any} */ node) => ({ impact: rule.impact, line: `${rule.id}: ${node.target.join(" ")}: ${node.failureSummary} ${node.html.slice(0, 200)}` })),
    );
  });
  // A box of the graph is named by its words in the same order, with commas; the rule wants the very letters of all its texts.
  const known = (/** @type {any} */ { line }) => line.startsWith("label-content-name-mismatch") && line.includes('<g class="node');
  return found.filter((/** @type {any} */ one) => ["serious", "critical"].includes(one.impact) && !known(one)).map((/** @type {any} */ one) => one.line);
}

/**
 * Lets the page save files into a folder, presses each button, and returns what it saved.
 * @param {import("puppeteer-core").Browser} browser
 * @param {Page} page
 * @param {string} selector of the buttons
 * @returns {Promise<Map<string, string>>} text by name
 */
export async function saved(browser, page, selector) {
  const folder = mkdtempSync(join(tmpdir(), "forensic-saved-"));
  try {
    const session = await page.createCDPSession();
    const context = page.browserContext().id;
    await session.send("Browser.setDownloadBehavior", { behavior: "allow", downloadPath: folder, browserContextId: context });
    const buttons = await page.$$(selector);
    assert.ok(buttons.length > 0, `no ${selector}`);
    for (const [at, button] of buttons.entries()) {
      await button.evaluate((element) => /** @type {HTMLElement} */ (element).click());
      await waitForFiles(folder, at + 1);
    }
    return new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")]));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {string} folder
 * @param {number} count
 */
async function waitForFiles(folder, count) {
  for (let n = 0; n < 200; n += 1) {
    const names = existsSync(folder) ? readdirSync(folder) : [];
    const whole = names.filter((name) => !name.endsWith(".crdownload") && statSync(join(folder, name)).size > 0);
    if (whole.length >= count) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`waited for ${count} files, have ${readdirSync(folder)}`);
}

/**
 * CSV by RFC 4180, strictly.
 * @param {string} source
 * @returns {string[][]}
 */
export function parseCsv(source) {
  const rows = [];
  /** @type {string[]} */
  let row = [];
  const cell = /("(?:[^"]|"")*"|[^",\r\n]*)(,|\r\n|$)/y;
  while (cell.lastIndex < source.length) {
    const match = cell.exec(source);
    assert.ok(match !== null, "no CSV");
    row.push(match[1].startsWith('"') ? match[1].slice(1, -1).replaceAll('""', '"') : match[1]);
    if (match[2] !== ",") {
      rows.push(row);
      row = [];
    }
    if (match[2] === "") break;
  }
  return rows;
}

/**
 * Contrast of two colours by WCAG 2.2, from 1 to 21.
 * @param {string} one as a browser computes it, `rgb(…)`
 * @param {string} other
 * @returns {number}
 */
export function contrast(one, other) {
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

/** @param {string} color */
function luminance(color) {
  const [red, green, blue] = (color.match(/[\d.]+/g) ?? []).map((part) => {
    const value = Number(part) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/**
 * The view as the address tells it, once it says what is expected: the page writes it a moment after each change.
 * @param {Page} page
 * @param {string} what
 * @param {(view: URLSearchParams) => boolean} holds
 * @returns {Promise<URLSearchParams>}
 */
export async function viewWhere(page, what, holds) {
  let view = new URLSearchParams();
  for (let n = 0; n < 200; n += 1) {
    view = new URLSearchParams((await page.evaluate(() => location.hash)).replace(/^#\??/, ""));
    if (holds(view)) return view;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  return assert.fail(`${what}: the address says ${view}`);
}

/**
 * The stage table as it says it is: how many rows there are, and the names of those in the page.
 * @param {Page} page
 * @returns {Promise<{count: number, ids: string[]}>}
 */
export async function tableRows(page) {
  await settle(page);
  return page.$eval("#stage-table table", (table) => ({
    count: Number(table.getAttribute("aria-rowcount")) - 1,
    ids: [...table.querySelectorAll("tbody tr[aria-rowindex] th")].map((cell) => cell.textContent ?? ""),
  }));
}

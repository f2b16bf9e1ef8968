// Chromium, and pages in it that count what must not happen: a request, a refusal of the policy, an error, a word on the console,
// a dialog, a second window. A page is looked at through `look`, which fails the test on any of them.

import assert from "node:assert/strict";
import { existsSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** Root of the workspace. */
export const WORKSPACE = new URL("../../../", import.meta.url).pathname;
/** Where `tests/run` puts the packages of `tests/browser/packages`; pictures go beside them. */
const PACKAGES = process.env.BROWSER_FOLDER ?? join(WORKSPACE, "target/browser");
const SHOTS = join(PACKAGES, "shots");

/** `require` with the packages of `tests/browser/packages`. */
export const packages = createRequire(join(PACKAGES, "package.json"));

/**
 * Chromium with an empty profile, which goes when it does.
 * @returns {Promise<import("puppeteer-core").Browser>}
 */
export async function launch() {
  const chromium = chromiumPath();
  const { default: puppeteer } = await import(pathToFileURL(packages.resolve("puppeteer-core")).href);
  // Chromium refuses to use its sandbox as root, which is who runs the tests in most containers.
  const asRoot = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  const args = [...asRoot, "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--font-render-hinting=none"];
  return puppeteer.launch({ executablePath: chromium, args, protocolTimeout: 120_000 });
}

/**
 * The program, from CHROMIUM or the folders of PATH.
 * @returns {string}
 */
function chromiumPath() {
  const names = process.env.CHROMIUM ? [process.env.CHROMIUM] : ["chromium", "chromium-browser", "google-chrome"];
  const folders = (process.env.PATH ?? "").split(":");
  const found = names.flatMap((name) => (name.includes("/") ? [name] : folders.map((folder) => join(folder, name)))).find((path) => existsSync(path));
  assert.ok(found !== undefined, `no ${names.join(" or ")}: install the package chromium (tests/run does), or set CHROMIUM`);
  return found;
}

/**
 * @typedef {object} Wish
 * @property {boolean} [script] false: a browser that runs no script
 * @property {number} [width] CSS pixels
 * @property {number} [height]
 * @property {boolean} [dark] what the system prefers
 * @property {boolean} [still] whether the system asks for less motion
 * @property {boolean} [online] false, as a file is read: no network at all
 * @property {string} [expect] selector of what the page is ready with; by default the dashboard, or the body without script
 * @property {RegExp[]} [bear] trouble that this test makes on purpose
 * @property {(url: string) => boolean} [fetches] which requests beside the document's are right
 * @property {boolean} [touch]
 */

/**
 * Opens an address in a context of its own, hands the page to `use`, and fails on trouble.
 * @template T
 * @param {import("puppeteer-core").Browser} browser
 * @param {string} address a URL or a path
 * @param {Wish} wish
 * @param {(page: import("puppeteer-core").Page, trouble: string[]) => Promise<T>} use
 * @returns {Promise<T>}
 */
export async function look(browser, address, wish, use) {
  const { page, trouble, close } = await visit(browser, address, wish);
  try {
    const result = await use(page, trouble);
    if (wish.script ?? true) await settle(page);
    assert.deepEqual(expected(trouble, wish), [], `trouble on ${address}`);
    return result;
  } catch (error) {
    // What went wrong in the page explains most failures.
    if (error instanceof Error && trouble.length > 0) error.message += `\nthe page's trouble: ${JSON.stringify(trouble)}`;
    await shoot(page, "failed").catch(() => {});
    throw error;
  } finally {
    await close();
  }
}

/**
 * @param {string[]} trouble
 * @param {Wish} wish
 */
function expected(trouble, wish) {
  return trouble.filter((line) => !(wish.bear ?? []).some((pattern) => pattern.test(line)));
}

/**
 * @param {import("puppeteer-core").Browser} browser
 * @param {string} address
 * @param {Wish} wish
 */
async function visit(browser, address, wish) {
  const url = address.includes("://") ? address : pathToFileURL(address).href;
  const script = wish.script ?? true;
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  /** @type {string[]} */
  const trouble = [];
  const tell = (/** @type {string} */ line) => trouble.push(line.slice(0, 500));
  await page.setViewport({ width: wish.width ?? 1400, height: wish.height ?? 900, hasTouch: wish.touch ?? false });
  await page.emulateMediaFeatures([
    { name: "prefers-color-scheme", value: wish.dark ? "dark" : "light" },
    { name: "prefers-reduced-motion", value: wish.still ? "reduce" : "no-preference" },
  ]);
  await page.setJavaScriptEnabled(script);
  if (!(wish.online ?? !url.startsWith("file:"))) await page.setOfflineMode(true);
  // The page can't take these back: they are there before its first line.
  await page.exposeFunction("tellViolation", (/** @type {string} */ line) => tell(`violation: ${line}`));
  await page.evaluateOnNewDocument(() => {
    const say = /** @type {any} */ (window).tellViolation;
    addEventListener("securitypolicyviolation", (event) => say(`${event.effectiveDirective} ${event.blockedURI} ${event.sample}`));
    addEventListener("unhandledrejection", (event) => say(`unhandled rejection: ${event.reason}`));
  });
  page.on("console", (message) => tell(`console: ${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => tell(`error: ${error instanceof Error ? (error.stack ?? error.message) : error}`));
  page.on("dialog", (dialog) => {
    tell(`dialog: ${dialog.type()}: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("request", (request) => {
    const document = request.isNavigationRequest() && request.frame() === page.mainFrame() && sameDocument(request.url(), url);
    // A download from the page's own memory is no request.
    const own = request.url().startsWith("blob:") || (wish.fetches?.(request.url()) ?? false);
    if (!document && !own) tell(`request: ${request.method()} ${request.url()}`);
  });
  context.on("targetcreated", (target) => {
    if (target.type() !== "page" || target === page.target()) return;
    tell(`window: ${target.url()}`);
    // A page behind another one draws nothing, and a test that waits for it would hang.
    target.page().then((other) => other?.close()).catch(() => {});
  });
  await page.goto(url, { waitUntil: "load", timeout: 120_000 });
  const expect = wish.expect ?? (script && url.startsWith("file:") ? "#dashboard:not([hidden])" : "body");
  // A page whose script has failed will not get any further.
  const wait = page.waitForSelector(expect, { timeout: 30_000 });
  const failed = new Promise((_, reject) => {
    const fail = () => reject(new Error("the page's script failed"));
    if (trouble.some((line) => line.startsWith("error:"))) fail();
    page.on("pageerror", fail);
  });
  await Promise.race([wait, failed]).catch(async (error) => {
    await context.close();
    throw new Error(`${url.slice(0, 200)} shows no ${expect}: ${JSON.stringify(trouble)}`, { cause: error });
  });
  failed.catch(() => {});
  if (script) await settle(page);
  return { page, trouble, close: () => context.close() };
}

/** @type {(one: string, other: string) => boolean} */
const sameDocument = (one, other) => one.split("#")[0] === other.split("#")[0];

/**
 * Until the page has drawn what it was asked to: two pictures. Not for pages without scripts, which draw nothing later.
 * @param {import("puppeteer-core").Page} page
 */
export async function settle(page) {
  await page.evaluate(
    () =>
      /** @type {Promise<void>} */ (
        new Promise((resolve) => {
          // A page behind another window draws no pictures.
          setTimeout(resolve, 2000);
          requestAnimationFrame(() => requestAnimationFrame(() => resolve()));
        })
      ),
  );
}

/**
 * A picture for people, in `target/browser/shots`.
 * @param {import("puppeteer-core").Page} page
 * @param {string} name
 * @param {true | string} [what] true: the whole page, not only what is on the screen; a selector: what it finds
 */
export async function shoot(page, name, what) {
  mkdirSync(SHOTS, { recursive: true });
  const path = /** @type {`${string}.png`} */ (join(SHOTS, `${name}.png`));
  const part = typeof what === "string" ? await page.$(what) : null;
  await (part === null ? page.screenshot({ path, fullPage: what === true }) : part.screenshot({ path }));
}

/** Folder of pictures and printed pages. */
export function shotsFolder() {
  mkdirSync(SHOTS, { recursive: true });
  return SHOTS;
}

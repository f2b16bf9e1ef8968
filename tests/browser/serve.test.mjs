// `forensic-host serve` in a browser: the list, its filters, comparing, trends, findings, a run's page, and a run that is watched while
// it goes on. What the server refuses is tested in tests/e2e/serve.

import assert from "node:assert/strict";
import { extname } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, it } from "node:test";
import { launch, look, shoot } from "./support/chromium.mjs";
import { accessibility, canvases, saved, tableRows, text, until, viewWhere } from "./support/dashboard.mjs";
import { Workshop } from "./support/host.mjs";
import { MARKUP } from "./support/corpus.mjs";
import { traceOf } from "./support/synthetic.mjs";

/** @typedef {import("puppeteer-core").Page} Page */

describe("forensic-host serve", { concurrency: 1 }, () => {
  /** @type {import("puppeteer-core").Browser} */
  let browser;
  /** @type {import("node:child_process").ChildProcess} */
  let server;
  let origin = "";
  const workshop = new Workshop("report");
  before(async () => {
    workshop.write("slow.toml", '[pipeline]\nname = "slow"\nmax_parallel = 2\n[stages.quick]\nrun = "sleep 0.5"\n[stages.waits]\nrun = "until [ -e go ]; do sleep 0.05; done"\n[stages.last]\nrun = "true"\nneeds = ["quick", "waits"]\n');
    workshop.call(["run", "--run-id", "first", "--quiet"], [1]);
    workshop.call(["run", "--run-id", "second", "--resume", "first", "--quiet"], [1]);
    const hostile = MARKUP.map((id, at) => ({ id, needs: [], ready: at, start: at, end: at + 1, result: "failure", error: MARKUP[(at + 1) % MARKUP.length] }));
    const own = workshop.readText("pipeline.toml");
    workshop.foreign("hostile", traceOf(hostile));
    workshop.write("pipeline.toml", own);
    browser = await launch();
    server = workshop.start(["serve", "--listen", "127.0.0.1:0"]);
    origin = await addressOf(server);
  });
  after(async () => {
    await browser?.close();
    server?.kill("SIGTERM");
    workshop.remove();
  });

  /** @type {(path: string, use: (page: Page, trouble: string[]) => Promise<void>, wish?: import("./support/chromium.mjs").Wish) => Promise<void>} */
  const open = (path, use, wish = {}) => look(browser, origin + path, { fetches: (url) => url.startsWith(origin), ...wish }, use);
  /** @type {(page: Page) => Promise<string[]>} */
  const listed = (page) => page.$$eval("main table tbody tr th a[href^='/runs/']", (found) => found.map((link) => link.textContent ?? ""));

  it("lists the runs, newest first, with how each ended", async () => {
    await open("/", async (page) => {
      assert.deepEqual(await listed(page), ["hostile", "second", "first"]);
      const words = await text(page, "main");
      assert.match(words, /failure/);
      await shoot(page, "serve-list", true);
    });
  });

  it("filters the list with a form, with and without scripts", async () => {
    for (const script of [true, false]) {
      await open("/", async (page) => {
        await page.type("form[role=search] input[name=q]", "sec");
        await Promise.all([page.waitForNavigation(), page.$eval("form[role=search]", (form) => /** @type {HTMLFormElement} */ (form).requestSubmit())]);
        assert.deepEqual(await listed(page), ["second"]);
        assert.match(page.url(), /[?&]q=sec\b/);
      }, { script });
    }
  });

  it("takes any text as a filter, and shows it as text", async () => {
    for (const wanted of [...MARKUP.slice(0, 8), "\u0000", "%", "%00", "../..", "x".repeat(5000)]) {
      await open(`/?q=${encodeURIComponent(wanted)}`, async (page) => {
        assert.equal(await page.evaluate(() => /** @type {any} */ (window).ran), undefined);
        assert.equal(await page.$$eval("img, iframe, svg[onload], base, object", (found) => found.length), 0);
      }, { bear: [/^console: error: Failed to load resource: the server responded with a status of 4\d\d/] });
    }
  });

  it("shows a run as its report does, with the dashboard", async () => {
    await open("/runs/second", async (page) => {
      assert.equal((await tableRows(page)).count, 12);
      for (const canvas of await canvases(page, "#timeline")) assert.ok(canvas.drawn > 0.005, "blank");
      await page.keyboard.press("f");
      const view = await viewWhere(page, "a failure", (now) => now.has("stage"));
      assert.ok((await text(page, "#detail")).includes(view.get("stage") ?? ""));
      await shoot(page, "serve-run", true);
      const files = await saved(browser, page, "#downloads button");
      assert.equal(files.size, 3);
    }, { expect: "#dashboard:not([hidden])" });
  });

  it("links from what the script draws to files and runs that the server has", async () => {
    /** @type {Map<string, string>} where each link stands, by its address */
    const seen = new Map();
    await open("/runs/second", async (page) => {
      const links = (/** @type {string} */ where) => page.$$eval(`${where} a[href]`, (found) => found.map((link) => /** @type {HTMLAnchorElement} */ (link).href));
      for (const link of await links("#downloads")) seen.set(link, "#downloads");
      for (const { id } of workshop.report("second").summary.stages) {
        await page.evaluate((next) => (location.hash = next), `#?stage=${id}`);
        await until(page, `the details of ${id}`, (wanted) => document.querySelector("#detail h4")?.getAttribute("title") === wanted, id);
        for (const link of await links("#detail")) seen.set(link, id);
      }
    }, { expect: "#dashboard:not([hidden])" });
    const types = new Map([[".json", "application/json"], [".md", "text/plain; charset=utf-8"], [".log", "text/plain; charset=utf-8"]]);
    for (const [link, where] of seen) {
      const { pathname } = new URL(link);
      const response = await fetch(link);
      const body = await response.text();
      assert.equal(response.status, 200, `${link} of ${where}`);
      assert.equal(response.headers.get("content-type"), types.get(extname(pathname)) ?? "text/html; charset=utf-8", `${link} of ${where}`);
      // What lies in the run's folder, not some page that has an answer for everything.
      if (pathname.includes("/files/")) assert.equal(body, workshop.read("second", decodeURIComponent(pathname.split("/files/")[1])), link);
    }
    const paths = [...seen.keys()].map((link) => new URL(link).pathname);
    const files = ["data/forensic_trace.json", "reports/forensic_report.json", "reports/forensic_report.md", "logs/flaky/1.err.log", "logs/flaky/2.out.log"];
    for (const wanted of ["/runs/first", ...files.map((file) => `/runs/second/files/${file}`)]) assert.ok(paths.includes(wanted), `no link to ${wanted} among ${paths}`);
  });

  it("has an answer for each link of its pages", async () => {
    const seen = new Set(["/"]);
    const types = new Map();
    for (const path of seen) {
      if (types.size > 150) break;
      const response = await fetch(origin + path);
      types.set(path, response.headers.get("content-type"));
      assert.equal(response.status, 200, `${path}: ${response.status}`);
      const body = await response.text();
      if (!types.get(path)?.startsWith("text/html") || /\/files\//.test(path)) continue;
      for (const [, link] of body.matchAll(/<a\s[^>]*href="([^"]*)"/g)) {
        const url = new URL(link.replaceAll("&amp;", "&").replaceAll("&#39;", "'"), origin + path);
        assert.equal(url.origin, origin, `${path} links to ${link}`);
        seen.add(url.pathname + url.search);
      }
    }
    for (const wanted of ["/trends", "/findings", "/runs/first", "/runs/second/report.json"]) assert.ok([...seen].some((path) => path.startsWith(wanted)), `no link to ${wanted} among ${[...seen]}`);
  });

  it("compares two runs that were chosen in the list", async () => {
    await open("/", async (page) => {
      await page.click("input[name=a][value=first]");
      await page.click("input[name=b][value=second]");
      await Promise.all([page.waitForNavigation(), page.$eval("form[action='/compare']", (form) => /** @type {HTMLFormElement} */ (form).requestSubmit())]);
      const { pathname, searchParams } = new URL(page.url());
      assert.deepEqual([pathname, searchParams.get("a"), searchParams.get("b")], ["/compare", "first", "second"]);
      const words = await text(page, "main");
      for (const id of ["fetch.oak", "flaky", "broken", "first", "second"]) assert.ok(words.includes(id), `${id} is missing`);
      await shoot(page, "serve-compare", true);
      assert.deepEqual(await accessibility(page), []);
    });
  });

  it("draws trends, of a pipeline and of a stage", async () => {
    await open("/trends?pipeline=browser", async (page) => {
      assert.ok((await page.$$("main svg")).length > 0, "no chart");
      const words = await text(page, "main");
      for (const id of ["fetch.oak", "flaky"]) assert.ok(words.includes(id), `${id} is missing`);
      await shoot(page, "serve-trends", true);
      assert.deepEqual(await accessibility(page), []);
    });
    await open("/trends?pipeline=browser&stage=flaky", async (page) => {
      assert.ok((await text(page, "h1")).includes("flaky"));
      assert.ok((await page.$$("main svg")).length > 0, "no chart");
    });
  });

  it("lists findings", async () => {
    await open("/findings?pipeline=browser", async (page) => {
      assert.match(await text(page, "main"), /finding/i);
      await shoot(page, "serve-findings", true);
      assert.deepEqual(await accessibility(page), []);
    });
  });

  it("shows hostile names as text, everywhere", async () => {
    for (const path of ["/", "/runs/hostile", "/compare?a=hostile&b=first", "/compare?a=first&b=hostile", "/trends?pipeline=browser", "/findings", "/trends?pipeline=%3Cscript%3Ewindow.ran=1%3C/script%3E", "/runs/%3Cscript%3Ewindow.ran=1%3C%2Fscript%3E", "/compare?a=%3Cimg%20src=x%3E&b="]) {
      await open(path, async (page) => {
        assert.equal(await page.evaluate(() => /** @type {any} */ (window).ran), undefined, path);
        assert.equal(await page.$$eval("img, iframe, object, embed, base, svg[onload]", (found) => found.length), 0, path);
        const handlers = await page.$$eval("*", (all) => all.flatMap((one) => [...one.attributes].filter(({ name }) => name.startsWith("on")).map(({ name }) => name)));
        assert.deepEqual(handlers, [], path);
      }, { bear: [/^console: error: Failed to load resource: the server responded with a status of 4\d\d/] });
    }
  });

  it("keeps the rules of accessibility, and fits a narrow screen", async () => {
    for (const path of ["/", "/runs/second", "/compare?a=first&b=second", "/trends?pipeline=browser", "/findings"]) {
      for (const dark of [false, true]) {
        await open(path, async (page) => {
          const broken = await accessibility(page);
          assert.deepEqual(broken, [], path);
          const [inside, outside] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
          assert.ok(inside <= outside, `${path}: ${inside} pixels on a screen of ${outside}`);
          await shoot(page, `serve-${path.split(/[?/]/)[1] || "list"}-${dark ? "dark" : "light"}-420`, true);
        }, { dark, width: 420 });
      }
    }
  });

  it("follows a run that goes on to its end", async () => {
    const run = workshop.start(["run", "slow.toml", "--run-id", "live", "--quiet"]);
    const ended = new Promise((resolve) => run.once("exit", resolve));
    try {
      await workshop.waitFor("live", "run.json");
      await open("/runs/live", async (page) => {
        await until(page, "a badge", () => /live/.test(document.querySelector(".live")?.textContent ?? ""));
        await until(page, "the end of `quick`", () => /✓ ok/.test([...document.querySelectorAll("#stage-table tbody tr")].find((row) => row.textContent?.includes("quick"))?.textContent ?? ""));
        await until(page, "`waits` running", () => /running/.test([...document.querySelectorAll("#stage-table tbody tr")].find((row) => row.textContent?.includes("waits"))?.textContent ?? ""));
        await page.keyboard.press("j");
        const view = await viewWhere(page, "a selection", (now) => now.has("stage"));
        await shoot(page, "serve-live");
        workshop.write("go", "");
        await ended;
        await until(page, "the page of the run that has ended", () => document.documentElement.dataset.live === undefined && !document.querySelector("#dashboard")?.hasAttribute("hidden"));
        assert.equal((await tableRows(page)).count, 3);
        assert.doesNotMatch(await text(page, "#stage-table"), /running/);
        assert.equal(await page.evaluate(() => new URLSearchParams(location.hash.slice(2)).get("stage")), view.get("stage"), "the selection is lost");
      }, { expect: "#dashboard:not([hidden])" });
    } finally {
      workshop.write("go", "");
      await ended;
    }
  });

  it("says that a run was killed while it was watched", async () => {
    workshop.write("endless.toml", '[pipeline]\nname = "endless"\n[stages.a]\nrun = "true"\n[stages.waits]\nrun = "sleep 300"\n');
    const run = workshop.start(["run", "endless.toml", "--run-id", "killed", "--quiet"]);
    await workshop.waitFor("killed", "run.json");
    try {
      await open("/runs/killed", async (page) => {
        await until(page, "a badge", () => /live/.test(document.querySelector(".live")?.textContent ?? ""));
        run.kill("SIGKILL");
        await until(page, "the word", () => /killed/.test(document.body.textContent ?? ""));
      }, { expect: "#dashboard:not([hidden])" });
    } finally {
      run.kill("SIGKILL");
    }
  });

  it("asks for a token where it has one, once", async () => {
    const token = "0123456789abcdef0123456789abcdef";
    workshop.write("token", token);
    const guarded = workshop.start(["serve", "--listen", "127.0.0.1:0", "--token-file", "token"]);
    try {
      const address = await addressOf(guarded);
      const wish = { fetches: (/** @type {string} */ url) => url.startsWith(address) };
      const refused = /^console: error: Failed to load resource: the server responded with a status of 401/;
      await look(browser, `${address}/`, { ...wish, bear: [refused] }, async (page) => {
        assert.equal((await listed(page)).length, 0);
        assert.match(await text(page), /token/i);
      });
      await look(browser, `${address}/?token=${token}`, wish, async (page) => {
        assert.ok((await listed(page)).includes("second"));
        assert.ok(!page.url().includes(token), "the token stays in the address");
        await page.click("main table tbody th a");
        await page.waitForSelector("#dashboard:not([hidden])");
        assert.equal(await page.evaluate(() => document.cookie), "", "scripts can read the token");
      });
    } finally {
      guarded.kill("SIGTERM");
    }
  });
});

/**
 * Where a server listens, as its first line says.
 * @param {import("node:child_process").ChildProcess} server
 * @returns {Promise<string>}
 */
async function addressOf(server) {
  let said = "";
  server.stderr?.on("data", (chunk) => (said += chunk));
  const output = /** @type {import("node:stream").Readable} */ (server.stdout);
  for await (const line of createInterface({ input: output })) {
    const address = line.match(/^serving .* at (http:\/\/\S+?)\/?$/)?.[1];
    if (address !== undefined) {
      output.resume();
      return address;
    }
  }
  return assert.fail(`no server: ${said}`);
}

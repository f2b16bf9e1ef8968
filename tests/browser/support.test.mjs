// The nets of the other suites catch what they are there for: each of these pages does one thing that must not happen.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { launch, look } from "./support/chromium.mjs";

const POLICY = `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'">`;
const CASES = [
  ["an error", "", "<script>throw new Error('on purpose')</script>", /^error: .*on purpose/],
  ["a promise that nobody waited for", "", "<script>Promise.reject('on purpose')</script>", /on purpose/],
  ["a word on the console", "", "<script>console.info('on purpose')</script>", /^console: info: on purpose/],
  ["a dialog", "", "<script>alert('on purpose')</script>", /^dialog: alert: on purpose/],
  ["a request", "", "<img src='http://forensic.invalid/x'>", /^request: GET http:\/\/forensic\.invalid/],
  ["a request for a file", "", "<link rel=stylesheet href='other.css'>", /^request: GET file:.*other\.css/],
  ["a refused style", POLICY, "<p style='color:red'>red</p>", /^violation: style-src-attr inline/],
  ["a refused request", POLICY, "<script>fetch('http://forensic.invalid/').catch(() => {})</script>", /^violation: connect-src/],
  ["a second window", "", "<script>onload = () => setTimeout(() => open('about:blank#second'), 50)</script>", /^window:/],
];

describe("nets", { concurrency: 1 }, () => {
  /** @type {import("puppeteer-core").Browser} */
  let browser;
  const folder = mkdtempSync(join(tmpdir(), "forensic-nets-"));
  before(async () => {
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const [what, head, body, sign] of /** @type {[string, string, string, RegExp][]} */ (CASES)) {
    it(`catch ${what}`, async () => {
      const path = join(folder, "page.html");
      writeFileSync(path, `<!DOCTYPE html><meta charset="utf-8">${head}<title>x</title>${body}`);
      const seen = look(browser, path, { expect: "body" }, async (_page, trouble) => {
        for (let n = 0; n < 40 && !trouble.some((line) => sign.test(line)); n += 1) await new Promise((r) => setTimeout(r, 50));
        assert.ok(trouble.some((line) => sign.test(line)), `not caught: ${JSON.stringify(trouble)}`);
      });
      await assert.rejects(seen, (error) => /trouble on|shows no/.test(String(error)) && !String(error).includes("not caught"));
    });
  }

  it("let a calm page pass", async () => {
    const path = join(folder, "calm.html");
    writeFileSync(path, `<!DOCTYPE html><meta charset="utf-8"><title>x</title><p>calm</p>`);
    await look(browser, path, { expect: "p" }, async () => {});
  });
});

// forensic_report.html as a file: whole without its script, no request with it, light and dark, narrow and printed, and usable by
// those who don't see it. What the dashboard does is in dashboard.test.mjs.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { launch, look, shoot, shotsFolder } from "./support/chromium.mjs";
import { accessibility, canvases, contrast, picture, text } from "./support/dashboard.mjs";
import { Workshop } from "./support/host.mjs";

const CHARTS = ["timeline", "concurrency"];
const SECTIONS = [...CHARTS, "chain", "stage-table", "graph", "downloads"];

describe("forensic_report.html", { concurrency: 1 }, () => {
  /** @type {import("puppeteer-core").Browser} */
  let browser;
  const workshop = new Workshop("report");
  /** @type {any} */
  let report;
  before(async () => {
    workshop.call(["run", "--run-id", "first", "--quiet"], [1]);
    workshop.call(["run", "--run-id", "second", "--resume", "first", "--quiet"], [1]);
    report = workshop.report("second");
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    workshop.remove();
  });
  /** @type {(wish: import("./support/chromium.mjs").Wish, use: (page: import("puppeteer-core").Page, trouble: string[]) => Promise<void>) => Promise<void>} */
  const open = (wish, use) => look(browser, workshop.page("second"), wish, use);
  /** @returns {string[]} */
  const stages = () => report.summary.stages.map((/** @type {any} */ stage) => stage.id);

  it("says everything without its script", async () => {
    await open({ script: false }, async (page) => {
      const words = await text(page);
      for (const id of stages()) assert.ok(words.includes(id), `${id} is missing`);
      for (const heading of ["Pipeline Health", "Stage breakdown", "Resources", "Parallelism", "Where the time went", "Inside the stages", "Files of this run"]) {
        assert.ok(words.includes(heading), `${heading} is missing`);
      }
      for (const failure of ["broken", "late", "optional", "singular", "1.err.log"]) assert.ok(words.includes(failure), failure);
      assert.equal(await page.$eval("#dashboard", (element) => element.checkVisibility()), false, "an empty dashboard is shown");
      assert.ok(words.indexOf("What failed") < words.indexOf("Stage breakdown"), "failures do not stand first");
      await shoot(page, "report-no-script", true);
    });
  });

  it("asks for nothing, and its policy would not let it", async () => {
    const source = readFileSync(workshop.page("second"), "utf8");
    const policy = source.match(/http-equiv="Content-Security-Policy" content="([^"]*)"/)?.[1] ?? "";
    const rules = policy.replaceAll("&#39;", "'").replaceAll("&apos;", "'").split(";").map((rule) => rule.trim());
    assert.ok(rules.includes("default-src 'none'") && rules.includes("base-uri 'none'") && rules.includes("form-action 'none'"), policy);
    assert.doesNotMatch(policy, /unsafe|https?:|\*|connect-src|img-src/);
    assert.doesNotMatch(source, /<[^>]+\s(style|on[a-z]+)=/i);
    await open({}, async (page) => {
      assert.equal(await page.$$eval("img, iframe, object, embed, link, form", (found) => found.length), 0);
    });
  });

  it("runs no script but its own", async () => {
    const source = readFileSync(workshop.page("second"), "utf8");
    const changed = join(workshop.directory("second"), "reports/changed.html");
    // As if a plugin had found a way to write markup.
    writeFileSync(changed, source.replace("</main>", `<script>window.foreign = 1</script><p id="probe" onclick="window.foreign = 1">x</p></main>`));
    const wish = { bear: [/^violation: script-src/, /^console: error: .*Content Security Policy/] };
    await look(browser, changed, wish, async (page, trouble) => {
      await page.$eval("#probe", (element) => /** @type {HTMLElement} */ (element).click());
      assert.equal(await page.evaluate(() => /** @type {any} */ (window).foreign), undefined);
      assert.ok(trouble.some((line) => line.startsWith("violation: script-src")), `no refusal: ${trouble}`);
    });
  });

  it("shows the dashboard, each chart drawn", async () => {
    await open({}, async (page) => {
      const found = await page.$$eval("#dashboard .part", (sections) => sections.map((section) => section.id));
      for (const section of SECTIONS) assert.ok(found.includes(section), `no section ${section} among ${found}`);
      for (const chart of CHARTS) {
        for (const canvas of await canvases(page, `#${chart}`)) {
          assert.ok(canvas.drawn > 0.005 && canvas.colors > 2, `${chart} is blank: ${JSON.stringify(canvas)}`);
        }
      }
      assert.ok((await canvases(page, "#timeline")).length >= 2, "no minimap");
      assert.ok((await page.$$("#graph svg [role], #graph svg .node")).length > 0, "no graph");
      for (const [index, section] of found.entries()) {
        const heading = await page.$eval(`#${section} h3`, (element) => element.textContent);
        assert.ok(heading, `section ${index} has no heading`);
      }
    });
  });

  for (const [theme, dark] of /** @type {const} */ ([["light", false], ["dark", true]])) {
    for (const width of [1400, 420]) {
      it(`is drawn in ${theme} colours at ${width} pixels`, async () => {
        await open({ dark, width }, async (page) => {
          const colors = await page.evaluate(() => {
            const style = getComputedStyle(document.documentElement);
            return [style.backgroundColor, getComputedStyle(document.body).color];
          });
          assert.ok(contrast(colors[0], "rgb(0, 0, 0)") > 10 !== dark, `background ${colors[0]}`);
          assert.ok(contrast(colors[0], colors[1]) > 10, `text ${colors[1]} on ${colors[0]}`);
          await shoot(page, `report-${theme}-${width}`, true);
        });
      });
    }

    it(`has text that can be read on its ground, in ${theme}`, async () => {
      await open({ dark }, async (page) => {
        const weak = await page.evaluate(textColors);
        const low = weak.filter(({ front, back, large }) => contrast(front, back) < (large ? 3 : 4.5));
        assert.deepEqual(low.slice(0, 10), []);
        const tokens = await page.evaluate(tokenColors);
        const ground = tokens.bg;
        for (const [name, color] of Object.entries(tokens)) {
          // Series only have to be seen as shapes.
          const least = /^s\d$/.test(name) ? 3 : ["bg", "line", "soft"].includes(name) ? 0 : 4.5;
          assert.ok(contrast(color, ground) >= least, `--${name} ${color} on ${ground}: ${contrast(color, ground).toFixed(2)}`);
        }
      });
    });
  }

  it("follows its button and the system from light to dark and back, charts too", async () => {
    await open({}, async (page) => {
      const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
      const light = await ground();
      const drawn = await picture(page, "#timeline");
      await page.keyboard.press("d");
      const seen = new Set([await page.evaluate(() => document.documentElement.dataset.theme)]);
      await page.keyboard.press("d");
      seen.add(await page.evaluate(() => document.documentElement.dataset.theme));
      assert.deepEqual([...seen].sort(), ["dark", "light"]);
      assert.notEqual(await ground(), light);
      assert.notEqual(await picture(page, "#timeline"), drawn);
      await page.keyboard.press("d");
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "dark" }]);
      assert.notEqual(await ground(), light, "`auto` does not follow the system");
      assert.notEqual(await picture(page, "#timeline"), drawn, "the charts keep their colours");
    });
  });

  it("never scrolls sideways as a whole, down to 320 pixels", async () => {
    for (const width of [1400, 800, 420, 360, 320]) {
      await open({ width, height: 700 }, async (page) => {
        const [inside, outside] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
        assert.ok(inside <= outside, `${inside} pixels on a screen of ${outside}`);
      });
    }
  });

  it("keeps its controls large enough for a finger", async () => {
    // Segments of the chain are as wide as their time: the table below them is what a finger can use.
    await open({ width: 420, touch: true }, async (page) => {
      const small = await page.$$eval("#dashboard :is(button, select, input):not(.strip *)", (found) =>
        found.flatMap((element) => {
          const { width, height } = element.getBoundingClientRect();
          return element.checkVisibility() && (width < 24 || height < 24) ? [`${element.outerHTML.slice(0, 100)} ${width}×${height}`] : [];
        }),
      );
      assert.deepEqual(small, []);
    });
  });

  it("is printed with its tables, nothing cut off, in black on white", async () => {
    await open({ dark: true }, async (page) => {
      // As a printer's dialog does, before the page is laid out for paper.
      const path = join(shotsFolder(), "report.pdf");
      const pdf = await page.pdf({ path, format: "a4", printBackground: false, timeout: 60_000 });
      const pages = Buffer.from(pdf).toString("latin1").match(/\/Type\s*\/Page\b/g)?.length ?? 0;
      assert.ok(pages >= 2 && pages <= 30, `${pages} pages`);
      assert.ok(pdf.length > 20_000 && pdf.length < 5_000_000, `${pdf.length} bytes`);
      await page.emulateMediaType("print");
      await page.setViewport({ width: 700, height: 1000 });
      await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
      await picture(page, "#timeline");
      const colors = await page.evaluate(() => [getComputedStyle(document.documentElement).backgroundColor, getComputedStyle(document.body).color]);
      assert.deepEqual(colors, ["rgb(255, 255, 255)", "rgb(0, 0, 0)"]);
      const wide = await page.$$eval("#dashboard canvas, #dashboard svg", (found) =>
        found.flatMap((element) => {
          const { right, left } = element.getBoundingClientRect();
          return right > innerWidth + 1 || left < -1 ? [`${element.parentElement?.id} ${left} to ${right}`] : [];
        }),
      );
      assert.deepEqual(wide, [], "charts that stick out of the paper");
      const words = await text(page);
      for (const id of stages()) assert.ok(words.includes(id), `${id} is not printed`);
      assert.equal(await page.$$eval(".tools, #find", (found) => found.filter((element) => element.checkVisibility()).length), 0, "tools are printed");
      await shoot(page, "report-print", true);
    });
  });

  it("has a name for every control and chart", async () => {
    await open({}, async (page) => {
      const tree = await page.accessibility.snapshot({ interestingOnly: true });
      assert.ok(tree !== null);
      /** @type {string[]} */
      const nameless = [];
      const roles = new Map();
      (function walk(/** @type {any} */ node) {
        roles.set(node.role, (roles.get(node.role) ?? 0) + 1);
        const named = ["button", "link", "combobox", "searchbox", "textbox", "checkbox", "radio", "slider", "img", "image", "application", "dialog", "region", "figure"];
        if (named.includes(node.role) && !node.name?.trim()) nameless.push(JSON.stringify({ ...node, children: undefined }));
        for (const child of node.children ?? []) walk(child);
      })(tree);
      assert.deepEqual(nameless, []);
      assert.ok(roles.get("searchbox") >= 1 && roles.get("button") >= 5, JSON.stringify([...roles]));
      const canvasNames = await page.$$eval("#dashboard canvas", (found) => found.map((canvas) => [canvas.getAttribute("role"), canvas.getAttribute("aria-label") ?? "", canvas.getAttribute("aria-hidden")]));
      for (const [role, name, hidden] of canvasNames) {
        assert.ok(hidden === "true" || (role && name && /\d/.test(name)), `a chart without a summary in numbers: ${role} ${name}`);
      }
    });
  });

  for (const dark of [false, true]) {
    it(`keeps the rules of accessibility that a machine can check, ${dark ? "dark" : "light"}`, async () => {
      await open({ dark }, async (page) => {
        await page.keyboard.press("f");
        assert.deepEqual(await accessibility(page), []);
      });
    });
  }

  it("can be used with the keyboard alone: every stop is seen", async () => {
    await open({}, async (page) => {
      const stops = await page.evaluate(() => [...document.querySelectorAll("#dashboard :is(a[href], button, select, input, summary, [tabindex='0'])")].filter((element) => element.checkVisibility()).length);
      /** @type {string[]} */
      const unseen = [];
      const visited = new Set();
      for (let n = 0; n < Math.min(stops + 40, 250); n += 1) {
        await page.keyboard.press("Tab");
        const [path, mark] = await page.evaluate(focusMark);
        visited.add(path);
        if (mark === "") unseen.push(path);
      }
      assert.ok(visited.size > 15, `${visited.size} stops`);
      assert.deepEqual(unseen, [], "stops without a mark");
    });
  });

  it("moves nothing on its own for those who ask for stillness", async () => {
    await open({ still: true }, async (page) => {
      await page.keyboard.press("f");
      const moving = await page.evaluate(() => document.getAnimations().filter((animation) => Number(animation.effect?.getComputedTiming().duration) > 1).length);
      assert.equal(moving, 0);
      const smooth = await page.$$eval("*", (found) => found.filter((element) => getComputedStyle(element).scrollBehavior === "smooth").length);
      assert.equal(smooth, 0);
    });
  });
});

/** Colour and ground of each text on the page, in the page. */
function textColors() {
  /** @type {(element: Element | null) => string} */
  const groundOf = (element) => {
    for (let now = element; now !== null; now = now.parentElement) {
      const color = getComputedStyle(now).backgroundColor;
      if (!/, 0\)$|transparent/.test(color)) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const found = new Map();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const element = /** @type {Element} */ (node.parentElement);
    if (!node.textContent?.trim() || !element.checkVisibility() || element.closest("svg, script, :disabled, .vh")) continue;
    const style = getComputedStyle(element);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const one = { front: style.color, back: groundOf(element), large };
    found.set(JSON.stringify(one), { ...one, where: element.outerHTML.slice(0, 100) });
  }
  return [...found.values()];
}

/** The palette as it is computed, in the page. */
function tokenColors() {
  const probe = document.body.appendChild(document.createElement("span"));
  const names = "bg fg dim line soft link good warn bad s0 s1 s2 s3 s4 s5 s6 s7".split(" ");
  const colors = Object.fromEntries(
    names.map((name) => {
      probe.style.color = `var(--${name})`;
      return [name, getComputedStyle(probe).color];
    }),
  );
  probe.remove();
  return colors;
}

/** Where the focus is, and whether anything looks different for it, in the page. */
function focusMark() {
  const element = document.activeElement;
  if (!(element instanceof HTMLElement || element instanceof SVGElement) || element === document.body) return ["body", "none needed"];
  const around = [element, element.parentElement, element.parentElement?.parentElement, ...element.querySelectorAll("*")].slice(0, 40);
  const seen = () =>
    around.map((one) => {
      const { outlineStyle, outlineWidth, boxShadow, stroke, strokeWidth, borderColor, backgroundColor } = getComputedStyle(/** @type {Element} */ (one));
      return [outlineStyle === "none" ? "" : outlineWidth, boxShadow, stroke, strokeWidth, borderColor, backgroundColor].join();
    });
  const place = `${element.closest("[id]")?.id ?? ""} ${element.tagName} ${element.textContent?.slice(0, 30)}`;
  const focused = seen();
  element.blur();
  const plain = seen();
  element.focus({ preventScroll: true });
  return [place, focused.some((style, at) => style !== plain[at]) ? "marked" : ""];
}

// Files to take away: those of the run, and tables made here from what the page holds.

import { announce, h, section } from "./dom.js";
import { attemptsCsv, chromeTrace, stagesCsv } from "./exports.js";
import { fileLink } from "./facts.js";
import { actionButton } from "./pieces.js";

const RUN_FILES = [
  ["data/forensic_trace.json", "Trace"],
  ["reports/forensic_report.json", "Report as JSON"],
  ["reports/forensic_report.md", "Report as Markdown"],
];
/** @type {[name: string, file: string, hint: string, make: (model: import("./model.js").Model) => string][]} */
const MADE_FILES = [
  ["Stages as CSV", "stages.csv", "A row for each stage", stagesCsv],
  ["Attempts as CSV", "attempts.csv", "A row for each attempt", attemptsCsv],
  ["Chrome trace", "chrome-trace.json", "Attempts and their spans, for Perfetto", chromeTrace],
];

/**
 * @param {HTMLElement} parent
 * @param {import("./model.js").Model} model
 * @param {import("./state.js").Store} _store
 */
export function mountDownloads(parent, model, _store) {
  const { files } = document.documentElement.dataset;
  // A run that goes on has no such files yet.
  const links = (model.live ? [] : RUN_FILES).map(([path, name]) =>
    h("a", { href: fileLink(path, files), download: true }, name),
  );
  const buttons = MADE_FILES.map(([name, file, hint, make]) =>
    actionButton(name, hint, () => {
      saveFile(`${model.run.id}-${file}`, make(model));
      announce(`${name} made`);
    }),
  );
  const items = [...links, ...buttons].map((item) => h("li", {}, item));
  section(parent, "downloads", "Downloads", h("ul", {}, ...items)).classList.add("no-print");
}

/**
 * @param {string} name
 * @param {string} text
 */
function saveFile(name, text) {
  const href = URL.createObjectURL(new Blob([text]));
  h("a", { href, download: name }).click();
  // Not at once: the browser begins to read after the click has been dealt with.
  setTimeout(() => URL.revokeObjectURL(href), 10_000);
}

// The part of the details that is about attempts: their table, one's log tail, where its spans' time went.

import { announce, h } from "./dom.js";
import { fileLink, timeByName, visibleLines } from "./facts.js";
import { bytes, counted, duration, integer, NOTHING, offset } from "./format.js";
import { actionButton, endedMark, errorText, factList } from "./pieces.js";
import { statusText } from "./rows.js";
import { plainTable } from "./twin.js";
import { visibleText } from "./words.js";

/** @typedef {import("./model.js").Model} Model */
/** @typedef {import("./model.js").Attempt} Attempt */
/** @typedef {import("./model.js").Stage} Stage */
/** @typedef {import("./state.js").Store} Store */
/** @typedef {import("./dom.js").Child} Child */

const MOST_ATTEMPTS = 50;
const MOST_NAMES = 15;

/**
 * @param {Model} model
 * @param {Store} store
 * @param {Stage} stage
 * @param {Attempt} attempt the one that is selected, otherwise the last
 * @returns {Node[]}
 */
export function attemptParts(model, store, stage, attempt) {
  const count = stage.to - stage.from;
  const from = Math.max(stage.from, Math.min(attempt.at, stage.to - MOST_ATTEMPTS));
  const facts = attemptFacts(model.attempts.slice(from, Math.min(stage.to, from + MOST_ATTEMPTS)), attempt, (next) => {
    store.set({ attempt: next.at, span: -1 });
    announce(`Attempt ${next.number}: ${statusText(next)}`);
  });
  return [
    h("h5", {}, `Attempt ${attempt.number}${count > 1 ? ` of ${count}` : ""}`),
    facts,
    ...errorText(attempt.error === stage.error ? null : attempt.error),
    ...logTail(model, attempt),
    ...namesTable(model, attempt),
  ];
}

/**
 * A row for each attempt; of a single one only what its stage does not say.
 * @param {Attempt[]} attempts
 * @param {Attempt} chosen
 * @param {(attempt: Attempt) => void} go
 * @returns {HTMLElement}
 */
function attemptFacts(attempts, chosen, go) {
  const number = (/** @type {Attempt} */ attempt) => {
    const button = actionButton(String(attempt.number), "Choose this attempt", () => go(attempt));
    button.ariaLabel = `Attempt ${attempt.number}`;
    button.ariaPressed = String(attempt === chosen);
    return button;
  };
  const log = (/** @type {string | null} */ path, /** @type {string} */ name) => {
    const href = fileLink(path, document.documentElement.dataset.files);
    return href && h("a", { href }, name);
  };
  /** @type {[title: string, cell: (attempt: Attempt) => Child][]} words first, then numbers */
  const columns = [
    ["#", number],
    ["Result", endedMark],
    ["Start", ({ start }) => offset(start)],
    ["Duration", ({ start, end }) => duration(end - start)],
    ["Ended with", exitText],
    ["CPU user + system", ({ user, system }) => pairText(user, system, duration, " + ")],
    ["Memory", ({ memory }) => bytes(memory)],
    ["Of all processes", ({ treeMemory }) => bytes(treeMemory)],
    ["Worker", ({ worker, node }) => (worker ? `${worker} on ${node}` : NOTHING)],
    ["Read / written", ({ read, written }) => pairText(read, written, bytes, " / ")],
    ["Logs", ({ stdout, stderr }) => h("span", { class: "logs" }, log(stdout, "output"), log(stderr, "errors"))],
  ];
  if (attempts.length === 1) return factList(columns.slice(4).map(([title, cell]) => [title, cell(chosen)]));
  const known = columns.filter(([, cell]) => attempts.some((attempt) => cell(attempt) !== NOTHING));
  const rows = attempts.map((attempt) => known.map(([, cell]) => cell(attempt)));
  return plainTable("Attempts", known.map(([title]) => title), 2, rows);
}

/**
 * @param {Attempt} attempt
 * @returns {string}
 */
function exitText({ exitCode, signal, oom }) {
  const how = signal !== null ? `signal ${signal}` : exitCode !== null ? `exit ${exitCode}` : NOTHING;
  return oom ? `${how}, out of memory` : how;
}

/**
 * @param {number | null} a
 * @param {number | null} b
 * @param {(value: number | null) => string} text
 * @param {string} between
 * @returns {string}
 */
function pairText(a, b, text, between) {
  return a === null && b === null ? NOTHING : text(a) + between + text(b);
}

/**
 * @param {Model} model
 * @param {Attempt} attempt
 * @returns {Node[]}
 */
function logTail({ tails }, { stage, number }) {
  const own = tails.filter((tail) => tail.stage === stage && tail.attempt === number);
  return own.flatMap(({ lines, path, omitted_bytes: omitted }) => {
    const text = h("pre", { tabindex: 0, "aria-label": "Log tail" }, visibleLines(lines.join("\n")));
    const copy = actionButton("Copy", "Copy these lines", () => {
      getSelection()?.selectAllChildren(text);
      announce(document.execCommand("copy") ? "Copied" : "Selected");
    });
    const left = omitted > 0 ? `${bytes(omitted)} before it left out` : "whole log";
    const about = h("span", { class: "aside" }, `${visibleText(path, 120)}, ${left}`);
    return [h("div", { class: "heads" }, h("h5", {}, "Log tail"), about, copy), text];
  });
}

/**
 * Where the time went inside an attempt.
 * @param {Model} model
 * @param {Attempt} attempt
 * @returns {Node[]}
 */
function namesTable({ spans }, { spansFrom, spansTo }) {
  const times = timeByName(spans, spansFrom, spansTo);
  if (times.length === 0) return [];
  const rows = times.slice(0, MOST_NAMES).map(({ name, self, total, calls, errors }) => {
    const failures = errors > 0 ? `✗ ${integer(errors)}` : "";
    return [visibleText(name, 60), duration(self), duration(total), integer(calls), failures];
  });
  const more = times.length - MOST_NAMES;
  const rest = more > 0 ? `; ${counted(more, "more name")} with less` : "";
  return [
    h("h5", {}, "Inside the attempt"),
    plainTable("Time by name of span", ["Span", "Own time", "Total", "Calls", "Errors"], 1, rows),
    h("p", { class: "aside" }, `${counted(spansTo - spansFrom, "span")}${rest}. Own time: outside child spans.`),
  ];
}

/**
 * The selected span.
 * @param {Model} model
 * @param {number} at
 * @returns {Node[]}
 */
export function spanParts({ spans }, at) {
  return [
    h("h5", {}, `Span ${visibleText(spans.names[spans.name[at]], 120)}`),
    factList([
      ["Start", offset(spans.start[at])],
      ["Duration", duration(spans.end[at] - spans.start[at])],
      ["Depth", String(spans.depth[at])],
      ["Status", spans.error[at] ? "✗ error" : "✓ ok"],
    ]),
  ];
}

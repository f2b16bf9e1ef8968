// A run that goes on, followed through server-sent events: newer data as it comes, and the page anew when the run has
// ended. Only a page of `forensic-host serve` has `data-live` on its root.

import { h } from "./dom.js";

/** How long the word about the end stands before the page is loaded again: to be read, and against circles. */
const LAST_WORD_MS = 1000;

/** What the badge says. */
const LIVE_WORDS = {
  waiting: "○ connecting",
  live: "● live: this run goes on",
  lost: "○ connection lost, trying again",
  ended: "■ the run has ended: loading its report",
  killed: "✗ the run was killed: loading what it left",
  broken: "✗ the run can't be read any more",
};

/**
 * The words about a run that is over.
 * @param {string} text data of the event `end`
 * @returns {string}
 */
export function lastWord(text) {
  try {
    const state = JSON.parse(text).state;
    if (state === "killed") return LIVE_WORDS.killed;
    return state === "broken" ? LIVE_WORDS.broken : LIVE_WORDS.ended;
  } catch {
    return LIVE_WORDS.ended;
  }
}

/**
 * The data of an event `columns`; null where it is damaged: the next one is whole again.
 * @param {string} text
 * @returns {import("./contract.js").PageData | null}
 */
export function liveData(text) {
  try {
    const data = JSON.parse(text);
    return typeof data === "object" && data !== null && "columns" in data ? data : null;
  } catch {
    return null;
  }
}

/**
 * Follows the run of this page, and shows in a badge how that goes.
 * @param {(data: import("./contract.js").PageData) => void} update
 */
export function followLive(update) {
  const address = document.documentElement.dataset.live;
  if (address === undefined) return;
  const badge = h("p", { class: "live", role: "status" }, LIVE_WORDS.waiting);
  (document.querySelector("header") ?? document.body).append(badge);
  const events = new EventSource(address);
  /** @param {string} words */
  const say = (words) => {
    // A screen reader says what changes, so nothing is set again that stands there.
    if (badge.textContent !== words) badge.textContent = words;
  };
  events.addEventListener("open", () => say(LIVE_WORDS.live));
  events.addEventListener("error", () => say(LIVE_WORDS.lost));
  events.addEventListener("columns", (event) => {
    const data = liveData(event.data);
    if (data !== null) update(data);
  });
  events.addEventListener("end", (event) => {
    events.close();
    say(lastWord(event.data));
    setTimeout(() => location.reload(), LAST_WORD_MS);
  });
  addEventListener("pagehide", () => events.close());
}

// The card beside the pointer or the selected bar: what a stage, an attempt or a span did, in a few lines.

import { h } from "./dom.js";
import { duration, offset } from "./format.js";
import { MARKS } from "./model.js";
import { visibleText } from "./words.js";

/** @typedef {{stage: number, attempt: number, span: number}} Target positions, -1: none */
/** @typedef {{title: string, lines: [string, string | false | null][]}} Card a line without a value is not shown */

/**
 * @param {import("./model.js").Model} model
 * @param {Target} target
 * @returns {Card | null}
 */
export function cardOf({ stages, attempts, spans }, { stage: at, attempt, span }) {
  const stage = stages[at];
  if (stage === undefined) return null;
  const own = attempts[attempt];
  const tries = stage.to - stage.from;
  const part = own ?? attempts[tries > 0 ? stage.to - 1 : -1];
  const { mark, error } = own ?? stage;
  const { start, end } = part ?? stage;
  /** @type {(name: string, from: number, to: number) => Card["lines"]} */
  const times = (name, from, to) => [
    ["Time", offset(from) === offset(to) ? offset(from) : `${offset(from)} – ${offset(to)}`],
    [name, to > from && duration(to - from)],
  ];
  if (span >= 0)
    return {
      title: visibleText(spans.names[spans.name[span]], 160),
      lines: [
        ["Status", spans.error[span] > 0 && "✗ failed"],
        ["Span of", visibleText(stage.id, 80)],
        ...times("Took", spans.start[span], spans.end[span]),
      ],
    };
  /** @type {(ns: number | null | undefined) => string | false} */
  const long = (ns) => (ns ?? 0) > 0 && duration(ns);
  const code = part?.signal ? `signal ${part.signal}` : (part?.exitCode ?? "");
  return {
    title: visibleText(stage.id, 160),
    lines: [
      ["Status", `${MARKS[mark].sign} ${MARKS[mark].word}`],
      ["Attempt", tries > 1 && `${part.number} of ${tries}`],
      ...times("Ran", start, end),
      ["Queued", long(part && start - (part.ready ?? start))],
      ["Back-off", long(part?.backoff)],
      ["Exit", String(code)],
      ["Critical path", stage.critical && `yes, drag ${duration(stage.drag)}`],
      [error ? "Error" : "Reason", visibleText(error ?? stage.skipReason ?? "", 200)],
    ],
  };
}

/**
 * Where a card goes along one side: beside a point, inside the window.
 * @param {number} point
 * @param {number} size
 * @param {number} room
 * @returns {number}
 */
export function cardPlace(point, size, room) {
  const beside = point + 14 + size > room ? point - 14 - size : point + 14;
  return Math.max(Math.min(beside, room - size - 4), 4);
}

/**
 * @param {Element} parent
 * @param {import("./model.js").Model} model
 * @returns {{show: (target: Target, x: number, y: number) => void, hide: () => void}}
 */
export function hoverCard(parent, model) {
  // The same is announced and stands in the detail panel.
  const card = h("div", { class: "card", "aria-hidden": "true", hidden: true });
  parent.append(card);
  return {
    show: (target, x, y) => {
      const content = cardOf(model, target);
      card.hidden = content === null;
      if (content === null) return;
      const lines = content.lines.flatMap(([name, value]) => (value ? [h("dt", {}, name), h("dd", {}, value)] : []));
      card.replaceChildren(h("b", {}, h("bdi", {}, content.title)), h("dl", {}, ...lines));
      card.style.left = `${cardPlace(x, card.offsetWidth, document.documentElement.clientWidth)}px`;
      card.style.top = `${cardPlace(y, card.offsetHeight, innerHeight)}px`;
    },
    hide: () => {
      card.hidden = true;
    },
  };
}

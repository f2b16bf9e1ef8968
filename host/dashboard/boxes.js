// What the dependency graph draws as boxes: stages, or groups of them where there are too many to look at.

import { counted, integer } from "./format.js";
import { URGENCY } from "./rows.js";

/** @typedef {import("./model.js").Stage} Stage */

/**
 * @typedef {object} Box
 * @property {string} name
 * @property {Stage[]} stages one, or the members of a group
 * @property {Stage} lead the one to tell of first: the worst
 * @property {boolean} critical
 * @property {number[]} needs positions of boxes
 */

const MOST_BOXES = 300;

/**
 * @param {Stage[]} stages
 * @param {number} selected position of a stage, -1: none
 * @returns {{boxes: Box[], note: string, partial: boolean}} note: what is not drawn as it is; partial: some have no box
 */
export function boxesOf(stages, selected) {
  const many = stages.length > MOST_BOXES;
  const boxes = foldBy(stages, (stage) => (many && (stage.memberOf ?? stage.group)) || stage.at);
  if (boxes.length <= MOST_BOXES) {
    const note = many ? `${counted(stages.length, "stage")}: those of a matrix or group share a box. ` : "";
    return { boxes, note, partial: false };
  }
  const { needs = [], dependents = [] } = stages[selected] ?? {};
  const path = stages.filter((stage) => stage.critical).map((stage) => stage.at);
  const kept = [...new Set([selected, ...needs, ...dependents, ...path])].slice(0, MOST_BOXES);
  const shown = foldBy(
    kept.flatMap((at) => stages[at] ?? []),
    (stage) => stage.at,
  );
  const note = `${shown.length} of ${integer(stages.length)} stages: critical path and the selection's neighbours. `;
  return { boxes: shown, note, partial: true };
}

/**
 * @param {Stage[]} stages
 * @param {(stage: Stage) => string | number} nameOf what the stages of one box share
 * @returns {Box[]}
 */
function foldBy(stages, nameOf) {
  /** @type {Map<string | number, Stage[]>} */
  const families = new Map();
  for (const stage of stages) if (!families.get(nameOf(stage))?.push(stage)) families.set(nameOf(stage), [stage]);
  const boxOf = new Map([...families.values()].flatMap((family, box) => family.map((stage) => [stage.at, box])));
  return [...families].map(([name, family], box) => {
    const [lead] = [...family].sort((a, b) => URGENCY.indexOf(a.mark) - URGENCY.indexOf(b.mark));
    const needs = new Set(family.flatMap((stage) => stage.needs.flatMap((need) => boxOf.get(need) ?? [])));
    needs.delete(box);
    return {
      name: family.length > 1 ? `${name} (${family.length})` : lead.id,
      stages: family,
      lead,
      critical: family.some((stage) => stage.critical),
      needs: [...needs],
    };
  });
}

/**
 * @param {number[][]} links
 * @param {number} start
 * @returns {Set<number>} all that can be reached, with the start
 */
export function reachedFrom(links, start) {
  const reached = new Set([start]);
  // A set that grows while it is walked through is walked to its new end.
  for (const at of reached) for (const next of links[at] ?? []) reached.add(next);
  return reached;
}

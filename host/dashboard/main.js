// Begins the dashboard: reads the page's data, makes the store, mounts the components. Without this script the page is static.

import { mountChain } from "./chain.js";
import { mountConcurrency } from "./concurrency.js";
import { mountControls } from "./controls.js";
import { mountDetail } from "./detail.js";
import { h } from "./dom.js";
import { mountDownloads } from "./downloads.js";
import { mountGraph } from "./graph.js";
import { mountKeys } from "./keys.js";
import { followLive } from "./live.js";
import { readModel } from "./model.js";
import { createStore, fromFragment, initialState, toFragment } from "./state.js";
import { mountTable } from "./table.js";
import { watchTheme } from "./theme.js";
import { mountTimeline } from "./timeline.js";

/**
 * Puts newer data of a run that goes on into the same model: components draw from it at once, and derive again what they keep when
 * `model.version` has changed.
 * @param {import("./model.js").Model} model
 * @param {import("./state.js").Store} store
 * @param {import("./contract.js").PageData} data
 */
function refresh(model, store, data) {
  const state = store.get();
  const whole = state.from === model.first && state.to === model.last;
  /** @type {(at: number) => string | undefined} */
  const idOf = (at) => model.stages[at]?.id;
  const kept = { stage: idOf(state.stage), open: [...state.open].map(idOf), attempt: model.attempts[state.attempt]?.number };
  Object.assign(model, readModel(data, true), { version: model.version + 1 });
  const places = new Map(model.stages.map((stage) => [stage.id, stage]));
  const stage = places.get(kept.stage ?? "");
  const attempts = stage === undefined ? [] : model.attempts.slice(stage.from, stage.to);
  store.set({
    ...(whole ? { from: model.first, to: model.last } : {}),
    stage: stage?.at ?? -1,
    attempt: attempts.find((attempt) => attempt.number === kept.attempt)?.at ?? -1,
    span: -1,
    open: new Set(kept.open.flatMap((id) => places.get(id ?? "")?.at ?? [])),
  });
}

/**
 * @param {HTMLElement} place
 * @param {import("./contract.js").PageData} data
 * @param {boolean} live
 */
function begin(place, data, live) {
  const model = readModel(data, live);
  const store = createStore({ ...initialState(model), ...fromFragment(location.hash, model) });
  document.documentElement.classList.add("scripted");
  place.append(h("div", { id: "spoken", class: "vh", "aria-live": "polite" }));
  place.hidden = false;
  mountControls(place, model, store);
  mountConcurrency(place, model, store);
  mountTimeline(place, model, store);
  mountChain(place, model, store);
  mountTable(place, model, store);
  mountDetail(place, model, store);
  mountGraph(place, model, store);
  mountDownloads(place, model, store);
  mountKeys(place, model, store);
  let writing = 0;
  store.listen(() => {
    // Browsers refuse more than a few changes a second.
    clearTimeout(writing);
    writing = setTimeout(() => {
      const fragment = toFragment(store.get(), model);
      history.replaceState(null, "", fragment === "" ? location.pathname + location.search : fragment);
    }, 250);
  });
  addEventListener("hashchange", () => {
    // Other fragments are places on the page.
    if (/^(#\?|$)/.test(location.hash)) store.set({ ...initialState(model), ...fromFragment(location.hash, model) });
  });
  if (live) followLive((newer) => refresh(model, store, newer));
}

/** Makes what scrolls sideways reachable for those who have no wheel. */
function openScrollers() {
  for (const box of document.querySelectorAll(".scroll, .plot, pre")) {
    if (box.scrollWidth <= box.clientWidth || box.hasAttribute("tabindex")) continue;
    const name = box.querySelector("caption")?.textContent || "A wide part of the page";
    for (const [key, value] of Object.entries({ tabindex: "0", role: "region", "aria-label": name })) box.setAttribute(key, value);
  }
}

watchTheme();
openScrollers();
addEventListener("resize", openScrollers);
const place = document.getElementById("dashboard");
const source = document.getElementById("data");
if (place !== null && source !== null) {
  begin(place, JSON.parse(source.textContent ?? "{}"), document.documentElement.dataset.live !== undefined);
}

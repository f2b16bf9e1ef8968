// What a reader looks at: window of time, selection, filters, order. One store, which components change and listen to; its state
// stands in the URL's fragment (`#?stage=fit&find=…`), so that a link opens the same view.

/**
 * @typedef {object} State
 * @property {number} from start of the window, ns
 * @property {number} to its end, ns
 * @property {number} stage position of the selected stage, -1: none
 * @property {number} attempt position of the selected attempt, -1: none
 * @property {number} span position of the selected span, -1: none
 * @property {ReadonlySet<number>} open stages whose spans are shown
 * @property {string} find text in the stage's id, group or error
 * @property {Only} only which stages are shown
 * @property {boolean} fold whether the members of a matrix share a lane
 * @property {Order} order of lanes
 * @property {string} sort column of the table
 * @property {boolean} descending
 */

/** @typedef {"all" | "failed" | "critical" | "ran" | "slower"} Only */
/** @typedef {"start" | "declared" | "duration"} Order */
/** @typedef {{get: () => State, set: (change: Partial<State>) => void, listen: (heard: (state: State, before: State) => void) => void}} Store */

/** @type {readonly Only[]} */
export const ONLY = ["all", "failed", "critical", "ran", "slower"];
/** @type {readonly Order[]} */
export const ORDERS = ["start", "declared", "duration"];

/**
 * @param {import("./model.js").Model} model
 * @returns {State}
 */
export function initialState(model) {
  return {
    from: model.first,
    to: model.last,
    stage: -1,
    attempt: -1,
    span: -1,
    open: new Set(),
    find: "",
    only: "all",
    fold: false,
    order: "start",
    sort: "",
    descending: true,
  };
}

/**
 * @param {State} state
 * @returns {Store}
 */
export function createStore(state) {
  /** @type {((state: State, before: State) => void)[]} */
  const listeners = [];
  return {
    get: () => state,
    set: (change) => {
      const before = state;
      state = { ...state, ...change };
      for (const heard of listeners) heard(state, before);
    },
    listen: (heard) => {
      listeners.push(heard);
    },
  };
}

/**
 * The window moved into the run and not narrower than a microsecond.
 * @param {import("./model.js").Model} model
 * @param {number} from
 * @param {number} to
 * @returns {{from: number, to: number}}
 */
export function boundWindow(model, from, to) {
  const whole = model.last - model.first;
  const width = Math.min(Math.max(to - from, Math.min(1000, whole)), whole);
  const start = Math.min(Math.max(from, model.first), model.last - width);
  return { from: start, to: start + width };
}

/**
 * The state as a fragment, without what is as it was at the beginning; empty if nothing is left.
 * @param {State} state
 * @param {import("./model.js").Model} model
 * @returns {string}
 */
export function toFragment(state, model) {
  const start = initialState(model);
  const entries = new URLSearchParams();
  if (state.from !== start.from || state.to !== start.to) {
    entries.set("from", String(Math.round(state.from)));
    entries.set("to", String(Math.round(state.to)));
  }
  if (state.stage >= 0) entries.set("stage", model.stages[state.stage].id);
  if (state.attempt >= 0) entries.set("attempt", String(model.attempts[state.attempt].number));
  for (const open of state.open) entries.append("open", model.stages[open].id);
  if (state.find !== "") entries.set("find", state.find);
  if (state.only !== start.only) entries.set("only", state.only);
  if (state.fold) entries.set("fold", "1");
  if (state.order !== start.order) entries.set("order", state.order);
  if (state.sort !== "") entries.set("sort", `${state.descending ? "-" : ""}${state.sort}`);
  const text = entries.toString();
  return text === "" ? "" : `#?${text}`;
}

/**
 * What a fragment says; whatever does not fit the run is passed over.
 * @param {string} fragment
 * @param {import("./model.js").Model} model
 * @returns {Partial<State>}
 */
export function fromFragment(fragment, model) {
  if (!fragment.startsWith("#?")) return {};
  const entries = new URLSearchParams(fragment.slice(2));
  /** @type {Partial<State>} */
  const state = {};
  const from = Number(entries.get("from") ?? NaN);
  const to = Number(entries.get("to") ?? NaN);
  if (from < to) Object.assign(state, boundWindow(model, from, to));
  /** @type {(id: string | null) => import("./model.js").Stage | undefined} */
  const named = (id) => (id === null ? undefined : model.stages.find((stage) => stage.id === id));
  const stage = named(entries.get("stage"));
  if (stage !== undefined) {
    state.stage = stage.at;
    const number = Number(entries.get("attempt") ?? NaN);
    const attempts = model.attempts.slice(stage.from, stage.to);
    state.attempt = attempts.find((attempt) => attempt.number === number)?.at ?? -1;
  }
  const open = entries.getAll("open").flatMap((id) => named(id)?.at ?? []);
  if (open.length > 0) state.open = new Set(open);
  state.find = (entries.get("find") ?? "").slice(0, 200);
  state.only = ONLY.find((word) => word === entries.get("only")) ?? "all";
  state.fold = entries.get("fold") === "1";
  state.order = ORDERS.find((word) => word === entries.get("order")) ?? "start";
  const sort = (entries.get("sort") ?? "").match(/^(-?)([a-z]{1,20})$/);
  if (sort !== null) Object.assign(state, { sort: sort[2], descending: sort[1] === "-" });
  return state;
}

/**
 * Whether a stage is shown under these filters.
 * @param {import("./model.js").Stage} stage
 * @param {State} state
 * @returns {boolean}
 */
export function isShown(stage, state) {
  if (state.only === "failed" && !["failed", "allowed", "stopped"].includes(stage.mark)) return false;
  if (state.only === "critical" && !stage.critical) return false;
  if (state.only === "ran" && stage.from === stage.to) return false;
  if (state.only === "slower" && stage.change !== "slower") return false;
  if (state.find === "") return true;
  const wanted = state.find.toLowerCase();
  return [stage.id, stage.group, stage.memberOf, stage.error].some((text) => text?.toLowerCase().includes(wanted));
}

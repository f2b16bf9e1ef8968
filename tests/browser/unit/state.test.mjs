// What a reader looks at: the store, the window's bounds, filters, and the way into an address and back.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readModel } from "../../../host/dashboard/model.js";
import { boundWindow, createStore, fromFragment, initialState, isShown, toFragment } from "../../../host/dashboard/state.js";
import { oracle } from "./oracle.mjs";

const model = readModel(oracle());
const start = initialState(model);
const shown = (/** @type {Partial<import("../../../host/dashboard/state.js").State>} */ change) =>
  model.stages.filter((stage) => isShown(stage, { ...start, ...change })).map(({ id }) => id).join("");

describe("the store", () => {
  it("tells its listeners of the state before and after, and changes nothing in place", () => {
    const store = createStore(start);
    /** @type {any[]} */
    const heard = [];
    store.listen((now, before) => heard.push([before.find, now.find]));
    store.set({ find: "a" });
    store.set({ find: "b" });
    assert.deepEqual(heard, [["", "a"], ["a", "b"]]);
    assert.equal(start.find, "");
  });
});

describe("the window", () => {
  it("stays inside the run and keeps its width where it can", () => {
    assert.deepEqual(boundWindow(model, -5e9, 5e9), { from: 0, to: 10e9 });
    assert.deepEqual(boundWindow(model, 28e9, 40e9), { from: 18.25e9, to: 30.25e9 });
    assert.deepEqual(boundWindow(model, -1e12, 1e12), { from: 0, to: 30.25e9 });
    const narrow = boundWindow(model, 5e9, 5e9);
    assert.equal(narrow.to - narrow.from, 1000);
  });
});

describe("filters", () => {
  it("show what they say", () => {
    assert.equal(shown({}), "ABCDEFGHS");
    assert.equal(shown({ only: "critical" }), "ACGH");
    assert.equal(shown({ only: "ran" }), "ABCDEGH");
    assert.equal(shown({ only: "slower" }), "C");
    assert.equal(shown({ only: "failed" }), "");
    assert.equal(shown({ find: "c" }), "C");
    assert.equal(shown({ find: "c", only: "ran" }), "C");
    assert.equal(shown({ find: "zz" }), "");
  });
});

describe("the address", () => {
  it("is empty at the beginning", () => {
    assert.equal(toFragment(start, model), "");
  });

  it("holds the whole view", () => {
    const view = { ...start, from: 1e9, to: 2e9, stage: 2, attempt: 3, open: new Set([4, 2]), find: "a&b=c #?", only: /** @type {const} */ ("ran"), fold: true, order: /** @type {const} */ ("duration"), sort: "cpu", descending: false };
    assert.deepEqual({ ...start, ...fromFragment(toFragment(view, model), model) }, view);
  });

  it("passes over what does not fit the run", () => {
    for (const fragment of ["", "#stages", "#?", "#?stage=nobody&attempt=1", "#?from=9&to=1", "#?from=NaN&to=Infinity", "#?only=x&order=y&sort=%3Cb%3E&open=zz", "#?from=&to="]) {
      assert.equal(toFragment({ ...start, ...fromFragment(fragment, model) }, model), "", fragment);
    }
    assert.equal(fromFragment(`#?find=${"x".repeat(9999)}`, model).find?.length, 200);
    assert.deepEqual(fromFragment("#?stage=C&attempt=9", model).attempt, -1);
  });
});

// The words for numbers. format.json holds cases that the report's other half, in Rust, is held to as well.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { bytes, counted, duration, integer, offset, percent, signedDuration } from "../../../host/dashboard/format.js";

const cases = JSON.parse(readFileSync(new URL("format.json", import.meta.url), "utf8"));

describe("numbers in words", () => {
  for (const [name, say] of Object.entries({ duration, bytes, percent, integer })) {
    it(`are those of the rest of the report: ${name}`, () => {
      assert.ok(cases[name].length >= 5);
      for (const [value, text] of cases[name]) assert.equal(say(value), text, `${name} of ${value}`);
    });
  }

  it("are a dash where nothing is known", () => {
    for (const say of [duration, bytes, percent]) for (const value of [null, undefined, NaN, Infinity]) assert.equal(say(value), "–");
  });

  it("have a sign where they are changes or moments", () => {
    assert.deepEqual([signedDuration(1e9), signedDuration(-5e8), signedDuration(0)], ["+1.000 s", "-500 ms", "0 ms"]);
    assert.deepEqual([offset(4.5e9), offset(0), offset(-2e6)], ["+4.500 s", "+0 ms", "-2 ms"]);
  });

  it("count things", () => {
    assert.deepEqual([counted(0, "stage"), counted(1, "stage"), counted(1234, "stage")], ["0 stages", "1 stage", "1,234 stages"]);
  });
});

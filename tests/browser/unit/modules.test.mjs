// The form that the bundler counts on (host/build.rs puts all modules into one scope), and what no module may do.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

const FOLDER = new URL("../../../host/dashboard/", import.meta.url);
const NAMES = readdirSync(FOLDER).filter((name) => name.endsWith(".js"));
const SOURCES = new Map(NAMES.map((name) => [name, readFileSync(new URL(name, FOLDER), "utf8")]));
const TOP = /^(?:export )?(?:async )?(?:function\*?|const|let|class) (?:([\w$]+)|[[{]([^\]}]*)[\]}])/gm;
/** Comments stand on lines of their own: what is left is code. */
const CODE = new Map([...SOURCES].map(([name, source]) => [name, source.replace(/^[ \t]*\/\*(?:(?!\*\/)[\s\S])*\*\/[ \t]*\n/gm, "").replace(/^[ \t]*\/\/.*\n/gm, "")]));

test("there are modules, and main.js is one of them", () => {
  assert.ok(NAMES.length > 20 && NAMES.includes("main.js"), NAMES.join());
});

test("no two modules give anything on their top level the same name", () => {
  const owners = new Map();
  for (const [name, source] of CODE) {
    for (const [, single, several] of source.matchAll(TOP)) {
      for (const one of single ? [single] : several.split(",").map((part) => part.trim().split(/[:=\s]/)[0])) owners.set(one, [...(owners.get(one) ?? []), name]);
    }
  }
  assert.ok(owners.size > 100);
  assert.deepEqual([...owners].filter(([, names]) => names.length > 1), []);
});

test("imports and exports have the forms that the bundler knows", () => {
  for (const [name, source] of CODE) {
    const statements = source.match(/^import[\s\S]*?;$/gm) ?? [];
    for (const statement of statements) {
      assert.match(statement, /^import \{[\w$,\s]+\} from "\.\/[\w-]+\.js";$/, name);
      assert.ok(SOURCES.has(statement.match(/"\.\/(.*)"/)?.[1] ?? ""), `${name}: ${statement}`);
      assert.doesNotMatch(statement, /\bas\b/, name);
    }
    const head = source.trimStart().match(/^(?:import[\s\S]*?;\s*)*/)?.[0] ?? "";
    assert.equal((head.match(/^import /gm) ?? []).length, statements.length, `${name}: imports below the top`);
    assert.doesNotMatch(source.replace(/\/\*(?:(?!\*\/)[\s\S])*\*\//g, ""), /\bimport\s*\(|^export (?:default|\{|\*)/m, name);
  }
});

test("each imported name is exported where it comes from, and used", () => {
  for (const [name, source] of CODE) {
    for (const [statement, list, from] of source.matchAll(/^import \{([^}]*)\} from "\.\/(.*)";$/gm)) {
      for (const one of list.split(",").map((part) => part.trim()).filter(Boolean)) {
        const exported = new RegExp(`^export (?:async )?(?:function\\*?|const|let|class) ${one.replace("$", "\\$")}\\b`, "m");
        assert.match(SOURCES.get(from) ?? "", exported, `${name} imports ${one} from ${from}`);
        assert.match(source.replace(statement, ""), new RegExp(`\\b${one}\\b`), `${name} does not use ${one}`);
      }
    }
  }
});

test("no module reads text as markup or code, asks for anything, or keeps what it should not", () => {
  const forbidden = /\b(?:innerHTML|outerHTML|insertAdjacentHTML|createContextualFragment|DOMParser|document\.write(?:ln)?|eval|Function|fetch|XMLHttpRequest|WebSocket|sendBeacon|importScripts|Worker|srcdoc|sessionStorage|indexedDB|cookie)\b\s*[(=.]|new (?:Function|Worker|Image|DOMParser)\b|set(?:Timeout|Interval)\(\s*["'`]|javascript:|console\./;
  for (const [name, source] of CODE) assert.doesNotMatch(source, forbidden, name);
});

test("only main.js does anything when it is read", () => {
  for (const [name, source] of CODE) {
    if (name === "main.js") continue;
    const top = source.match(/^[^\s}\])].*$/gm) ?? [];
    const other = top.filter((line) => !/^(?:import|export|function|async function|const|let|class|}|\)|\]|\/\*)/.test(line));
    assert.deepEqual(other, [], name);
  }
});

test("nothing in the modules could end the script element", () => {
  for (const [name, source] of CODE) assert.doesNotMatch(source, /<\/script|<!--|-->/i, name);
});

test("comments stand on lines of their own, and each module says first what it is for", () => {
  for (const [name, source] of SOURCES) {
    assert.match(source, /^\/\/ \S/, name);
    const beside = (CODE.get(name) ?? "").split("\n").filter((line) => /[;{},]\s*\/\/ /.test(line) && !/["'`].*\/\//.test(line));
    assert.deepEqual(beside, [], name);
  }
});

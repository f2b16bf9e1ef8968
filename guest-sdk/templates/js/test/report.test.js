// The report on a recorded run, without WebAssembly: `node --test`.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { InvalidConfig } from '../forensic.js';
import { render } from '../report.js';
import { fakeHost } from './fake_host.js';

const example = () => fakeHost(fileURLToPath(new URL('../tests/runs/example', import.meta.url)), ['.csv']);
const rows = (document) => document.blocks.filter(({ tag }) => tag === 'table').flatMap(({ val }) => val.rows);

test('the slowest stage comes first and is a finding', () => {
  const host = example();
  const document = render({}, host);
  assert.deepEqual(rows(document)[0][0], { tag: 'text', val: 'train' });
  assert.equal(rows(document).length, 5 + 2, '5 stages, 2 files');
  assert.deepEqual(document.findings.map(({ severity, subject }) => [severity, subject]), [['warning', 'train']]);
  assert.deepEqual(host.logged, ['ranked 5 stages']);
  assert.deepEqual(host.spanNames, ['rank stages']);
});

test('config says how many stages and what is too much', () => {
  const document = render({ top: 2, warn_share: 0.9 }, example());
  assert.equal(rows(document).length, 2 + 2);
  assert.deepEqual(document.findings, []);
});

test('a wrong config is refused by key', () => {
  for (const [config, key] of [[{ top: 0 }, '`top`'], [{ warn_share: 'much' }, '`warn_share`'], [{ tpo: 3 }, '`tpo`']]) {
    assert.throws(() => render(config, example()), (error) => error instanceof InvalidConfig && error.message.includes(key));
  }
});

test('without a trace the report says so', () => {
  const document = render({}, fakeHost());
  assert.deepEqual(document.findings.map(({ subject }) => subject), ['forensic_trace.json']);
});

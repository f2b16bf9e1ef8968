// Helpers for report plugins in JavaScript: short ways to build a document, and errors as exceptions. Yours to change.
//
// The same run must give the same report: there is no clock and no chance here that is not the same each time.

/** @typedef {import('forensic:report/types@0.1.0').Document} Document */
/** @typedef {import('forensic:report/types@0.1.0').Block} Block */
/** @typedef {import('forensic:report/types@0.1.0').Cell} Cell */
/** @typedef {import('forensic:report/types@0.1.0').Chart} Chart */
/** @typedef {import('forensic:report/types@0.1.0').ChartKind} ChartKind */
/** @typedef {import('forensic:report/types@0.1.0').Column} Column */
/** @typedef {import('forensic:report/types@0.1.0').ColumnFormat} ColumnFormat */
/** @typedef {import('forensic:report/types@0.1.0').Attribute} Attribute */
/** @typedef {import('forensic:report/types@0.1.0').PluginInfo} PluginInfo */
/** @typedef {import('forensic:report/types@0.1.0').Request} Request */
/** @typedef {import('forensic:report/types@0.1.0').StatusCell} StatusCell */
/** @typedef {import('forensic:report/types@0.1.0').Severity} Severity */
/** @typedef {import('forensic:report/types@0.1.0').Table} Table */
/** @typedef {import('forensic:report/trace@0.1.0').StageSummary} StageSummary */

/**
 * What a plugin can see, all of it read-only: the imports of `plugin.js`, or a test's stand-in.
 * @typedef {object} Host
 * @property {typeof import('forensic:report/trace@0.1.0')} trace
 * @property {typeof import('forensic:report/artifacts@0.1.0')} artifacts
 * @property {typeof import('forensic:report/log@0.1.0')} log
 * @property {typeof import('forensic:report/telemetry@0.1.0')} telemetry
 */

const MEBIBYTE = 1 << 20;
const PAGE = 1024;

/** `config` of the report stage is wrong; says which key and what is expected. */
export class InvalidConfig extends Error {}

/** A main input is missing or unusable; says which. */
export class MissingData extends Error {}

/** The run has no trace that can be read; says why. */
export class NoTrace extends Error {}

/**
 * What `plugin.js` exports: `render` gets the config as an object, and any exception becomes an error of the plugin.
 * @param {PluginInfo} info
 * @param {(config: Record<string, unknown>, host: Host) => Document} render
 * @param {Host} host
 */
export function exportPlugin(info, render, host) {
  return {
    describe: () => info,
    /** @param {Request} request */
    render(request) {
      try {
        return render(JSON.parse(request.config), host);
      } catch (error) {
        // The plugin's own errors are thrown as plain objects: an `Error` would end the instance without its text.
        throw asPluginError(error);
      }
    },
  };
}

/**
 * @param {unknown} error
 * @returns {import('forensic:report/types@0.1.0').PluginError}
 */
function asPluginError(error) {
  if (error instanceof InvalidConfig) return { tag: 'invalid-config', val: error.message };
  if (error instanceof MissingData) return { tag: 'missing-data', val: error.message };
  if (error instanceof Error) return { tag: 'internal', val: `${error.name}: ${error.message}\n${error.stack ?? ''}` };
  return { tag: 'internal', val: JSON.stringify(error) ?? String(error) };
}

/**
 * What a failed call of the host says: it is thrown as it is, or inside an error.
 * @param {any} error
 * @returns {{ tag?: string, val?: unknown }}
 */
const payload = (error) => error?.payload ?? error ?? {};

/**
 * The run. Throws `NoTrace`.
 * @param {Host} host
 */
export function runOf(host) {
  try {
    return host.trace.run();
  } catch (error) {
    const { tag, val } = payload(error);
    if (tag === 'missing') throw new NoTrace('the forensic trace is missing');
    if (tag === 'unreadable') throw new NoTrace(`the forensic trace can't be read: ${val}`);
    throw error;
  }
}

/**
 * All stages, in the order of the pipeline.
 * @param {Host} host
 */
export function allStages(host) {
  /** @type {StageSummary[]} */
  const all = [];
  for (;;) {
    const page = host.trace.stages(all.length, PAGE);
    if (page.length === 0) return all;
    all.push(...page);
  }
}

/**
 * A whole granted file. Throws `MissingData`.
 * @param {Host} host
 * @param {string} id
 */
export function readAll(host, id) {
  /** @type {Uint8Array[]} */
  const chunks = [];
  let length = 0;
  try {
    for (;;) {
      const chunk = host.artifacts.read(id, BigInt(length), MEBIBYTE);
      if (chunk.length === 0) break;
      chunks.push(chunk);
      length += chunk.length;
    }
  } catch (error) {
    const { tag, val } = payload(error);
    if (tag === 'not-granted') throw new MissingData(`${id}: it was not granted`);
    if (tag === 'failed') throw new MissingData(`${id}: ${val}`);
    throw error;
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/**
 * Does some work below a span of its own, which shows in the run's trace.
 * @template T
 * @param {Host} host
 * @param {string} name
 * @param {Record<string, string | number | bigint | boolean>} attributes
 * @param {() => T} work
 * @returns {T}
 */
export function withSpan(host, name, attributes, work) {
  const span = host.telemetry.startSpan(name, Object.entries(attributes).map(([key, value]) => attribute(key, value)));
  try {
    return work();
  } catch (error) {
    span.fail(String(error));
    throw error;
  } finally {
    span.end();
  }
}

/**
 * A `bigint` or a whole number is an integer.
 * @param {string} key
 * @param {string | number | bigint | boolean} value
 * @returns {Attribute}
 */
export function attribute(key, value) {
  if (typeof value === 'string') return { key, value: { tag: 'text', val: value } };
  if (typeof value === 'boolean') return { key, value: { tag: 'boolean', val: value } };
  if (typeof value === 'bigint' || Number.isSafeInteger(value)) {
    return { key, value: { tag: 'integer', val: BigInt(value) } };
  }
  return { key, value: { tag: 'number', val: value } };
}

/**
 * Refuses keys that nobody reads: most of them are misspelt.
 * @param {Record<string, unknown>} config
 * @param {string[]} known
 */
export function knownKeys(config, ...known) {
  for (const key of Object.keys(config).sort()) {
    if (!known.includes(key)) {
      throw new InvalidConfig(`unknown key \`${key}\`; known are ${known.map((name) => `\`${name}\``).join(', ')}`);
    }
  }
}

/**
 * A number of the config, within bounds.
 * @param {Record<string, unknown>} config
 * @param {string} key
 * @param {{ default: number, least: number, most: number }} rules
 */
export function number(config, key, { default: fallback, least, most }) {
  const value = config[key] ?? fallback;
  if (typeof value !== 'number' || !(value >= least && value <= most)) {
    throw new InvalidConfig(`\`${key}\` is ${JSON.stringify(value)}, not a number from ${least} to ${most}`);
  }
  return value;
}

/**
 * A cell: `undefined` and `null` are written as `N/A`, a `bigint` is a whole number.
 * @param {string | number | bigint | StatusCell | null | undefined} value
 * @returns {Cell}
 */
export function cell(value) {
  if (value === undefined || value === null) return { tag: 'none' };
  if (typeof value === 'string') return { tag: 'text', val: value };
  if (typeof value === 'bigint') return { tag: 'integer', val: value };
  if (typeof value === 'number') return { tag: 'number', val: value };
  return { tag: 'status', val: value };
}

/**
 * A word that stands for good or bad.
 * @param {Severity} severity
 * @param {string} text
 * @returns {StatusCell}
 */
export const status = (severity, text) => ({ severity, text });

/**
 * A column of a table; put raw numbers into its cells: a fraction for a percentage, nanoseconds for a duration.
 * @param {string} title
 * @param {ColumnFormat} [format]
 * @param {{ decimals?: number, unit?: string, signed?: boolean }} [options]
 * @returns {Column}
 */
export function column(title, format = 'text', { decimals = 0, unit = '', signed = false } = {}) {
  return { title, format, decimals, unit, signed, alignRight: !['text', 'time', 'bar'].includes(format) };
}

/**
 * @param {Column[]} columns
 * @param {Array<Array<Parameters<typeof cell>[0]>>} rows
 * @param {string} [caption]
 * @returns {Table}
 */
export function table(columns, rows, caption = '') {
  return { caption, columns, rows: rows.map((row) => row.map(cell)) };
}

/**
 * One bar for each label.
 * @param {string} title
 * @param {string[]} labels
 * @param {Record<string, number[]>} series
 * @param {Partial<Chart>} [options]
 * @returns {Chart}
 */
export const barChart = (title, labels, series, options) => chart('bar', title, series, { ...options, labels });

/**
 * A chart whose x values are 0, 1, 2 …; set `series` in the options for others.
 * @param {ChartKind} kind
 * @param {string} title
 * @param {Record<string, number[]>} series
 * @param {Partial<Chart>} [options]
 * @returns {Chart}
 */
export function chart(kind, title, series, options = {}) {
  return {
    title,
    kind,
    xTitle: '',
    yTitle: '',
    format: 'number',
    decimals: 2,
    unit: '',
    xIsTime: false,
    labels: [],
    series: Object.entries(series).map(([name, y]) => ({
      name,
      x: Float64Array.from(y.keys()),
      y: Float64Array.from(y),
    })),
    ...options,
  };
}

/** Makes a document, block by block. */
export class Builder {
  /** @param {string} title */
  constructor(title) {
    /** @type {Document} */
    this.document = { title, blocks: [], findings: [] };
  }

  /** @param {Block} block */
  push(block) {
    this.document.blocks.push(block);
    return this;
  }

  /**
   * 1 is the highest level, 4 the lowest.
   * @param {number} level
   * @param {string} text
   */
  heading(level, text) {
    return this.push({ tag: 'heading', val: { level, text } });
  }

  /** @param {string} text */
  paragraph(text) {
    return this.push({ tag: 'paragraph', val: text });
  }

  /** @param {string[]} points */
  bullets(points) {
    return this.push({ tag: 'bullets', val: points });
  }

  /**
   * A box that stands out.
   * @param {Severity} severity
   * @param {string} text
   */
  callout(severity, text) {
    return this.push({ tag: 'callout', val: { severity, text } });
  }

  /** @param {Table} table */
  table(table) {
    return this.push({ tag: 'table', val: table });
  }

  /** @param {Chart} chart */
  chart(chart) {
    return this.push({ tag: 'chart', val: chart });
  }

  /**
   * A link to the page of another report stage.
   * @param {string} text
   * @param {string} reportId
   */
  linkToReport(text, reportId) {
    return this.push({ tag: 'links', val: [{ text, target: { tag: 'report', val: reportId } }] });
  }

  /**
   * Pipeline Health, drawn by the host from the trace.
   * @param {import('forensic:report/types@0.1.0').HealthDetail} detail
   */
  pipelineHealth(detail) {
    return this.push({ tag: 'pipeline-health', val: detail });
  }

  /**
   * A statement that the pipeline's owner may let fail the run.
   * @param {Severity} severity
   * @param {string} subject
   * @param {string} text
   */
  finding(severity, subject, text) {
    this.document.findings.push({ severity, subject, text });
    return this;
  }
}

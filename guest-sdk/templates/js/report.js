// The report `acme.slowest`: which stages took longest, and whether one of them takes too much of the run.
//
// `render` is all that a report is made by. It sees the run's trace and the files it was granted through `host`, and
// returns blocks that the host draws; the same run gives the same report.

import { Builder, NoTrace, allStages, barChart, column, knownKeys, number, readAll, runOf, status, table, withSpan } from './forensic.js';

export const info = { name: 'acme.slowest', version: '0.1.0', title: 'The slowest stages of a run' };

const NEWLINE = 10;

/**
 * @param {Record<string, unknown>} config
 * @param {import('./forensic.js').Host} host
 */
export function render(config, host) {
  knownKeys(config, 'top', 'warn_share');
  const top = number(config, 'top', { default: 10, least: 1, most: 100 }); // stages in the table
  const warnShare = number(config, 'warn_share', { default: 0.5, least: 0, most: 1 }); // above it a stage is a finding
  const builder = new Builder('Slowest stages');
  try {
    const run = runOf(host);
    builder.pipelineHealth('headline');
    ranking(builder, host, top, warnShare, Number(run.wallNs));
  } catch (error) {
    // A run without a trace still deserves a report that says so.
    if (!(error instanceof NoTrace)) throw error;
    const why = `No stages to rank: ${error.message}.`;
    builder.callout('warning', why).finding('warning', 'forensic_trace.json', why);
  }
  files(builder, host);
  return builder.document;
}

/**
 * @param {Builder} builder
 * @param {import('./forensic.js').Host} host
 * @param {number} top
 * @param {number} warnShare
 * @param {number} wallNs
 */
function ranking(builder, host, top, warnShare, wallNs) {
  const all = allStages(host);
  // A span of the plugin's own work: it shows in the run's trace, below the call of this plugin.
  const stages = withSpan(host, 'rank stages', { stages: all.length }, () =>
    all.toSorted((a, b) => Number(b.durationNs - a.durationNs) || (a.id < b.id ? -1 : 1)).slice(0, top),
  );
  host.log.log('info', `ranked ${all.length} stages`);

  const share = (/** @type {import('./forensic.js').StageSummary} */ stage) =>
    wallNs > 0 ? Number(stage.durationNs) / wallNs : undefined;
  builder.table(
    table(
      [
        column('Stage'),
        column('Result'),
        column('Duration', 'duration'),
        column('Share of run', 'percent', { decimals: 1 }),
        column('Attempts', 'number'),
        column('Peak memory', 'bytes'),
        column('Critical'),
      ],
      stages.map((stage) => [
        stage.id,
        status(['success', 'skip'].includes(stage.outcome) ? 'info' : 'error', stage.outcome),
        stage.durationNs,
        share(stage),
        BigInt(stage.attempts),
        stage.peakMemoryBytes,
        stage.critical ? 'yes' : 'no',
      ]),
      `The ${stages.length} slowest of ${all.length} stages`,
    ),
  );
  builder.chart(
    barChart(
      'Duration of the slowest stages',
      stages.map((stage) => stage.id),
      { duration: stages.map((stage) => Number(stage.durationNs)) },
      { xTitle: 'stage', yTitle: 'duration', format: 'duration', decimals: 0 },
    ),
  );
  for (const stage of stages) {
    const part = share(stage);
    if (part !== undefined && part > warnShare) {
      const text = `It took ${(part * 100).toFixed()} % of the run; \`warn_share\` is ${(warnShare * 100).toFixed()} %.`;
      builder.finding('warning', stage.id, text);
    }
  }
}

/**
 * The files that the pipeline's owner granted with `artifacts = […]`.
 * @param {Builder} builder
 * @param {import('./forensic.js').Host} host
 */
function files(builder, host) {
  builder.heading(2, 'Files');
  const granted = host.artifacts.list();
  if (granted.length === 0) {
    builder.paragraph('No file was granted, or none of them exists.');
    return;
  }
  builder.table(
    table(
      [column('File'), column('Size', 'bytes'), column('Lines', 'number')],
      granted.map((file) => {
        const lines = readAll(host, file.id).filter((byte) => byte === NEWLINE).length;
        return [file.id, file.size, BigInt(lines)];
      }),
    ),
  );
}

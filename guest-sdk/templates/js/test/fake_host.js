// A host for tests, filled from a recorded run.

import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const MEBIBYTE = 1 << 20;

/** Whole numbers of the run are `bigint` where the WIT says `u64`; what is `null` in JSON is left out. */
const big = (value) => (value === null || value === undefined ? undefined : BigInt(value));

/**
 * Stands in for the host. Without a folder its trace is missing, as it can be in real life.
 * `endings`: files below `data/` that are granted, by the ends of their names.
 */
export function fakeHost(folder, endings = []) {
  const logged = [];
  const spanNames = [];
  const report = folder && join(folder, 'reports/forensic_report.json');
  const summary = report && existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')).summary : undefined;
  const names = folder ? readdirSync(join(folder, 'data')).sort() : [];
  const files = new Map(
    names
      .filter((name) => endings.some((ending) => name.endsWith(ending)))
      .map((name) => [`data/${name}`, readFileSync(join(folder, 'data', name))]),
  );
  return {
    logged,
    spanNames,
    trace: {
      run() {
        if (!summary) throw { tag: 'missing' };
        const { run } = summary;
        return {
          id: run.id,
          pipeline: run.pipeline,
          profile: run.profile ?? undefined,
          outcome: run.result,
          traceId: run.trace_id,
          startTime: BigInt(run.start_time),
          endTime: BigInt(run.end_time),
          wallNs: BigInt(summary.wall_ns),
          slots: run.slots,
          stages: summary.stages.length,
          spans: BigInt(summary.spans.count),
        };
      },
      health() {
        if (!summary) throw { tag: 'missing' };
        return {
          wallNs: BigInt(summary.wall_ns),
          busyNs: BigInt(summary.busy_ns),
          workNs: BigInt(summary.work_ns),
          usefulNs: BigInt(summary.useful_ns),
          wastedNs: BigInt(summary.wasted_ns),
          speedup: summary.speedup ?? undefined,
          efficiency: summary.efficiency ?? undefined,
          cpuUse: summary.cpu_use ?? undefined,
          criticalPathNs: big(summary.critical_path.duration_ns),
          criticalPath: summary.critical_path.stages,
          maxSpeedup: summary.max_speedup ?? undefined,
          lowerBoundNs: big(summary.lower_bound_ns),
          scheduleQuality: summary.schedule_quality ?? undefined,
          queueNs: big(summary.queue.total_ns),
          warnings: summary.warnings,
        };
      },
      stages(offset, max) {
        return (summary?.stages ?? []).slice(offset, offset + max).map((stage) => ({
          id: stage.id,
          outcome: stage.result,
          needs: stage.needs,
          attempts: stage.attempts,
          startTime: big(stage.start_time),
          endTime: big(stage.end_time),
          durationNs: BigInt(stage.duration_ns),
          queueNs: big(stage.queue_ns),
          slackNs: big(stage.slack_ns),
          dragNs: big(stage.drag_ns),
          critical: stage.critical,
          cached: stage.cached,
          cpuNs: big(stage.cpu_ns),
          peakMemoryBytes: big(stage.peak_memory_bytes),
          exitCode: stage.exit_code ?? undefined,
          error: stage.error ?? undefined,
        }));
      },
      spans: () => ({ spans: [], next: undefined }),
      times: () => ({ startTimes: new BigUint64Array(), endTimes: new BigUint64Array(), next: undefined }),
      history: () => [],
    },
    artifacts: {
      list: () =>
        [...files].map(([id, bytes]) => ({
          id,
          size: BigInt(bytes.length),
          sha256: createHash('sha256').update(bytes).digest('hex'),
        })),
      read(id, offset, length) {
        const bytes = files.get(id);
        if (!bytes) throw { tag: 'not-granted' };
        const start = Number(offset);
        return new Uint8Array(bytes.subarray(start, start + Math.min(length, MEBIBYTE)));
      },
    },
    log: { log: (_level, text) => logged.push(text) },
    telemetry: {
      startSpan(name) {
        spanNames.push(name);
        return { setAttribute() {}, addEvent() {}, fail() {}, end() {} };
      },
    },
  };
}

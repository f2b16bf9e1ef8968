/// <reference path="./forensic-report-types.d.ts" />
declare module 'forensic:report/trace@0.1.0' {
  export function run(): RunSummary;
  export function health(): HealthMetrics;
  /**
   * Stages in declaration order. At most 1,024 a call.
   */
  export function stages(offset: number, max: number): Array<StageSummary>;
  /**
   * Spans in start order, from `cursor` (0 at first). At most 1,024 a call.
   */
  export function spans(query: SpanQuery, cursor: bigint, max: number): SpanPage;
  /**
   * Their times alone. At most 65,536 a call.
   */
  export function times(query: SpanQuery, cursor: bigint, max: number): SpanTimes;
  /**
   * Earlier runs of the same pipeline, as they were known when this run ended, newest first.
   */
  export function history(max: number): Array<RunSummary>;
  export type Attribute = import('forensic:report/types@0.1.0').Attribute;
  /**
   * Why there is no trace.
   */
  export type TraceError = TraceErrorMissing | TraceErrorUnreadable;
  /**
   * There is no trace file.
   */
  export interface TraceErrorMissing {
    tag: 'missing',
  }
  /**
   * There is one, and it can't be read; says why.
   */
  export interface TraceErrorUnreadable {
    tag: 'unreadable',
    val: string,
  }
  export interface RunSummary {
    id: string,
    pipeline: string,
    profile?: string,
    /**
     * `success`, `failure`, `error`, `timeout` or `cancellation`; empty where the trace does not say.
     */
    outcome: string,
    traceId: string,
    startTime: bigint,
    endTime: bigint,
    /**
     * Total duration.
     */
    wallNs: bigint,
    /**
     * 0: unlimited.
     */
    slots: number,
    stages: number,
    spans: bigint,
  }
  /**
   * The headline metrics; `none` where undefined.
   */
  export interface HealthMetrics {
    wallNs: bigint,
    busyNs: bigint,
    workNs: bigint,
    usefulNs: bigint,
    wastedNs: bigint,
    /**
     * Work over wall.
     */
    speedup?: number,
    /**
     * Work over slots times wall.
     */
    efficiency?: number,
    /**
     * CPU time over cores times wall.
     */
    cpuUse?: number,
    criticalPathNs?: bigint,
    /**
     * Stage ids, first to last.
     */
    criticalPath: Array<string>,
    maxSpeedup?: number,
    lowerBoundNs?: bigint,
    scheduleQuality?: number,
    queueNs?: bigint,
    /**
     * What was inferred, clamped or skipped when the trace was read.
     */
    warnings: Array<string>,
  }
  export interface StageSummary {
    id: string,
    /**
     * `success`, `failure`, `error`, `timeout`, `cancellation` or `skip`.
     */
    outcome: string,
    needs: Array<string>,
    attempts: number,
    startTime?: bigint,
    endTime?: bigint,
    durationNs: bigint,
    queueNs?: bigint,
    slackNs?: bigint,
    dragNs?: bigint,
    critical: boolean,
    cached: boolean,
    cpuNs?: bigint,
    peakMemoryBytes?: bigint,
    exitCode?: number,
    error?: string,
  }
  export interface Span {
    name: string,
    spanId: string,
    parentSpanId?: string,
    startTime: bigint,
    endTime: bigint,
    /**
     * Status is `Error`.
     */
    failed: boolean,
    statusMessage?: string,
    attributes: Array<Attribute>,
  }
  /**
   * Which spans; a `none` does not restrict.
   */
  export interface SpanQuery {
    stage?: string,
    /**
     * `run`, `stage`, `attempt`; spans that the stages sent themselves have none of these.
     */
    kind?: string,
    name?: string,
    failedOnly: boolean,
  }
  export interface SpanPage {
    spans: Array<Span>,
    /**
     * Pass it as the next cursor; `none` after the last page.
     */
    next?: bigint,
  }
  /**
   * The numbers of many spans as columns of equal length: much cheaper than records.
   */
  export interface SpanTimes {
    startTimes: BigUint64Array,
    endTimes: BigUint64Array,
    next?: bigint,
  }
}

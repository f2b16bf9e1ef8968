declare module 'forensic:report/types@0.1.0' {
  /**
   * How much a reader should care.
   * # Variants
   * 
   * ## `"info"`
   * 
   * ## `"warning"`
   * 
   * ## `"error"`
   */
  export type Severity = 'info' | 'warning' | 'error';
  /**
   * A statement about a subject. The pipeline's owner may let findings fail the run.
   */
  export interface Finding {
    severity: Severity,
    /**
     * What it is about: a file, a sleeve, a symbol.
     */
    subject: string,
    /**
     * One sentence.
     */
    text: string,
  }
  /**
   * How a column's cells are written.
   * # Variants
   * 
   * ## `"text"`
   * 
   * As it is.
   * ## `"number"`
   * 
   * A number with `decimals` digits.
   * ## `"percent"`
   * 
   * A fraction, written times 100 with `decimals` digits and a percent sign.
   * ## `"duration"`
   * 
   * Nanoseconds, written as a time span.
   * ## `"bytes"`
   * 
   * Bytes, written in KiB, MiB, GiB.
   * ## `"time"`
   * 
   * Unix nanoseconds, written in UTC.
   * ## `"bar"`
   * 
   * A fraction from 0 to 1, drawn as a bar.
   */
  export type ColumnFormat = 'text' | 'number' | 'percent' | 'duration' | 'bytes' | 'time' | 'bar';
  /**
   * One column of a table.
   */
  export interface Column {
    title: string,
    format: ColumnFormat,
    /**
     * Digits after the point, for `number` and `percent`.
     */
    decimals: number,
    /**
     * Unit of the numbers, written behind the title: `USD`, `bps`; empty if there is none.
     */
    unit: string,
    /**
     * Write a plus sign before positive numbers.
     */
    signed: boolean,
    /**
     * Right-aligned; numbers usually are.
     */
    alignRight: boolean,
  }
  /**
   * A word that stands for good or bad; the host adds a mark, never colour alone.
   */
  export interface StatusCell {
    severity: Severity,
    text: string,
  }
  /**
   * One cell. A number that is not finite is written as `N/A`.
   */
  export type Cell = CellNone | CellText | CellNumber | CellInteger | CellStatus;
  /**
   * Nothing is known: written as `N/A`.
   */
  export interface CellNone {
    tag: 'none',
  }
  export interface CellText {
    tag: 'text',
    val: string,
  }
  export interface CellNumber {
    tag: 'number',
    val: number,
  }
  export interface CellInteger {
    tag: 'integer',
    val: bigint,
  }
  export interface CellStatus {
    tag: 'status',
    val: StatusCell,
  }
  export interface Table {
    /**
     * Written above the table; may be empty.
     */
    caption: string,
    columns: Array<Column>,
    /**
     * Each row has as many cells as there are columns.
     */
    rows: Array<Array<Cell>>,
  }
  export interface Heading {
    /**
     * 1 is the highest level inside the plugin's own section; 4 the lowest.
     */
    level: number,
    text: string,
  }
  export interface KeyValue {
    key: string,
    value: Cell,
    /**
     * How the value is written.
     */
    format: ColumnFormat,
    decimals: number,
    /**
     * Unit of the number, written behind it; empty if there is none.
     */
    unit: string,
  }
  export interface Callout {
    severity: Severity,
    text: string,
  }
  export interface CodeBlock {
    /**
     * A name such as `json`, for readers that colour code; may be empty.
     */
    language: string,
    text: string,
  }
  /**
   * # Variants
   * 
   * ## `"line"`
   * 
   * ## `"bar"`
   * 
   * One bar a value, side by side for several series.
   * ## `"scatter"`
   * 
   * ## `"heat-map"`
   * 
   * A matrix: each series is a row, `labels` are the columns, `y` the values. Colour stands for the value.
   */
  export type ChartKind = 'line' | 'bar' | 'scatter' | 'heat-map';
  export interface Series {
    /**
     * For a heat map the name of the row.
     */
    name: string,
    /**
     * As long as `y`. For a bar chart and a heat map the number of the label, from 0.
     */
    x: Float64Array,
    /**
     * A value that is not finite is a gap.
     */
    y: Float64Array,
  }
  /**
   * Data that the host draws: a picture where it can, a table where it cannot.
   */
  export interface Chart {
    title: string,
    kind: ChartKind,
    xTitle: string,
    yTitle: string,
    /**
     * How the y values are written; `text`, `time` and `bar` mean `number`.
     */
    format: ColumnFormat,
    /**
     * Digits after the point.
     */
    decimals: number,
    /**
     * Unit of the y values; may be empty.
     */
    unit: string,
    /**
     * Whether the x values are Unix nanoseconds, written as dates.
     */
    xIsTime: boolean,
    /**
     * Names of the x values; empty if they are numbers.
     */
    labels: Array<string>,
    series: Array<Series>,
  }
  /**
   * Where a link leads.
   */
  export type LinkTarget = LinkTargetReport | LinkTargetAddress;
  /**
   * The page of another report stage of this run, by its id. Where the run has no such stage, the link is only text.
   */
  export interface LinkTargetReport {
    tag: 'report',
    val: string,
  }
  /**
   * An address. Only `https:` and `mailto:` are taken; any other makes the document bad.
   */
  export interface LinkTargetAddress {
    tag: 'address',
    val: string,
  }
  export interface Link {
    /**
     * Never empty: what a reader sees.
     */
    text: string,
    target: LinkTarget,
  }
  /**
   * How much of Pipeline Health to draw here. The host draws it, from the trace.
   * # Variants
   * 
   * ## `"headline"`
   * 
   * The line of headline numbers.
   * ## `"stages"`
   * 
   * Headline and stage breakdown.
   * ## `"full"`
   * 
   * All of it.
   */
  export type HealthDetail = 'headline' | 'stages' | 'full';
  export type Block = BlockHeading | BlockParagraph | BlockBullets | BlockTable | BlockKeyValues | BlockCallout | BlockCode | BlockChart | BlockLinks | BlockPipelineHealth;
  export interface BlockHeading {
    tag: 'heading',
    val: Heading,
  }
  export interface BlockParagraph {
    tag: 'paragraph',
    val: string,
  }
  export interface BlockBullets {
    tag: 'bullets',
    val: Array<string>,
  }
  export interface BlockTable {
    tag: 'table',
    val: Table,
  }
  export interface BlockKeyValues {
    tag: 'key-values',
    val: Array<KeyValue>,
  }
  export interface BlockCallout {
    tag: 'callout',
    val: Callout,
  }
  export interface BlockCode {
    tag: 'code',
    val: CodeBlock,
  }
  export interface BlockChart {
    tag: 'chart',
    val: Chart,
  }
  /**
   * A list of links.
   */
  export interface BlockLinks {
    tag: 'links',
    val: Array<Link>,
  }
  export interface BlockPipelineHealth {
    tag: 'pipeline-health',
    val: HealthDetail,
  }
  export type AttributeValue = AttributeValueText | AttributeValueBoolean | AttributeValueInteger | AttributeValueNumber | AttributeValueTexts | AttributeValueJson;
  export interface AttributeValueText {
    tag: 'text',
    val: string,
  }
  export interface AttributeValueBoolean {
    tag: 'boolean',
    val: boolean,
  }
  export interface AttributeValueInteger {
    tag: 'integer',
    val: bigint,
  }
  export interface AttributeValueNumber {
    tag: 'number',
    val: number,
  }
  export interface AttributeValueTexts {
    tag: 'texts',
    val: Array<string>,
  }
  /**
   * Any other value, as JSON text.
   */
  export interface AttributeValueJson {
    tag: 'json',
    val: string,
  }
  /**
   * An attribute of a span, as in OpenTelemetry.
   */
  export interface Attribute {
    key: string,
    value: AttributeValue,
  }
  /**
   * What a plugin returns.
   */
  export interface Document {
    title: string,
    blocks: Array<Block>,
    findings: Array<Finding>,
  }
  /**
   * Why a plugin could not make a document.
   */
  export type PluginError = PluginErrorInvalidConfig | PluginErrorMissingData | PluginErrorInternal;
  /**
   * The config in `pipeline.toml` is wrong; says which key and what is expected.
   */
  export interface PluginErrorInvalidConfig {
    tag: 'invalid-config',
    val: string,
  }
  /**
   * A main input is missing or unusable; says which.
   */
  export interface PluginErrorMissingData {
    tag: 'missing-data',
    val: string,
  }
  /**
   * A fault of the plugin.
   */
  export interface PluginErrorInternal {
    tag: 'internal',
    val: string,
  }
  export interface PluginInfo {
    /**
     * Such as `risk.report_meta`.
     */
    name: string,
    /**
     * Semantic version of the plugin.
     */
    version: string,
    /**
     * One line on what it reports.
     */
    title: string,
  }
  /**
   * One call of a plugin.
   */
  export interface Request {
    /**
     * Id of the report stage, which may differ from the plugin's name.
     */
    reportId: string,
    /**
     * `config` of the report stage, as JSON text; `{}` if there is none.
     */
    config: string,
  }
}

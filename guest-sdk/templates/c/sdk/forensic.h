// Helpers for report plugins in C: short names for the generated types, and documents that own what they are made of.
//
// Ownership: a `fr_text` that you hand to a function below is taken over, and so is a table or a chart. The document
// that `render` returns is freed when the host has read it; on an error return, `fr_fail` has nothing to free.
// Each call of the plugin has an instance and a memory of its own, so a leak costs nothing after the call.
//
// `printf` and `fprintf(stderr, …)` go to the plugin's log. There are no files, no clock, no environment and no chance:
// the build names calls that need them. All of the C library that only computes is there.
#ifndef FORENSIC_H
#define FORENSIC_H

#include "report_plugin.h"

typedef report_plugin_string_t fr_text;
typedef forensic_report_types_document_t fr_document;
typedef forensic_report_types_plugin_error_t fr_error;
typedef forensic_report_types_request_t fr_request;
typedef forensic_report_types_plugin_info_t fr_info;
typedef forensic_report_types_table_t fr_table;
typedef forensic_report_types_cell_t fr_cell;
typedef forensic_report_types_chart_t fr_chart;
typedef forensic_report_trace_run_summary_t fr_run;
typedef forensic_report_trace_stage_summary_t fr_stage;
typedef forensic_report_trace_list_stage_summary_t fr_stages;
typedef forensic_report_artifacts_list_artifact_t fr_artifacts;
typedef forensic_report_telemetry_own_span_t fr_span;

enum { FR_INFO, FR_WARNING, FR_ERROR };                                                    // severities
enum { FR_TEXT, FR_NUMBER, FR_PERCENT, FR_DURATION, FR_BYTES, FR_TIME, FR_BAR };           // formats of columns and charts
enum { FR_CHART_LINE, FR_CHART_BAR, FR_CHART_SCATTER, FR_CHART_HEAT_MAP };                 // kinds of charts
enum { FR_HEALTH_HEADLINE, FR_HEALTH_STAGES, FR_HEALTH_FULL };                             // details of Pipeline Health
enum { FR_LOG_DEBUG, FR_LOG_INFO, FR_LOG_WARN, FR_LOG_ERROR };                             // levels of the log

// What this SDK speaks; `forensic-host plugin build` stamps it into the component.
#define FR_API_VERSION "0.1.0"

// --- text

// A new text, as by `printf`. Print a `fr_text` with "%.*s" and FR_ARG.
fr_text fr_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
// A copy.
fr_text fr_copy(fr_text text);
bool fr_equal(fr_text text, const char *other);
// By bytes, as `strcmp`.
int fr_compare(fr_text a, fr_text b);
#define FR_ARG(text) (int)(text).len, (const char *)(text).ptr

// --- errors: each returns false, so that `return fr_fail_config(error, …);` ends a function

// The config is wrong: say which key and what is expected.
bool fr_fail_config(fr_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));
// A main input is missing or unusable: say which.
bool fr_fail_data(fr_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

// --- config

// A key of the config. Exactly one of `number` and `text` is set; what it points to holds the default and gets the value.
typedef struct {
  const char *key;
  double *number;
  double least, most; // of a number
  fr_text *text;
} fr_key;

// Reads a flat config (JSON text); keys that are not in `keys`, other types and numbers out of bounds are errors.
bool fr_config(fr_text json, const fr_key *keys, size_t count, fr_error *error);

// --- the host

// All stages, in the order of the pipeline.
fr_stages fr_all_stages(void);
// A whole granted file; false if it can't be read.
bool fr_read_all(fr_text id, fr_text *bytes, fr_error *error);
void fr_log(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));
// A span of the plugin's own work, with one number about it; it shows in the run's trace.
fr_span fr_start_span(const char *name, const char *key, int64_t value);
void fr_end_span(fr_span span);

// --- documents

void fr_begin(fr_document *document, const char *title);
// 1 is the highest level, 4 the lowest.
void fr_heading(fr_document *document, int level, fr_text text);
void fr_paragraph(fr_document *document, fr_text text);
void fr_callout(fr_document *document, int severity, fr_text text);
void fr_pipeline_health(fr_document *document, int detail);
void fr_add_table(fr_document *document, fr_table table);
void fr_add_chart(fr_document *document, fr_chart chart);
void fr_finding(fr_document *document, int severity, fr_text subject, fr_text text);

// --- tables: columns first, then rows of as many cells

fr_table fr_new_table(fr_text caption);
// Put raw numbers into the cells: a fraction for a percentage, nanoseconds for a duration.
void fr_column(fr_table *table, const char *title, int format, int decimals);
void fr_row(fr_table *table);
void fr_cell_none(fr_table *table);
void fr_cell_text(fr_table *table, fr_text text);
void fr_cell_integer(fr_table *table, int64_t value);
void fr_cell_number(fr_table *table, double value);
void fr_cell_status(fr_table *table, int severity, fr_text text);

// --- charts

fr_chart fr_new_chart(int kind, const char *title, const char *x_title, const char *y_title, int format, int decimals);
void fr_label(fr_chart *chart, fr_text label);
void fr_series(fr_chart *chart, const char *name);
// Adds a point to the series that was added last.
void fr_point(fr_chart *chart, double x, double y);

#endif

// The report `acme.slowest`: which stages took longest, and whether one of them takes too much of the run.
//
// `exports_forensic_report_plugin_render` is all that a report is made by. It sees the run's trace and the files it was
// granted, and returns blocks that the host draws; the same run gives the same report.
#include "forensic.h"

#include <stdlib.h>
#include <string.h>

static int slower_first(const void *left, const void *right) {
  const fr_stage *a = left, *b = right;
  if (a->duration_ns != b->duration_ns) return a->duration_ns > b->duration_ns ? -1 : 1;
  return fr_compare(a->id, b->id);
}

static void ranking(fr_document *document, size_t top, double warn_share, uint64_t wall_ns) {
  fr_stages stages = fr_all_stages();
  // A span of the plugin's own work: it shows in the run's trace, below the call of this plugin.
  fr_span span = fr_start_span("rank stages", "stages", (int64_t)stages.len);
  qsort(stages.ptr, stages.len, sizeof *stages.ptr, slower_first);
  size_t shown = stages.len < top ? stages.len : top;
  fr_end_span(span);
  fr_log(FR_LOG_INFO, "ranked %zu stages", stages.len);

  fr_table table = fr_new_table(fr_format("The %zu slowest of %zu stages", shown, stages.len));
  fr_column(&table, "Stage", FR_TEXT, 0);
  fr_column(&table, "Result", FR_TEXT, 0);
  fr_column(&table, "Duration", FR_DURATION, 0);
  fr_column(&table, "Share of run", FR_PERCENT, 1);
  fr_column(&table, "Attempts", FR_NUMBER, 0);
  fr_column(&table, "Peak memory", FR_BYTES, 0);
  fr_column(&table, "Critical", FR_TEXT, 0);
  fr_chart chart = fr_new_chart(FR_CHART_BAR, "Duration of the slowest stages", "stage", "duration", FR_DURATION, 0);
  fr_series(&chart, "duration");
  for (size_t i = 0; i < shown; i++) {
    const fr_stage *stage = &stages.ptr[i];
    bool good = fr_equal(stage->outcome, "success") || fr_equal(stage->outcome, "skip");
    double share = wall_ns > 0 ? (double)stage->duration_ns / (double)wall_ns : 0;
    fr_row(&table);
    fr_cell_text(&table, fr_copy(stage->id));
    fr_cell_status(&table, good ? FR_INFO : FR_ERROR, fr_copy(stage->outcome));
    fr_cell_integer(&table, (int64_t)stage->duration_ns);
    wall_ns > 0 ? fr_cell_number(&table, share) : fr_cell_none(&table);
    fr_cell_integer(&table, stage->attempts);
    stage->peak_memory_bytes.is_some ? fr_cell_integer(&table, (int64_t)stage->peak_memory_bytes.val)
                                     : fr_cell_none(&table);
    fr_cell_text(&table, fr_format("%s", stage->critical ? "yes" : "no"));
    fr_label(&chart, fr_copy(stage->id));
    fr_point(&chart, (double)i, (double)stage->duration_ns);
    if (share > warn_share) {
      fr_text text =
          fr_format("It took %.0f %% of the run; `warn_share` is %.0f %%.", share * 100, warn_share * 100);
      fr_finding(document, FR_WARNING, fr_copy(stage->id), text);
    }
  }
  fr_add_table(document, table);
  fr_add_chart(document, chart);
  forensic_report_trace_list_stage_summary_free(&stages);
}

// The files that the pipeline's owner granted with `artifacts = […]`.
static bool files(fr_document *document, fr_error *error) {
  fr_heading(document, 2, fr_format("Files"));
  fr_artifacts granted;
  forensic_report_artifacts_list(&granted);
  if (granted.len == 0) {
    fr_paragraph(document, fr_format("No file was granted, or none of them exists."));
    return true;
  }
  fr_table table = fr_new_table(fr_format("%s", ""));
  fr_column(&table, "File", FR_TEXT, 0);
  fr_column(&table, "Size", FR_BYTES, 0);
  fr_column(&table, "Lines", FR_NUMBER, 0);
  for (size_t i = 0; i < granted.len; i++) {
    fr_text bytes;
    if (!fr_read_all(granted.ptr[i].id, &bytes, error)) return false;
    int64_t lines = 0;
    for (size_t at = 0; at < bytes.len; at++) lines += bytes.ptr[at] == '\n';
    report_plugin_string_free(&bytes);
    fr_row(&table);
    fr_cell_text(&table, fr_copy(granted.ptr[i].id));
    fr_cell_integer(&table, (int64_t)granted.ptr[i].size);
    fr_cell_integer(&table, lines);
  }
  fr_add_table(document, table);
  forensic_report_artifacts_list_artifact_free(&granted);
  return true;
}

void exports_forensic_report_plugin_describe(fr_info *info) {
  *info = (fr_info){fr_format("acme.slowest"), fr_format("0.1.0"), fr_format("The slowest stages of a run")};
}

bool exports_forensic_report_plugin_render(fr_request *request, fr_document *document, fr_error *error) {
  double top = 10;         // stages in the table
  double warn_share = 0.5; // share of the run above which a stage is a finding
  const fr_key keys[] = {
      {.key = "top", .number = &top, .least = 1, .most = 100},
      {.key = "warn_share", .number = &warn_share, .least = 0, .most = 1},
  };
  if (!fr_config(request->config, keys, sizeof keys / sizeof *keys, error)) return false;

  fr_begin(document, "Slowest stages");
  fr_run run;
  forensic_report_trace_trace_error_t no_trace;
  if (forensic_report_trace_run(&run, &no_trace)) {
    fr_pipeline_health(document, FR_HEALTH_HEADLINE);
    ranking(document, (size_t)top, warn_share, run.wall_ns);
  } else {
    // A run without a trace still deserves a report that says so.
    fr_text why = no_trace.tag == FORENSIC_REPORT_TRACE_TRACE_ERROR_UNREADABLE
                      ? fr_format("No stages to rank: the forensic trace can't be read: %.*s.",
                                  FR_ARG(no_trace.val.unreadable))
                      : fr_format("No stages to rank: the forensic trace is missing.");
    fr_callout(document, FR_WARNING, fr_copy(why));
    fr_finding(document, FR_WARNING, fr_format("forensic_trace.json"), why);
  }
  return files(document, error);
}

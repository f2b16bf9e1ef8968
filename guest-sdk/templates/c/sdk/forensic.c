// The helpers of forensic.h.
#include "forensic.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// `forensic-host plugin build` adds the type of the component itself, so there is no object file with it to be kept.
void __component_type_object_force_link_report_plugin(void);
void __component_type_object_force_link_report_plugin(void) {}

// One more item at the end of a list of the generated types.
#define PUSH(list, item)                                                                                               \
  do {                                                                                                                 \
    (list)->ptr = grow((list)->ptr, (list)->len, sizeof *(list)->ptr);                                                 \
    (list)->ptr[(list)->len++] = (item);                                                                               \
  } while (0)

// Room for one more item. Sizes are powers of two, so `len` alone says when the room is used up.
static void *grow(void *items, size_t len, size_t size) {
  if (len != 0 && (len < 4 || (len & (len - 1)) != 0)) return items;
  if (len >= SIZE_MAX / 2 / size) abort();
  void *grown = realloc(items, (len < 4 ? 4 : len * 2) * size);
  if (grown == NULL) abort();
  return grown;
}

static fr_text format_list(const char *format, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, arguments);
  if (length < 0) abort();
  char *bytes = malloc((size_t)length + 1);
  if (bytes == NULL) abort();
  vsnprintf(bytes, (size_t)length + 1, format, again);
  va_end(again);
  if (length == 0) {
    // The generated code does not free what is empty.
    free(bytes);
    bytes = NULL;
  }
  return (fr_text){(uint8_t *)bytes, (size_t)length};
}

fr_text fr_format(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fr_text text = format_list(format, arguments);
  va_end(arguments);
  return text;
}

fr_text fr_copy(fr_text text) {
  fr_text copy;
  report_plugin_string_dup_n(&copy, (const char *)text.ptr, text.len);
  return copy;
}

bool fr_equal(fr_text text, const char *other) {
  return strlen(other) == text.len && memcmp(text.ptr, other, text.len) == 0;
}

int fr_compare(fr_text a, fr_text b) {
  int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);
  return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

bool fr_fail_config(fr_error *error, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  error->tag = FORENSIC_REPORT_TYPES_PLUGIN_ERROR_INVALID_CONFIG;
  error->val.invalid_config = format_list(format, arguments);
  va_end(arguments);
  return false;
}

bool fr_fail_data(fr_error *error, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  error->tag = FORENSIC_REPORT_TYPES_PLUGIN_ERROR_MISSING_DATA;
  error->val.missing_data = format_list(format, arguments);
  va_end(arguments);
  return false;
}

// --- config: a flat object of numbers and texts

typedef struct {
  const char *at, *end;
} reader;

static void skip_space(reader *r) {
  while (r->at < r->end && strchr(" \t\r\n", *r->at) != NULL && *r->at != '\0') r->at++;
}

static bool take(reader *r, char wanted) {
  skip_space(r);
  if (r->at == r->end || *r->at != wanted) return false;
  r->at++;
  return true;
}

static size_t put_utf8(char *out, uint32_t c) {
  if (c < 0x80) return out[0] = (char)c, 1;
  if (c < 0x800) return out[0] = (char)(0xC0 | c >> 6), out[1] = (char)(0x80 | (c & 0x3F)), 2;
  size_t at = 0;
  if (c >= 0x10000) {
    out[at++] = (char)(0xF0 | c >> 18);
    out[at++] = (char)(0x80 | (c >> 12 & 0x3F));
  } else {
    out[at++] = (char)(0xE0 | c >> 12);
  }
  out[at++] = (char)(0x80 | (c >> 6 & 0x3F));
  out[at++] = (char)(0x80 | (c & 0x3F));
  return at;
}

static bool take_hex(reader *r, uint32_t *value) {
  *value = 0;
  for (int i = 0; i < 4; i++, r->at++) {
    const char *digits = "0123456789abcdef";
    const char *found = r->at < r->end && *r->at != '\0' ? strchr(digits, *r->at | 0x20) : NULL;
    if (found == NULL) return false;
    *value = *value * 16 + (uint32_t)(found - digits);
  }
  return true;
}

// A string; the host writes valid JSON, so that whatever is odd is only refused.
static bool take_string(reader *r, fr_text *text) {
  if (!take(r, '"')) return false;
  // What is escaped never gets longer by being read.
  char *out = malloc((size_t)(r->end - r->at) + 4);
  if (out == NULL) abort();
  size_t len = 0;
  while (r->at < r->end && *r->at != '"') {
    char c = *r->at++;
    if (c != '\\') {
      out[len++] = c;
      continue;
    }
    if (r->at == r->end) break;
    char escaped = *r->at++;
    const char *from = "\"\\/bfnrt", *to = "\"\\/\b\f\n\r\t";
    const char *found = escaped != '\0' ? strchr(from, escaped) : NULL;
    uint32_t code = 0, low = 0;
    if (found != NULL) {
      out[len++] = to[found - from];
    } else if (escaped == 'u' && take_hex(r, &code)) {
      bool pair = code >= 0xD800 && code < 0xDC00 && r->end - r->at >= 6 && r->at[0] == '\\' && r->at[1] == 'u';
      if (pair) {
        r->at += 2;
        if (!take_hex(r, &low)) break;
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
      }
      len += put_utf8(out + len, code);
    } else {
      break;
    }
  }
  if (r->at == r->end || *r->at != '"') return free(out), false;
  r->at++;
  *text = (fr_text){(uint8_t *)out, len};
  return true;
}

// A number, right in all digits that a config has; `strtod` would be 6 KiB of the component.
static bool take_number(reader *r, double *number) {
  skip_space(r);
  bool negative = r->at < r->end && *r->at == '-';
  if (negative) r->at++;
  double mantissa = 0;
  int digits = 0, exponent = 0;
  bool fraction = false;
  for (; r->at < r->end; r->at++) {
    if (*r->at == '.' && !fraction) {
      fraction = true;
    } else if (*r->at >= '0' && *r->at <= '9') {
      mantissa = mantissa * 10 + (*r->at - '0');
      digits++;
      exponent -= fraction;
    } else {
      break;
    }
  }
  if (digits == 0) return false;
  if (r->at < r->end && (*r->at | 0x20) == 'e') {
    r->at++;
    bool small = r->at < r->end && *r->at == '-';
    if (r->at < r->end && (*r->at == '-' || *r->at == '+')) r->at++;
    int power = 0;
    for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++)
      if (power < 1000) power = power * 10 + (*r->at - '0');
    exponent += small ? -power : power;
  }
  double scale = 1;
  for (int i = exponent < 0 ? -exponent : exponent; i > 0 && scale < 1e300; i--) scale *= 10;
  *number = (exponent < 0 ? mantissa / scale : mantissa * scale) * (negative ? -1 : 1);
  return true;
}

bool fr_config(fr_text json, const fr_key *keys, size_t count, fr_error *error) {
  reader r = {(const char *)json.ptr, (const char *)json.ptr + json.len};
  if (!take(&r, '{')) return fr_fail_config(error, "the config is no table");
  if (take(&r, '}')) return true;
  do {
    fr_text name;
    if (!take_string(&r, &name) || !take(&r, ':')) return fr_fail_config(error, "the config can't be read");
    const fr_key *key = keys;
    while (key < keys + count && !fr_equal(name, key->key)) key++;
    if (key == keys + count) return fr_fail_config(error, "unknown key `%.*s`", FR_ARG(name));
    if (key->text != NULL) {
      if (!take_string(&r, key->text)) return fr_fail_config(error, "`%s` is no text", key->key);
    } else {
      double value;
      if (!take_number(&r, &value)) return fr_fail_config(error, "`%s` is no number", key->key);
      if (!(value >= key->least && value <= key->most))
        return fr_fail_config(error, "`%s` is %g, not between %g and %g", key->key, value, key->least, key->most);
      *key->number = value;
    }
    report_plugin_string_free(&name);
  } while (take(&r, ','));
  return take(&r, '}') || fr_fail_config(error, "the config can't be read");
}

// --- the host

fr_stages fr_all_stages(void) {
  fr_stages all = {NULL, 0};
  for (;;) {
    fr_stages page;
    forensic_report_trace_stages((uint32_t)all.len, 1024, &page);
    if (page.len == 0) return all;
    fr_stage *grown = realloc(all.ptr, (all.len + page.len) * sizeof *grown);
    if (grown == NULL) abort();
    memcpy(grown + all.len, page.ptr, page.len * sizeof *grown);
    all = (fr_stages){grown, all.len + page.len};
    free(page.ptr); // its items live on in `all`
  }
}

bool fr_read_all(fr_text id, fr_text *bytes, fr_error *error) {
  *bytes = (fr_text){NULL, 0};
  for (;;) {
    report_plugin_list_u8_t chunk;
    forensic_report_artifacts_artifact_error_t failed;
    if (!forensic_report_artifacts_read(&id, bytes->len, 1 << 20, &chunk, &failed)) {
      report_plugin_string_free(bytes);
      if (failed.tag == FORENSIC_REPORT_ARTIFACTS_ARTIFACT_ERROR_FAILED)
        return fr_fail_data(error, "%.*s: %.*s", FR_ARG(id), FR_ARG(failed.val.failed));
      return fr_fail_data(error, "%.*s: it was not granted", FR_ARG(id));
    }
    if (chunk.len == 0) return true;
    uint8_t *grown = realloc(bytes->ptr, bytes->len + chunk.len);
    if (grown == NULL) abort();
    memcpy(grown + bytes->len, chunk.ptr, chunk.len);
    *bytes = (fr_text){grown, bytes->len + chunk.len};
    report_plugin_list_u8_free(&chunk);
  }
}

void fr_log(int level, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fr_text text = format_list(format, arguments);
  va_end(arguments);
  forensic_report_log_log((uint8_t)level, &text);
  report_plugin_string_free(&text);
}

fr_span fr_start_span(const char *name, const char *key, int64_t value) {
  fr_text span_name;
  report_plugin_string_set(&span_name, name);
  forensic_report_telemetry_attribute_t attribute;
  report_plugin_string_set(&attribute.key, key);
  attribute.value.tag = FORENSIC_REPORT_TYPES_ATTRIBUTE_VALUE_INTEGER;
  attribute.value.val.integer = value;
  forensic_report_telemetry_list_attribute_t attributes = {&attribute, 1};
  return forensic_report_telemetry_start_span(&span_name, &attributes);
}

void fr_end_span(fr_span span) {
  forensic_report_telemetry_method_span_end(forensic_report_telemetry_borrow_span(span));
  forensic_report_telemetry_span_drop_own(span);
}

// --- documents

void fr_begin(fr_document *document, const char *title) {
  *document = (fr_document){fr_format("%s", title), {NULL, 0}, {NULL, 0}};
}

void fr_heading(fr_document *document, int level, fr_text text) {
  forensic_report_types_block_t block = {.tag = FORENSIC_REPORT_TYPES_BLOCK_HEADING};
  block.val.heading = (forensic_report_types_heading_t){(uint8_t)level, text};
  PUSH(&document->blocks, block);
}

void fr_paragraph(fr_document *document, fr_text text) {
  forensic_report_types_block_t block = {.tag = FORENSIC_REPORT_TYPES_BLOCK_PARAGRAPH};
  block.val.paragraph = text;
  PUSH(&document->blocks, block);
}

void fr_callout(fr_document *document, int severity, fr_text text) {
  forensic_report_types_block_t block = {.tag = FORENSIC_REPORT_TYPES_BLOCK_CALLOUT};
  block.val.callout = (forensic_report_types_callout_t){(uint8_t)severity, text};
  PUSH(&document->blocks, block);
}

void fr_pipeline_health(fr_document *document, int detail) {
  forensic_report_types_block_t block = {.tag = FORENSIC_REPORT_TYPES_BLOCK_PIPELINE_HEALTH};
  block.val.pipeline_health = (uint8_t)detail;
  PUSH(&document->blocks, block);
}

void fr_add_table(fr_document *document, fr_table table) {
  forensic_report_types_block_t block = {.tag = FORENSIC_REPORT_TYPES_BLOCK_TABLE};
  block.val.table = table;
  PUSH(&document->blocks, block);
}

void fr_add_chart(fr_document *document, fr_chart chart) {
  forensic_report_types_block_t block = {.tag = FORENSIC_REPORT_TYPES_BLOCK_CHART};
  block.val.chart = chart;
  PUSH(&document->blocks, block);
}

void fr_finding(fr_document *document, int severity, fr_text subject, fr_text text) {
  forensic_report_types_finding_t finding = {(uint8_t)severity, subject, text};
  PUSH(&document->findings, finding);
}

// --- tables

fr_table fr_new_table(fr_text caption) { return (fr_table){caption, {NULL, 0}, {NULL, 0}}; }

void fr_column(fr_table *table, const char *title, int format, int decimals) {
  forensic_report_types_column_t column = {
      .title = fr_format("%s", title),
      .format = (uint8_t)format,
      .decimals = (uint8_t)decimals,
      .align_right = format != FR_TEXT && format != FR_TIME && format != FR_BAR,
  };
  PUSH(&table->columns, column);
}

void fr_row(fr_table *table) {
  forensic_report_types_list_cell_t row = {NULL, 0};
  PUSH(&table->rows, row);
}

static void add_cell(fr_table *table, fr_cell cell) {
  if (table->rows.len == 0) fr_row(table);
  PUSH(&table->rows.ptr[table->rows.len - 1], cell);
}

void fr_cell_none(fr_table *table) { add_cell(table, (fr_cell){.tag = FORENSIC_REPORT_TYPES_CELL_NONE}); }

void fr_cell_text(fr_table *table, fr_text text) {
  add_cell(table, (fr_cell){.tag = FORENSIC_REPORT_TYPES_CELL_TEXT, .val.text = text});
}

void fr_cell_integer(fr_table *table, int64_t value) {
  add_cell(table, (fr_cell){.tag = FORENSIC_REPORT_TYPES_CELL_INTEGER, .val.integer = value});
}

void fr_cell_number(fr_table *table, double value) {
  add_cell(table, (fr_cell){.tag = FORENSIC_REPORT_TYPES_CELL_NUMBER, .val.number = value});
}

void fr_cell_status(fr_table *table, int severity, fr_text text) {
  add_cell(table, (fr_cell){.tag = FORENSIC_REPORT_TYPES_CELL_STATUS, .val.status = {(uint8_t)severity, text}});
}

// --- charts

fr_chart fr_new_chart(int kind, const char *title, const char *x_title, const char *y_title, int format, int decimals) {
  return (fr_chart){
      .title = fr_format("%s", title),
      .kind = (uint8_t)kind,
      .x_title = fr_format("%s", x_title),
      .y_title = fr_format("%s", y_title),
      .format = (uint8_t)format,
      .decimals = (uint8_t)decimals,
  };
}

void fr_label(fr_chart *chart, fr_text label) { PUSH(&chart->labels, label); }

void fr_series(fr_chart *chart, const char *name) {
  forensic_report_types_series_t series = {.name = fr_format("%s", name)};
  PUSH(&chart->series, series);
}

void fr_point(fr_chart *chart, double x, double y) {
  if (chart->series.len == 0) fr_series(chart, "");
  forensic_report_types_series_t *series = &chart->series.ptr[chart->series.len - 1];
  PUSH(&series->x, x);
  PUSH(&series->y, y);
}

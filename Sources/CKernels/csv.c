// Finds the wanted columns of lines of separated values.
#include "CKernels.h"

// First byte b at or behind p, end if there is none.
static inline const uint8_t *find(const uint8_t *p, const uint8_t *end, uint8_t b) {
  for (; p < end; p += 16) {
    uint32_t found = ck_mask16(p, b);
    if (found) {
      p += __builtin_ctz(found);
      return p < end ? p : end;
    }
  }
  return end;
}

// The quote that ends a quoted field whose first byte is at p; NULL if none does. A quote that neither is escaped nor stands
// before a separator or the line's end is a part of the field.
static const uint8_t *quoted_end(const ck_csv_plan *plan, const uint8_t *p, const uint8_t *end, uint32_t *kind) {
  *kind = CK_TEXT;
  for (; p < end; p++) {
    if (*p == plan->escape && p + 1 < end && (p[1] == plan->quote || (p[1] == plan->escape && plan->escape != plan->quote))) {
      *kind = CK_ESCAPED;
      p++;
    } else if (*p == plan->quote && (p + 1 == end || p[1] == plan->separator)) {
      return p;
    }
  }
  return NULL;
}

size_t ck_csv_lines(
    const ck_csv_plan *plan, const uint8_t *base, const uint64_t *lines, size_t count, uint64_t *const *columns,
    uint32_t *rows, uint8_t *is_bad) {
  size_t row = 0;
  for (size_t i = 0; i < count; i++) {
    const uint8_t *p = base + ck_span_offset(lines[i]), *end = p + ck_span_length(lines[i]);
    if (p == end || (plan->comment && *p == plan->comment)) continue;
    int32_t number = 0;
    int is_done = 0, is_broken = 0;
    while (!is_done) {
      uint64_t value;
      if (p < end && plan->quote && *p == plan->quote) {
        uint32_t kind;
        const uint8_t *from = p + 1, *close = quoted_end(plan, from, end, &kind);
        if (!close) is_broken = 1;
        value = ck_span((size_t)(from - base), (size_t)((close ? close : end) - from), kind);
        p = close ? close + 1 : end;
      } else {
        const uint8_t *from = p;
        p = find(p, end, plan->separator);
        value = p == from ? 0 : ck_span((size_t)(from - base), (size_t)(p - from), CK_TEXT);
      }
      if (number < plan->width && plan->fields[number] >= 0) columns[plan->fields[number]][row] = value;
      number++;
      if (p >= end) break;
      p++;
      // A separator at the line's end opens one more field, which is empty.
      if (number >= plan->stop) is_done = 1;
    }
    for (int32_t f = number; f < plan->width; f++)
      if (plan->fields[f] >= 0) columns[plan->fields[f]][row] = 0;
    rows[row] = (uint32_t)i;
    is_bad[row] = is_broken || (plan->is_complete && number != plan->width);
    row++;
  }
  return row;
}

size_t ck_csv_unescape(const uint8_t *p, size_t n, uint8_t quote, uint8_t escape, uint8_t *out) {
  size_t used = 0;
  for (size_t i = 0; i < n; i++) {
    if (p[i] == escape && i + 1 < n && (p[i + 1] == quote || p[i + 1] == escape)) i++;
    out[used++] = p[i];
  }
  return used;
}

// Finds the wanted columns of lines of separated values.
#include "CKernels.h"

// The quote that ends a quoted field whose first byte is at p; NULL if none does. A quote that neither is escaped nor stands
// before a separator or the line's end is a part of the field.
static const uint8_t *quoted_end(const ck_csv_plan *plan, const uint8_t *p, const uint8_t *end, uint32_t *kind) {
  *kind = CK_TEXT;
  while (p < end) {
    uint32_t stops = ck_mask32(p, plan->quote) | ck_mask32(p, plan->escape);
    if (!stops) {
      p += 32;
      continue;
    }
    p += __builtin_ctz(stops);
    if (p >= end) break;
    if (*p == plan->escape && p + 1 < end && (p[1] == plan->quote || (p[1] == plan->escape && plan->escape != plan->quote))) {
      *kind = CK_ESCAPED;
      p++;
    } else if (*p == plan->quote && (p + 1 == end || p[1] == plan->separator)) {
      return p;
    }
    p++;
  }
  return NULL;
}

static inline void note(const ck_csv_plan *plan, int32_t number, uint64_t *const *columns, size_t row, uint64_t value) {
  if (number < plan->width && plan->fields[number] >= 0) columns[plan->fields[number]][row] = value;
}

// Where the fields of one line have been read up to.
typedef struct {
  const uint8_t *p;
  int32_t number;
  int is_done, is_broken;
} csv_place;

// Goes from separator to separator, 64 bytes at a time, up to the first field in quotes.
static inline void plain_fields(
    const ck_csv_plan *plan, const uint8_t *base, const uint8_t *end, uint64_t *const *columns, size_t row, csv_place *place) {
  const uint8_t *from = place->p;
  const uint8_t quote = plan->quote, separator = plan->separator;
  const int32_t stop = plan->stop;
  int32_t number = place->number;
  for (const uint8_t *block = from;; block += 64) {
    uint64_t ends = ck_mask64(block, separator);
    size_t left = (size_t)(end - block);
    // The line's end is the last field's.
    if (left < 64) ends = (ends & ((1ull << left) - 1)) | 1ull << left;
    for (; ends; ends &= ends - 1) {
      const uint8_t *to = block + __builtin_ctzll(ends);
      if (*from == quote && quote && from < to) {
        place->p = from;
        place->number = number;
        return;
      }
      note(plan, number++, columns, row, to == from ? 0 : ck_span((size_t)(from - base), (size_t)(to - from), CK_TEXT));
      from = to + 1;
      if (to == end || number >= stop) {
        place->number = number;
        place->is_done = 1;
        return;
      }
    }
  }
}

// The field in quotes that comes next.
static void quoted_field(
    const ck_csv_plan *plan, const uint8_t *base, const uint8_t *end, uint64_t *const *columns, size_t row, csv_place *place) {
  uint32_t kind;
  const uint8_t *from = place->p + 1, *close = quoted_end(plan, from, end, &kind);
  if (!close) place->is_broken = 1;
  const uint8_t *to = close ? close : end;
  note(plan, place->number++, columns, row, ck_span((size_t)(from - base), (size_t)(to - from), kind));
  // Behind the quote there is a separator or the line's end.
  place->is_done = to == end || to + 1 == end || place->number >= plan->stop;
  place->p = to + 2;
}

size_t ck_csv_lines(
    const ck_csv_plan *plan, const uint8_t *base, const uint64_t *lines, size_t count, uint64_t *const *columns,
    uint32_t *rows, uint8_t *is_bad) {
  size_t row = 0;
  for (size_t i = 0; i < count; i++) {
    csv_place place = {.p = base + ck_span_offset(lines[i])};
    const uint8_t *end = place.p + ck_span_length(lines[i]);
    if (place.p == end || (plan->comment && *place.p == plan->comment)) continue;
    while (1) {
      plain_fields(plan, base, end, columns, row, &place);
      if (place.is_done) break;
      quoted_field(plan, base, end, columns, row, &place);
      if (place.is_done) break;
    }
    for (int32_t f = place.number; f < plan->width; f++) note(plan, f, columns, row, 0);
    rows[row] = (uint32_t)i;
    is_bad[row] = place.is_broken || (plan->is_complete && place.number != plan->width);
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

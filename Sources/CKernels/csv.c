// Finds the wanted columns of lines of separated values.
//
// A first pass over some lines finds where their fields end, 64 bytes at a time, the second makes spans, column by column: so the processor
// guesses neither how many fields a block has nor where a line ends. The first pass knows quotes around whole fields; a line with
// anything else (escapes, quotes inside, one that is not closed) is read by itself, field after field.
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

// An empty field is NULL, one in quotes only where nothing else stands for NULL.
static inline uint64_t field_span(size_t from, size_t length, uint32_t kind, uint32_t is_quoted, int32_t is_empty_null) {
  return length == 0 && (is_empty_null || !is_quoted) ? 0 : ck_span(from, length, kind);
}

static inline void note(const ck_csv_plan *plan, int32_t number, uint64_t *const *columns, size_t row, uint64_t value) {
  if (number < plan->width && plan->fields[number] >= 0) columns[plan->fields[number]][row] = value;
}

static const uint8_t *plain_end(uint8_t separator, const uint8_t *p, const uint8_t *end) {
  for (; p < end; p += 64) {
    uint64_t separators = ck_mask64(p, separator);
    if (separators) {
      p += __builtin_ctzll(separators);
      break;
    }
  }
  return p < end ? p : end;
}

// Reads one line, and gives how many fields it has up to the last that is looked at, or -1 if a quote is not closed.
static int32_t single_line(
    const ck_csv_plan *plan, const uint8_t *base, uint64_t line, uint64_t *const *columns, size_t row) {
  const uint8_t *p = base + ck_span_offset(line), *end = p + ck_span_length(line);
  int32_t number = 0, is_broken = 0;
  while (p <= end && number < plan->stop) {
    const uint8_t *from = p, *to;
    uint32_t kind = CK_TEXT;
    if (plan->quote && p < end && *p == plan->quote) {
      to = quoted_end(plan, ++from, end, &kind);
      if (!to) is_broken = 1, to = end;
      // Behind the quote there is a separator or the line's end.
      p = to + 1 < end ? to + 2 : end + 1;
      note(plan, number++, columns, row, field_span((size_t)(from - base), (size_t)(to - from), kind, 1, plan->is_empty_null));
      continue;
    }
    to = plain_end(plan->separator, p, end);
    note(plan, number++, columns, row, field_span((size_t)(from - base), (size_t)(to - from), kind, 0, plan->is_empty_null));
    p = to + 1;
  }
  for (int32_t f = number; f < plan->width; f++) note(plan, f, columns, row, 0);
  return is_broken ? -1 : number;
}

// So many ends are gathered before they become spans, and those of one block more.
enum { CSV_ENDS = 2048 };

// Where fields end, the last of each line at the line's end, counted from the text's start; in front of them stands the byte before the first
// field. A pass may write one vector of 16 places too many.
typedef struct {
  uint32_t places[CSV_ENDS + 64 + 16];
} csv_ends;

typedef struct {
  size_t count;
  // All ends before this place are there.
  size_t covered;
  // Whether the pass stopped because what comes next has to be read line by line.
  int is_odd;
} csv_pass;

// What the bytes of a block mean, a bit each.
typedef struct {
  uint64_t separators, line_ends, quotes, escapes;
} csv_marks;

static inline csv_marks marks_before(csv_marks marks, size_t left) {
  uint64_t inside = (1ull << left) - 1;
  return (csv_marks){marks.separators & inside, (marks.line_ends & inside) | 1ull << left, marks.quotes & inside, marks.escapes & inside};
}

// How the block before ended, as a block that comes next needs it.
typedef struct {
  // All ones between quotes.
  uint64_t inside;
  // One behind a field's end, and behind the closing quote of one.
  uint64_t after_end, after_quote;
} csv_quoting;

// Bit i is set if an odd number of bits is set up to it.
static inline uint64_t parities(uint64_t bits) {
  for (int distance = 1; distance < 64; distance *= 2) bits ^= bits << distance;
  return bits;
}

// Where fields end in a block. Gives 0 if quotes do not stand around whole fields, or if what is in them has a meaning.
static inline int take_marks(csv_marks marks, csv_quoting *quoting, uint64_t *found) {
  uint64_t inside = parities(marks.quotes) ^ quoting->inside;
  uint64_t ends = (marks.separators | marks.line_ends) & ~inside;
  uint64_t opening = marks.quotes & inside, closing = marks.quotes & ~inside;
  uint64_t odd = (opening & ~(ends << 1 | quoting->after_end)) | ((closing << 1 | quoting->after_quote) & ~ends) |
                 ((marks.line_ends | marks.escapes) & inside);
  *quoting = (csv_quoting){.inside = 0 - (inside >> 63), .after_end = ends >> 63, .after_quote = closing >> 63};
  *found = ends;
  return odd == 0;
}

// The bytes that are looked for; a quote or an escape without a meaning of its own is nowhere.
static inline int has_quotes(const ck_csv_plan *plan) { return plan->quote != 0; }
static inline int has_escapes(const ck_csv_plan *plan) { return plan->quote != 0 && plan->escape != plan->quote; }

typedef struct {
  uint8_t separator, quote, escape;
  uint64_t quotes, escapes;
} needles_plain;

static inline needles_plain make_needles_plain(const ck_csv_plan *plan) {
  return (needles_plain){plan->separator, plan->quote, plan->escape, has_quotes(plan) ? ~0ull : 0, has_escapes(plan) ? ~0ull : 0};
}

static inline csv_marks marks_plain(const uint8_t *p, const needles_plain *needles) {
  return (csv_marks){
      .separators = ck_mask64(p, needles->separator),
      .line_ends = ck_mask64(p, '\n') | ck_mask64(p, '\r'),
      .quotes = ck_mask64(p, needles->quote) & needles->quotes,
      .escapes = ck_mask64(p, needles->escape) & needles->escapes,
  };
}

static inline size_t places_plain(uint64_t bits, uint32_t at, uint32_t *places) {
  size_t count = (size_t)__builtin_popcountll(bits);
  for (size_t i = 0; i < count; i++, bits &= bits - 1) places[i] = at + (uint32_t)__builtin_ctzll(bits);
  return count;
}

#define CK_VARIANT(name) name##_plain
#include "csv_ends.h"
#undef CK_VARIANT

#if defined(__x86_64__)
#include "masks_avx2.h"
#include "vbmi2.h"

#pragma clang attribute push(__attribute__((target("avx2,bmi,popcnt"))), apply_to = function)
typedef needles_plain needles_avx2;
static inline needles_avx2 make_needles_avx2(const ck_csv_plan *plan) { return make_needles_plain(plan); }

static inline csv_marks marks_avx2(const uint8_t *p, const needles_avx2 *needles) {
  __m256i low = _mm256_loadu_si256((const __m256i *)p), high = _mm256_loadu_si256((const __m256i *)p + 1);
  return (csv_marks){
      .separators = avx2_equal(low, high, needles->separator),
      .line_ends = avx2_equal(low, high, '\n') | avx2_equal(low, high, '\r'),
      .quotes = avx2_equal(low, high, needles->quote) & needles->quotes,
      .escapes = avx2_equal(low, high, needles->escape) & needles->escapes,
  };
}

// A loop over them would end where nobody can guess; so eight are noted whether they are there or not.
static inline size_t places_avx2(uint64_t bits, uint32_t at, uint32_t *places) {
  size_t count = (size_t)__builtin_popcountll(bits);
  for (int i = 0; i < 8; i++, bits &= bits - 1) places[i] = at + (uint32_t)__builtin_ctzll(bits | 1ull << 63);
  for (size_t i = 8; __builtin_expect(i < count, 0); i++, bits &= bits - 1) places[i] = at + (uint32_t)__builtin_ctzll(bits);
  return count;
}

#define CK_VARIANT(name) name##_avx2
#include "csv_ends.h"
#undef CK_VARIANT
#pragma clang attribute pop

#pragma clang attribute push(VBMI2, apply_to = function)
typedef struct {
  __m512i separator, quote, escape;
  uint64_t quotes, escapes;
} needles_vbmi2;

static inline needles_vbmi2 make_needles_vbmi2(const ck_csv_plan *plan) {
  return (needles_vbmi2){
      _mm512_set1_epi8((char)plan->separator), _mm512_set1_epi8((char)plan->quote), _mm512_set1_epi8((char)plan->escape),
      has_quotes(plan) ? ~0ull : 0, has_escapes(plan) ? ~0ull : 0};
}

static inline csv_marks marks_vbmi2(const uint8_t *p, const needles_vbmi2 *needles) {
  __m512i bytes = _mm512_loadu_si512(p);
  return (csv_marks){
      .separators = _mm512_cmpeq_epi8_mask(bytes, needles->separator),
      .line_ends = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\n')) | _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\r')),
      .quotes = _mm512_cmpeq_epi8_mask(bytes, needles->quote) & needles->quotes,
      .escapes = _mm512_cmpeq_epi8_mask(bytes, needles->escape) & needles->escapes,
  };
}

static inline void store_16(__m128i numbers_of_bits, __m512i at, uint32_t *places) {
  _mm512_storeu_si512(places, _mm512_add_epi32(at, _mm512_cvtepu8_epi32(numbers_of_bits)));
}

static inline size_t places_vbmi2(uint64_t bits, uint32_t at, uint32_t *places) {
  size_t count = (size_t)__builtin_popcountll(bits);
  __m512i found = bit_numbers(bits), from = _mm512_set1_epi32((int)at);
  store_16(_mm512_castsi512_si128(found), from, places);
  if (__builtin_expect(count > 16, 0)) {
    store_16(_mm512_extracti32x4_epi32(found, 1), from, places + 16);
    store_16(_mm512_extracti32x4_epi32(found, 2), from, places + 32);
    store_16(_mm512_extracti32x4_epi32(found, 3), from, places + 48);
  }
  return count;
}

#define CK_VARIANT(name) name##_vbmi2
#include "csv_ends.h"
#undef CK_VARIANT
#pragma clang attribute pop
#endif

typedef csv_pass find_csv_ends(const ck_csv_plan *plan, const uint8_t *base, size_t from, size_t limit, csv_ends *ends);

// Rows of one pass that have all fields that are looked at.
typedef struct {
  // The first of them, and how many they are.
  size_t row, count;
  // Where the ends of each begin.
  uint16_t firsts[CSV_ENDS + 64];
} csv_batch;

// Spans of one field.
static void column_spans(
    const csv_batch *batch, const ck_csv_plan *plan, const uint8_t *base, const uint32_t *places, size_t number, uint64_t *out) {
  const uint8_t quote = plan->quote;
  const uint32_t may_be_quoted = (uint32_t)has_quotes(plan);
  const int32_t is_empty_null = plan->is_empty_null;
  for (size_t i = 0; i < batch->count; i++) {
    const uint32_t *ends = places + batch->firsts[i] + number;
    uint32_t from = ends[-1] + 1, to = ends[0];
    uint32_t is_quoted = may_be_quoted & (uint32_t)(from < to) & (uint32_t)(base[from] == quote);
    out[i] = field_span(from + is_quoted, to - from - 2 * is_quoted, CK_TEXT, is_quoted, is_empty_null);
  }
}

static void finish_batch(
    csv_batch *batch, const ck_csv_plan *plan, const uint8_t *base, const uint32_t *places, uint64_t *const *columns) {
  for (int32_t number = 0; batch->count > 0 && number < plan->width && number < plan->stop; number++) {
    int32_t column = plan->fields[number];
    if (column >= 0) column_spans(batch, plan, base, places, (size_t)number, columns[column] + batch->row);
  }
  batch->row += batch->count;
  batch->count = 0;
}

static inline int is_record(const ck_csv_plan *plan, const uint8_t *base, uint64_t line) {
  return ck_span_length(line) > 0 && !(plan->comment && base[ck_span_offset(line)] == plan->comment);
}

static size_t note_records(
    const ck_csv_plan *plan, const uint8_t *base, const uint64_t *lines, size_t count, uint32_t *rows, uint8_t *is_bad) {
  size_t row = 0;
  for (size_t i = 0; i < count; i++) {
    rows[row] = (uint32_t)i;
    is_bad[row] = 0;
    row += (size_t)is_record(plan, base, lines[i]);
  }
  return row;
}

static void take_single_line(
    const ck_csv_plan *plan, const uint8_t *base, uint64_t line, uint64_t *const *columns, uint8_t *is_bad, csv_batch *batch) {
  int32_t fields = single_line(plan, base, line, columns, batch->row);
  is_bad[batch->row++] = fields < 0 || (plan->is_complete && fields != plan->width);
}

static size_t csv_lines(
    find_csv_ends *find, const ck_csv_plan *plan, const uint8_t *base, const uint64_t *lines, size_t count,
    uint64_t *const *columns, uint32_t *rows, uint8_t *is_bad) {
  if (count == 0 || plan->stop == 0) return note_records(plan, base, lines, count, rows, is_bad);
  const size_t width = (size_t)plan->width, needed = plan->stop < plan->width ? (size_t)plan->stop : width;
  const size_t limit = ck_span_offset(lines[count - 1]) + ck_span_length(lines[count - 1]);
  csv_ends ends;
  csv_batch batch = {.row = 0, .count = 0};
  // Most lines have as many fields as the line before.
  size_t fields = width;
  for (size_t i = 0; i < count;) {
    // Records with line ends in them are read one by one.
    csv_pass pass = {0};
    if (plan->are_lines) pass = find(plan, base, ck_span_offset(lines[i]), limit, &ends);
    size_t first_line = i;
    for (size_t k = 1; i < count; i++) {
      size_t start = ck_span_offset(lines[i]), end = start + ck_span_length(lines[i]);
      if (end >= pass.covered) break;
      // A line feed behind a carriage return ends no line of its own.
      while (ends.places[k] < start) k++;
      if (!is_record(plan, base, lines[i])) {
        while (ends.places[k] < end) k++;
        k++;
        continue;
      }
      if (fields == 0 || k + fields > pass.count || ends.places[k + fields - 1] != end)
        for (fields = 1; ends.places[k + fields - 1] != end;) fields++;
      size_t row = batch.row + batch.count;
      rows[row] = (uint32_t)i;
      is_bad[row] = plan->is_complete && fields != width;
      if (fields >= needed) {
        batch.firsts[batch.count++] = (uint16_t)k;
      } else {
        finish_batch(&batch, plan, base, ends.places, columns);
        take_single_line(plan, base, lines[i], columns, is_bad, &batch);
      }
      k += fields;
    }
    finish_batch(&batch, plan, base, ends.places, columns);
    // What the pass does not know, or more fields than are gathered at once.
    if (i < count && (pass.is_odd || i == first_line)) {
      rows[batch.row] = (uint32_t)i;
      if (is_record(plan, base, lines[i])) take_single_line(plan, base, lines[i], columns, is_bad, &batch);
      i++;
    }
  }
  return batch.row;
}

static find_csv_ends *best_csv_ends(void) {
#if defined(__x86_64__)
  if (has_vbmi2()) return csv_ends_vbmi2;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt")) return csv_ends_avx2;
#endif
  return csv_ends_plain;
}

size_t ck_csv_lines(
    const ck_csv_plan *plan, const uint8_t *base, const uint64_t *lines, size_t count, uint64_t *const *columns,
    uint32_t *rows, uint8_t *is_bad) {
  // Any thread may choose: all choose the same.
  static find_csv_ends *_Atomic chosen;
  find_csv_ends *find = chosen;
  if (!find) chosen = find = best_csv_ends();
  return csv_lines(find, plan, base, lines, count, columns, rows, is_bad);
}

size_t ck_csv_lines_plain(
    const ck_csv_plan *plan, const uint8_t *base, const uint64_t *lines, size_t count, uint64_t *const *columns,
    uint32_t *rows, uint8_t *is_bad) {
  return csv_lines(csv_ends_plain, plan, base, lines, count, columns, rows, is_bad);
}

size_t ck_csv_unescape(const uint8_t *p, size_t n, uint8_t quote, uint8_t escape, uint8_t *out) {
  size_t used = 0;
  for (size_t i = 0; i < n; i++) {
    if (p[i] == escape && i + 1 < n && (p[i + 1] == quote || p[i + 1] == escape)) i++;
    out[used++] = p[i];
  }
  return used;
}

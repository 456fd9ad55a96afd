// Finds the wanted fields of many JSON objects without building anything from the others.
//
// Objects that follow each other usually have the same keys in the same order. The plan remembers, per position in the
// object, the bytes from the end of the value before up to the value itself (comma, blanks, key, colon); one compare of 16 or
// 32 bytes then recognises the key. A miss costs a plain parse of the key and teaches the position its new bytes.
#include "json_spans.h"
#include <stdlib.h>

enum {
  slot_limit = 64,
  literal_limit = 32,
  // Texts of one length, one after the other, behind which the next is taken to have it too.
  steady = 16,
};

// What a position of objects had last.
typedef struct {
  // The key, and the quote or bracket that its value begins with.
  uint8_t literal[literal_limit];
  // Bits for the literal's bytes.
  uint32_t mask;
  // Bytes of the literal that are the key's, and all.
  uint32_t key_length, value_offset;
  int32_t field;
  // The kind of the value: a text without escapes, a number, an object or array.
  uint32_t kind;
  // The length of a text, and how many had it one after the other.
  uint32_t text_length, repeats;
} slot;

typedef struct {
  uint8_t *name;
  uint32_t name_length;
  uint8_t *equal;
  uint32_t equal_length;
  int32_t is_filtered;
} wanted;

// Where a walk through an object is: the byte, the position of the next field, and how many fields are not found.
typedef struct {
  const uint8_t *p;
  int32_t position, missing;
} place;

typedef int follow_fields(
    ck_json_plan *plan, const uint8_t *base, const uint8_t *end, uint64_t *const *columns, size_t row, place *at, int is_complete);

struct ck_json_plan {
  wanted *fields;
  follow_fields *follow;
  int32_t count;
  int32_t is_complete;
  int32_t filter_count;
  int32_t slot_count;
  size_t longest_name;
  // Room for a key of six times the longest name.
  uint8_t *plain_key;
  // One more, for positions that are not remembered.
  slot slots[slot_limit + 1];
};

enum { walk_ok = 0, walk_malformed = 1, walk_rejected = 2, walk_on = 3 };

// Whether a found value fails the field's filter for certain.
static inline int fails(const wanted *field, const uint8_t *base, uint64_t value) {
  uint32_t kind = ck_span_kind(value);
  if (kind == CK_NULL) return 1;
  if (kind != CK_TEXT) return 0;
  size_t length = ck_span_length(value);
  return length != field->equal_length || memcmp(base + ck_span_offset(value), field->equal, length) != 0;
}

// What stands in a column until its key has come.
static const uint64_t not_found = ~0ull;

// Notes the value of a wanted field: whether the object is done with that.
static inline int note(
    ck_json_plan *plan, const uint8_t *base, uint64_t *const *columns, size_t row, int32_t field, uint64_t value, int32_t *missing,
    int is_complete) {
  int is_first = columns[field][row] == not_found;
  // Where it may not be read to its end, it must not matter whether it is: of equal keys the first counts, else the last.
  if (is_first || plan->is_complete) columns[field][row] = value;
  if (plan->fields[field].is_filtered && !plan->is_complete && fails(&plan->fields[field], base, columns[field][row])) return walk_rejected;
  *missing -= is_first;
  return *missing == 0 && !is_complete ? walk_ok : walk_on;
}

static inline int has_literal_plain(const slot *s, const uint8_t *p) {
  uint32_t n = s->value_offset;
  if (n <= 16) return ck_equal16(s->literal, p, n);
  return ck_equal16(s->literal, p, 16) && ck_equal16(s->literal + 16, p + 16, n - 16);
}

// Bits for the first bytes at p that a text without escapes cannot have.
static inline uint64_t text_stops_plain(const uint8_t *p, int is_complete) {
  uint64_t all = 0;
  for (int i = 0; i < 64 && !all; i += 32) {
    uint32_t stops = string_stops32(p + i);
    // As numbers, and not bit by bit.
    __asm__("" : "+r"(stops));
    all = (uint64_t)(is_complete ? stops | controls32(p + i) : stops) << i;
  }
  return all;
}

// What ends an object or array, and what only seems to: bits for the 64 bytes from its first on.
typedef struct {
  uint64_t quotes, escapes, opened, closed;
} brackets;

static inline brackets brackets_plain(const uint8_t *p) {
  return (brackets){
      .quotes = ck_mask64(p, '"'),
      .escapes = ck_mask64(p, '\\'),
      .opened = ck_mask64(p, '{') | ck_mask64(p, '['),
      .closed = ck_mask64(p, '}') | ck_mask64(p, ']'),
  };
}

// Bits from each odd one up to the next.
static inline uint64_t between_plain(uint64_t bits) {
  for (int i = 1; i < 64; i *= 2) bits ^= bits << i;
  return bits;
}

// Past the object or array whose first byte behind its bracket is at p; NULL if that is not near, or others are in it. `texts` has bits from
// each opening quote up to its closing one.
static inline const uint8_t *near_end(const uint8_t *p, const uint8_t *end, brackets found, uint64_t texts) {
  // Escapes do not matter unless they hide a quote.
  if (found.escapes << 1 & (found.quotes | found.escapes)) return NULL;
  uint64_t closed = found.closed & ~texts, last = closed & -closed;
  if (!last || (found.opened & ~texts & (last - 1))) return NULL;
  size_t length = (size_t)__builtin_ctzll(last);
  return length < (size_t)(end - p) ? p + length + 1 : NULL;
}

#define CK_VARIANT(name) name##_plain
#include "json_follow.h"
#undef CK_VARIANT

#if defined(__x86_64__)
#include "masks_avx2.h"
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2,pclmul"))), apply_to = function)
static inline int has_literal_wide(const slot *s, const uint8_t *p) {
  __m256i same = _mm256_cmpeq_epi8(_mm256_loadu_si256((const __m256i *)s->literal), _mm256_loadu_si256((const __m256i *)p));
  return (~(uint32_t)_mm256_movemask_epi8(same) & s->mask) == 0;
}

static inline __m256i stops32_wide(__m256i v, int is_complete) {
  __m256i stops = _mm256_or_si256(_mm256_cmpeq_epi8(v, _mm256_set1_epi8('"')), _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\\')));
  if (!is_complete) return stops;
  return _mm256_or_si256(stops, _mm256_cmpeq_epi8(_mm256_min_epu8(v, _mm256_set1_epi8(0x1F)), v));
}

static inline uint64_t text_stops_wide(const uint8_t *p, int is_complete) {
  __m256i low = _mm256_loadu_si256((const __m256i *)p), high = _mm256_loadu_si256((const __m256i *)p + 1);
  return avx2_bits(stops32_wide(low, is_complete), stops32_wide(high, is_complete));
}

static inline brackets brackets_wide(const uint8_t *p) {
  __m256i low = _mm256_loadu_si256((const __m256i *)p), high = _mm256_loadu_si256((const __m256i *)p + 1);
  brackets found = {.quotes = avx2_equal(low, high, '"'), .escapes = avx2_equal(low, high, '\\')};
  // The two kinds of brackets differ in one bit.
  __m256i bit = _mm256_set1_epi8(0x20);
  low = _mm256_or_si256(low, bit);
  high = _mm256_or_si256(high, bit);
  found.opened = avx2_equal(low, high, '{');
  found.closed = avx2_equal(low, high, '}');
  return found;
}

static inline uint64_t between_wide(uint64_t bits) {
  __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)bits), _mm_set1_epi8(-1), 0);
  return (uint64_t)_mm_cvtsi128_si64(product);
}

#define CK_VARIANT(name) name##_wide
#include "json_follow.h"
#undef CK_VARIANT
#pragma clang attribute pop
#endif

static follow_fields *best_follow(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("pclmul")) return follow_wide;
#endif
  return follow_plain;
}

ck_json_plan *ck_json_plan_new(int32_t count, int is_complete) {
  ck_json_plan *plan = calloc(1, sizeof *plan);
  if (!plan) abort();
  plan->fields = calloc((size_t)count + 1, sizeof(wanted));
  if (!plan->fields) abort();
  plan->count = count;
  plan->is_complete = is_complete;
  plan->follow = best_follow();
  return plan;
}

void ck_json_plan_use_plain(ck_json_plan *plan) { plan->follow = follow_plain; }

static uint8_t *copy_of(const void *p, size_t n) {
  uint8_t *copy = malloc(n + 16);
  if (!copy) abort();
  memcpy(copy, p, n);
  return copy;
}

void ck_json_plan_field(ck_json_plan *plan, int32_t index, const void *name, size_t length) {
  plan->fields[index].name = copy_of(name, length);
  plan->fields[index].name_length = (uint32_t)length;
  if (length <= plan->longest_name) return;
  plan->longest_name = length;
  free(plan->plain_key);
  plan->plain_key = malloc(6 * length);
  if (!plan->plain_key) abort();
}

void ck_json_plan_equal(ck_json_plan *plan, int32_t index, const void *text, size_t length) {
  wanted *field = &plan->fields[index];
  if (field->is_filtered) return;
  field->equal = copy_of(text, length);
  field->equal_length = (uint32_t)length;
  field->is_filtered = 1;
  plan->filter_count++;
}

void ck_json_plan_free(ck_json_plan *plan) {
  for (int32_t i = 0; i < plan->count; i++) {
    free(plan->fields[i].name);
    free(plan->fields[i].equal);
  }
  free(plan->fields);
  free(plan->plain_key);
  free(plan);
}

static int32_t field_named(ck_json_plan *plan, const uint8_t *key, size_t length, int is_escaped) {
  if (is_escaped) {
    // Six bytes at most stand for one.
    if (length > 6 * plan->longest_name) return -1;
    length = ck_json_unescape(key, length, plan->plain_key);
    key = plan->plain_key;
  }
  for (int32_t i = 0; i < plan->count; i++)
    if (plan->fields[i].name_length == length && !memcmp(plan->fields[i].name, key, length)) return i;
  return -1;
}

static inline int has_key(const slot *s, const uint8_t *p) {
  if (s->key_length <= 16) return ck_equal16(s->literal, p, s->key_length);
  return ck_equal16(s->literal, p, 16) && ck_equal16(s->literal + 16, p + 16, s->key_length - 16);
}

// Teaches a slot what the value behind its key begins with.
static inline void expect(slot *s, uint8_t first) {
  uint32_t kind = first == '"' ? CK_TEXT : first == '{' ? CK_OBJECT : first == '[' ? CK_ARRAY : CK_NUMBER;
  if (s->key_length == literal_limit) kind = CK_NUMBER;
  // What was just stored cannot be loaded again in other pieces without a wait.
  if (s->kind == kind) return;
  if (kind != CK_NUMBER) s->literal[s->key_length] = first;
  s->kind = kind;
  s->value_offset = s->key_length + (kind != CK_NUMBER);
  s->mask = (uint32_t)((1ull << s->value_offset) - 1);
}

// Parses the key at p, where a comma is first unless `position` is the first, the plain way; gives its value's first byte and the field, and
// teaches the slot.
static const uint8_t *plain_key(ck_json_plan *plan, const uint8_t *p, const uint8_t *end, int32_t position, int32_t *field) {
  const uint8_t *from = p, *close;
  const uint8_t *name = skip_blanks(position > 0 ? p + 1 : p, end) + 1;
  int is_escaped;
  p = behind_key(name - 1, end, &close, &is_escaped);
  if (!p) return NULL;
  *field = field_named(plan, name, (size_t)(close - name), is_escaped);
  p = skip_blanks(p, end);
  size_t length = (size_t)(p - from);
  if (position < slot_limit && length <= literal_limit) {
    slot *s = &plan->slots[position];
    *s = (slot){.key_length = (uint32_t)length, .field = *field};
    memcpy(s->literal, from, length);
    s->kind = CK_NULL;
    expect(s, p < end ? *p : 0);
    if (position == plan->slot_count) plan->slot_count++;
  }
  return p;
}

// The value's first byte of the key at p. `position` is the one expected next and moves past the one found: a field that
// is left out now and then does not unteach the others.
static inline const uint8_t *next_key(
    ck_json_plan *plan, const uint8_t *p, const uint8_t *end, int32_t *position, int32_t *field) {
  int32_t i = *position;
  // The first one has no comma.
  int32_t last = i == 0 ? 0 : i + 4;
  for (int32_t j = i; j < plan->slot_count && j <= last; j++) {
    if (!has_key(&plan->slots[j], p)) continue;
    *field = plan->slots[j].field;
    *position = j + 1;
    return p + plan->slots[j].key_length;
  }
  *position = i < plan->slot_count ? i + 1 : plan->slot_count + 1;
  return plain_key(plan, p, end, i, field);
}

static inline __attribute__((always_inline)) int walk_as(
    ck_json_plan *plan, const uint8_t *base, const uint8_t *p, const uint8_t *end, uint64_t *const *columns, size_t row,
    const int is_complete) {
  place at = {.missing = plan->count};
  for (int32_t i = 0; i < plan->count; i++) columns[i][row] = not_found;
  if (p >= end || *p != '{') return walk_malformed;
  if (plan->count == 0 && !is_complete) return walk_ok;
  at.p = ++p;
  p = skip_blanks(p, end);
  int is_empty = p < end && *p == '}';
  while (!is_empty) {
    int outcome = plan->follow(plan, base, end, columns, row, &at, is_complete);
    if (outcome != walk_on) return outcome;
    p = at.p;
    if (at.position > 0) {
      p = skip_blanks(p, end);
      if (p >= end) return walk_malformed;
      if (*p == '}') break;
      if (*p != ',') return walk_malformed;
    }
    int32_t field;
    p = next_key(plan, p, end, &at.position, &field);
    if (!p) return walk_malformed;
    if (*p <= ' ') p = skip_blanks(p, end);
    const uint8_t *first = p;
    uint64_t value;
    p = is_complete ? read_checked(base, p, end, &value) : read_value(base, p, end, &value);
    if (!p) return walk_malformed;
    // A null says nothing about others.
    if (*first != 'n') expect(&plan->slots[at.position - 1], *first);
    if (field >= 0) {
      outcome = note(plan, base, columns, row, field, value, &at.missing, is_complete);
      if (outcome != walk_on) return outcome;
    }
    at.p = p;
  }
  if (at.missing == 0 && plan->filter_count == 0) return walk_ok;
  for (int32_t i = 0; i < plan->count; i++) {
    if (columns[i][row] == not_found) columns[i][row] = 0;
    if (plan->fields[i].is_filtered && fails(&plan->fields[i], base, columns[i][row])) return walk_rejected;
  }
  return walk_ok;
}

// Finds the wanted fields of the object at p. `is_complete`: it is read to its end and must be JSON by the letter.
static int walk(
    ck_json_plan *plan, const uint8_t *base, const uint8_t *p, const uint8_t *end, uint64_t *const *columns, size_t row,
    int is_complete) {
  return is_complete ? walk_as(plan, base, p, end, columns, row, 1) : walk_as(plan, base, p, end, columns, row, 0);
}

size_t ck_json_lines(
    ck_json_plan *plan, const uint8_t *base, const uint64_t *lines, size_t count, uint64_t *const *columns,
    uint32_t *rows, uint8_t *is_bad) {
  size_t row = 0;
  for (size_t i = 0; i < count; i++) {
    const uint8_t *p = base + ck_span_offset(lines[i]), *end = p + ck_span_length(lines[i]);
    while (p < end && is_blank(*p)) p++;
    if (p == end) continue;
    while (is_blank(end[-1])) end--;
    // A line that ends in a brace was most likely written to its end, so it need not be read to its end.
    int outcome = walk(plan, base, p, end, columns, row, plan->is_complete || end[-1] != '}');
    if (outcome == walk_rejected) continue;
    rows[row] = (uint32_t)i;
    is_bad[row] = outcome == walk_malformed;
    if (outcome == walk_malformed)
      for (int32_t f = 0; f < plan->count; f++) columns[f][row] = 0;
    row++;
  }
  return row;
}

void ck_json_objects(
    ck_json_plan *plan, const uint8_t *base, const uint64_t *objects, size_t count, uint64_t *const *columns, uint8_t *is_bad) {
  for (size_t row = 0; row < count; row++) {
    int outcome = walk_ok;
    if (ck_span_kind(objects[row]) == CK_OBJECT) {
      const uint8_t *p = base + ck_span_offset(objects[row]);
      outcome = walk(plan, base, p, p + ck_span_length(objects[row]), columns, row, plan->is_complete);
      if (outcome == walk_ok) continue;
      is_bad[row] = 1;
    }
    for (int32_t f = 0; f < plan->count; f++) columns[f][row] = 0;
  }
}

int ck_json_elements(
    const uint8_t *base, uint64_t container, uint64_t *keys, uint64_t *values, size_t capacity, size_t *found) {
  const uint8_t *p = base + ck_span_offset(container), *end = p + ck_span_length(container);
  uint8_t close = *p == '{' ? '}' : ']';
  *found = 0;
  p = skip_blanks(p + 1, end);
  if (p < end && *p == close) return 1;
  for (;;) {
    uint64_t key = 0, value;
    p = skip_blanks(p, end);
    if (close == '}') {
      if (p >= end || *p != '"' || !(p = read_value(base, p, end, &key))) return 0;
      if (ck_span_kind(key) == CK_ESCAPED && !is_string(base + ck_span_offset(key), p - 1, 1)) return 0;
      p = skip_blanks(p, end);
      if (p >= end || *p != ':') return 0;
      p = skip_blanks(p + 1, end);
    }
    p = read_value(base, p, end, &value);
    if (!p) return 0;
    if (*found < capacity) {
      if (keys) keys[*found] = key;
      values[*found] = value;
    }
    ++*found;
    p = skip_blanks(p, end);
    if (p >= end) return 0;
    if (*p == close) return 1;
    if (*p != ',') return 0;
    p++;
  }
}

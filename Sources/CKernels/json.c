// Finds the wanted fields of many JSON objects without building anything from the others.
//
// Objects that follow each other usually have the same keys in the same order. The plan remembers, per position in the
// object, the bytes from the end of the value before up to the value itself (blanks, key, colon); one compare of 16 or
// 32 bytes then recognises the key. A miss costs a plain parse of the key and teaches the position its new bytes.
#include "CKernels.h"
#include <stdlib.h>
#include <string.h>

enum { slot_limit = 64, literal_limit = 32, depth_limit = 128 };

typedef struct {
  uint8_t literal[literal_limit];
  uint32_t length;
  int32_t field;
} slot;

typedef struct {
  uint8_t *name;
  uint32_t name_length;
  uint8_t *equal;
  uint32_t equal_length;
  int32_t is_filtered;
} wanted;

struct ck_json_plan {
  wanted *fields;
  int32_t count;
  int32_t is_complete;
  int32_t filter_count;
  int32_t slot_count;
  size_t longest_name;
  // Room for a key of six times the longest name.
  uint8_t *plain_key;
  slot slots[slot_limit];
};

enum { walk_ok = 0, walk_malformed = 1, walk_rejected = 2 };

ck_json_plan *ck_json_plan_new(int32_t count, int is_complete) {
  ck_json_plan *plan = calloc(1, sizeof *plan);
  if (!plan) abort();
  plan->fields = calloc((size_t)count + 1, sizeof(wanted));
  if (!plan->fields) abort();
  plan->count = count;
  plan->is_complete = is_complete;
  return plan;
}

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

static inline int is_blank(uint8_t b) { return b == ' ' || b == '\t' || b == '\n' || b == '\r'; }

static inline const uint8_t *skip_blanks(const uint8_t *p, const uint8_t *end) {
  while (p < end && is_blank(*p)) p++;
  return p;
}

// Bit i of the result is set if byte i of the 32 at p is a quote or a backslash.
static inline uint32_t string_stops32(const uint8_t *p) {
#if defined(__SSE2__)
  const __m128i quote = _mm_set1_epi8('"'), escape = _mm_set1_epi8('\\');
  __m128i low = _mm_loadu_si128((const __m128i *)p), high = _mm_loadu_si128((const __m128i *)p + 1);
  low = _mm_or_si128(_mm_cmpeq_epi8(low, quote), _mm_cmpeq_epi8(low, escape));
  high = _mm_or_si128(_mm_cmpeq_epi8(high, quote), _mm_cmpeq_epi8(high, escape));
  return (uint32_t)_mm_movemask_epi8(low) | (uint32_t)_mm_movemask_epi8(high) << 16;
#else
  return ck_mask32(p, '"') | ck_mask32(p, '\\');
#endif
}

// The closing quote of a string whose first byte is at p; NULL if there is none before end.
static inline const uint8_t *string_end(const uint8_t *p, const uint8_t *end, int *is_escaped) {
  *is_escaped = 0;
  while (p < end) {
    uint32_t stops = string_stops32(p);
    if (!stops) {
      p += 32;
      continue;
    }
    p += __builtin_ctz(stops);
    if (*p == '"') return p < end ? p : NULL;
    *is_escaped = 1;
    p += 2;
  }
  return NULL;
}

// Past the end of an object or array at p, looking at brackets and strings only; NULL if it does not end before end.
static const uint8_t *skip_container(const uint8_t *p, const uint8_t *end) {
  int depth = 0;
  while (p < end) {
    uint32_t stops = ck_mask32(p, '"') | ck_brackets32(p);
    if (!stops) {
      p += 32;
      continue;
    }
    const uint8_t *block = p;
    p += 32;
    while (stops) {
      const uint8_t *at = block + __builtin_ctz(stops);
      stops &= stops - 1;
      if (at >= end) return NULL;
      if (*at == '"') {
        int is_escaped;
        const uint8_t *close = string_end(at + 1, end, &is_escaped);
        if (!close) return NULL;
        ptrdiff_t ahead = close - block;
        if (ahead >= 31) {
          p = close + 1;
          break;
        }
        stops &= ~0u << (ahead + 1);
      } else if (*at == '{' || *at == '[') {
        if (++depth > depth_limit) return NULL;
      } else if (--depth == 0) {
        return at + 1;
      }
    }
  }
  return NULL;
}

static inline const uint8_t *scalar_end(const uint8_t *p, const uint8_t *end) {
  while (p < end && *p != ',' && *p != '}' && *p != ']' && !is_blank(*p)) p++;
  return p;
}

static int is_digit(uint8_t b) { return b >= '0' && b <= '9'; }

// Whether the bytes are a JSON number, or one of the words that Spark takes for one.
static int is_number(const uint8_t *p, const uint8_t *end) {
  size_t n = (size_t)(end - p);
  if (n == 3 && !memcmp(p, "NaN", 3)) return 1;
  if (n == 8 && !memcmp(p, "Infinity", 8)) return 1;
  if (n == 9 && (!memcmp(p, "-Infinity", 9) || !memcmp(p, "+Infinity", 9))) return 1;
  if (p < end && *p == '-') p++;
  if (p == end || !is_digit(*p)) return 0;
  if (*p == '0' && p + 1 < end && is_digit(p[1])) return 0;
  while (p < end && is_digit(*p)) p++;
  if (p < end && *p == '.') {
    if (++p == end || !is_digit(*p)) return 0;
    while (p < end && is_digit(*p)) p++;
  }
  if (p < end && (*p == 'e' || *p == 'E')) {
    if (++p < end && (*p == '+' || *p == '-')) p++;
    if (p == end || !is_digit(*p)) return 0;
    while (p < end && is_digit(*p)) p++;
  }
  return p == end;
}

static int is_hex(uint8_t b) { return is_digit(b) || (b >= 'a' && b <= 'f') || (b >= 'A' && b <= 'F'); }

// Bit i of the result is set if byte i of the 32 at p is a control character.
static inline uint32_t controls32(const uint8_t *p) {
  uint32_t m = 0;
#if defined(__SSE2__)
  const __m128i last = _mm_set1_epi8(0x1F);
  for (int i = 0; i < 2; i++) {
    __m128i v = _mm_loadu_si128((const __m128i *)p + i);
    m |= (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(v, last), v)) << (16 * i);
  }
#else
  for (int i = 0; i < 32; i++) m |= (uint32_t)(p[i] < 0x20) << i;
#endif
  return m;
}

// Whether string bytes without a backslash have no control characters.
static inline int is_plain(const uint8_t *p, const uint8_t *end) {
  for (; end - p > 32; p += 32)
    if (controls32(p)) return 0;
  return end == p || !(controls32(p) << (32 - (end - p)));
}

// Whether string bytes have only escapes that exist and no control characters.
static int is_string(const uint8_t *p, const uint8_t *end, int is_escaped) {
  if (!is_escaped) return is_plain(p, end);
  for (; p < end; p++) {
    if (*p < 0x20) return 0;
    if (*p != '\\') continue;
    if (++p == end) return 0;
    if (*p == 'u') {
      if (end - p < 5 || !is_hex(p[1]) || !is_hex(p[2]) || !is_hex(p[3]) || !is_hex(p[4])) return 0;
      p += 4;
    } else if (!memchr("\"\\/bfnrt", *p, 8)) {
      return 0;
    }
  }
  return 1;
}

// Reads the value at p as a span of its kind and gives the byte after it; NULL if it is malformed.
static inline __attribute__((always_inline)) const uint8_t *read_value(
    const uint8_t *base, const uint8_t *p, const uint8_t *end, uint64_t *value) {
  if (p >= end) return NULL;
  switch (*p) {
  case '"': {
    int is_escaped;
    const uint8_t *close = string_end(p + 1, end, &is_escaped);
    if (!close) return NULL;
    *value = ck_span((size_t)(p + 1 - base), (size_t)(close - p - 1), is_escaped ? CK_ESCAPED : CK_TEXT);
    return close + 1;
  }
  case '{':
  case '[': {
    const uint8_t *after = skip_container(p, end);
    if (!after) return NULL;
    *value = ck_span((size_t)(p - base), (size_t)(after - p), *p == '{' ? CK_OBJECT : CK_ARRAY);
    return after;
  }
  default: {
    const uint8_t *after = scalar_end(p, end);
    size_t n = (size_t)(after - p);
    if (n == 0) return NULL;
    uint32_t kind = CK_NUMBER;
    if (*p == 'n' && n == 4 && !memcmp(p, "null", 4)) kind = CK_NULL;
    else if (*p == 't' && n == 4 && !memcmp(p, "true", 4)) kind = CK_TRUE;
    else if (*p == 'f' && n == 5 && !memcmp(p, "false", 5)) kind = CK_FALSE;
    else if (!is_digit(*p) && !is_number(p, after)) return NULL;
    *value = kind == CK_NULL ? 0 : ck_span((size_t)(p - base), n, kind);
    return after;
  }
  }
}

// Past the value at p if it is JSON by the letter, else NULL. Nesting is kept in bits, not on the stack.
static const uint8_t *check_value(const uint8_t *p, const uint8_t *end) {
  uint8_t is_object[depth_limit];
  int depth = 0;
  for (;;) {
    p = skip_blanks(p, end);
    if (p >= end) return NULL;
    if (*p == '{' || *p == '[') {
      if (depth == depth_limit) return NULL;
      is_object[depth++] = *p == '{';
      p = skip_blanks(p + 1, end);
      if (p >= end) return NULL;
      if (*p == (is_object[depth - 1] ? '}' : ']')) {
        depth--;
        p++;
      } else if (is_object[depth - 1]) {
        goto key;
      } else {
        continue;
      }
    } else if (*p == '"') {
      int is_escaped;
      const uint8_t *close = string_end(p + 1, end, &is_escaped);
      if (!close || !is_string(p + 1, close, is_escaped)) return NULL;
      p = close + 1;
    } else {
      const uint8_t *after = scalar_end(p, end);
      size_t n = (size_t)(after - p);
      int is_word = (n == 4 && (!memcmp(p, "null", 4) || !memcmp(p, "true", 4))) || (n == 5 && !memcmp(p, "false", 5));
      if (!is_word && !is_number(p, after)) return NULL;
      p = after;
    }
    for (;;) {
      if (depth == 0) return p;
      p = skip_blanks(p, end);
      if (p >= end) return NULL;
      if (*p == ',') {
        p = skip_blanks(p + 1, end);
        break;
      }
      if (*p != (is_object[depth - 1] ? '}' : ']')) return NULL;
      depth--;
      p++;
    }
    if (!is_object[depth - 1]) continue;
  key:
    if (p >= end || *p != '"') return NULL;
    int is_escaped;
    const uint8_t *close = string_end(p + 1, end, &is_escaped);
    if (!close || !is_string(p + 1, close, is_escaped)) return NULL;
    p = skip_blanks(close + 1, end);
    if (p >= end || *p != ':') return NULL;
    p++;
  }
}

// The same as `read_value` for a value that is JSON by the letter; NULL if it is not. Each byte is looked at once.
static inline const uint8_t *read_checked(
    const uint8_t *base, const uint8_t *p, const uint8_t *end, uint64_t *value) {
  if (p < end && (*p == '{' || *p == '[')) {
    const uint8_t *after = check_value(p, end);
    if (after) *value = ck_span((size_t)(p - base), (size_t)(after - p), *p == '{' ? CK_OBJECT : CK_ARRAY);
    return after;
  }
  const uint8_t *after = read_value(base, p, end, value);
  if (!after) return NULL;
  switch (ck_span_kind(*value)) {
  case CK_TEXT: return is_plain(p + 1, after - 1) ? after : NULL;
  case CK_ESCAPED: return is_string(p + 1, after - 1, 1) ? after : NULL;
  case CK_NUMBER: return is_number(p, after) ? after : NULL;
  default: return after;
  }
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

static inline int slot_matches(const slot *s, const uint8_t *p) {
  if (s->length <= 16) return ck_equal16(s->literal, p, s->length);
  return ck_equal16(s->literal, p, 16) && ck_equal16(s->literal + 16, p + 16, s->length - 16);
}

// Parses the key at p the plain way; gives its value's first byte and the field, and teaches slot `at`.
static const uint8_t *plain_key(ck_json_plan *plan, const uint8_t *p, const uint8_t *end, int32_t at, int32_t *field) {
  const uint8_t *from = p;
  p = skip_blanks(p, end);
  if (p >= end || *p != '"') return NULL;
  int is_escaped;
  const uint8_t *close = string_end(p + 1, end, &is_escaped);
  if (!close || !is_string(p + 1, close, is_escaped)) return NULL;
  *field = field_named(plan, p + 1, (size_t)(close - p - 1), is_escaped);
  p = skip_blanks(close + 1, end);
  if (p >= end || *p != ':') return NULL;
  p = skip_blanks(p + 1, end);
  size_t length = (size_t)(p - from);
  if (at < slot_limit && length <= literal_limit) {
    slot *s = &plan->slots[at];
    memcpy(s->literal, from, length);
    s->length = (uint32_t)length;
    s->field = *field;
    if (at == plan->slot_count) plan->slot_count++;
  }
  return p;
}

// The value's first byte of the key at p. `at` is the position expected next and moves past the one found: a field that
// is left out now and then does not unteach the others.
static inline const uint8_t *next_key(ck_json_plan *plan, const uint8_t *p, const uint8_t *end, int32_t *at, int32_t *field) {
  int32_t i = *at;
  if (i < plan->slot_count && slot_matches(&plan->slots[i], p)) {
    *field = plan->slots[i].field;
    *at = i + 1;
    return p + plan->slots[i].length;
  }
  for (int32_t j = i + 1; j < plan->slot_count && j <= i + 4; j++) {
    if (!slot_matches(&plan->slots[j], p)) continue;
    *field = plan->slots[j].field;
    *at = j + 1;
    return p + plan->slots[j].length;
  }
  *at = i < plan->slot_count ? i + 1 : plan->slot_count + 1;
  return plain_key(plan, p, end, i, field);
}

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

static inline __attribute__((always_inline)) int walk_as(
    ck_json_plan *plan, const uint8_t *base, const uint8_t *p, const uint8_t *end, uint64_t *const *columns, size_t row,
    const int is_complete) {
  int32_t missing = plan->count;
  for (int32_t i = 0; i < plan->count; i++) columns[i][row] = not_found;
  if (p >= end || *p != '{') return walk_malformed;
  if (plan->count == 0 && !is_complete) return walk_ok;
  const uint8_t *first = skip_blanks(++p, end);
  int is_empty = first < end && *first == '}';
  for (int32_t at = 0; !is_empty;) {
    int32_t field;
    p = next_key(plan, p, end, &at, &field);
    if (!p) return walk_malformed;
    if (*p <= ' ') p = skip_blanks(p, end);
    uint64_t value;
    p = is_complete ? read_checked(base, p, end, &value) : read_value(base, p, end, &value);
    if (!p) return walk_malformed;
    if (field >= 0) {
      int is_first = columns[field][row] == not_found;
      // Where it may not be read to its end, it must not matter whether it is: of equal keys the first counts, else the last.
      if (is_first || plan->is_complete) columns[field][row] = value;
      if (plan->fields[field].is_filtered && !plan->is_complete && fails(&plan->fields[field], base, columns[field][row])) return walk_rejected;
      missing -= is_first;
      if (missing == 0 && !is_complete) return walk_ok;
    }
    if (p < end && *p != ',' && *p != '}') p = skip_blanks(p, end);
    if (p >= end) return walk_malformed;
    if (*p == '}') break;
    if (*p != ',') return walk_malformed;
    p++;
  }
  if (missing == 0 && plan->filter_count == 0) return walk_ok;
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

static uint32_t hex4(const uint8_t *p, const uint8_t *end) {
  if (end - p < 4) return UINT32_MAX;
  uint32_t value = 0;
  for (int i = 0; i < 4; i++) {
    if (!is_hex(p[i])) return UINT32_MAX;
    value = value << 4 | (uint32_t)(is_digit(p[i]) ? p[i] - '0' : (p[i] | 0x20) - 'a' + 10);
  }
  return value;
}

static uint8_t *put_scalar(uint8_t *out, uint32_t c) {
  if (c < 0x80) {
    *out++ = (uint8_t)c;
  } else if (c < 0x800) {
    *out++ = (uint8_t)(0xC0 | c >> 6);
    *out++ = (uint8_t)(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    *out++ = (uint8_t)(0xE0 | c >> 12);
    *out++ = (uint8_t)(0x80 | (c >> 6 & 0x3F));
    *out++ = (uint8_t)(0x80 | (c & 0x3F));
  } else {
    *out++ = (uint8_t)(0xF0 | c >> 18);
    *out++ = (uint8_t)(0x80 | (c >> 12 & 0x3F));
    *out++ = (uint8_t)(0x80 | (c >> 6 & 0x3F));
    *out++ = (uint8_t)(0x80 | (c & 0x3F));
  }
  return out;
}

size_t ck_json_unescape(const uint8_t *p, size_t n, uint8_t *target) {
  const uint8_t *end = p + n;
  uint8_t *out = target;
  while (p < end) {
    if (*p != '\\' || p + 1 == end) {
      *out++ = *p++;
      continue;
    }
    uint8_t escape = p[1];
    p += 2;
    switch (escape) {
    case 'n': *out++ = '\n'; break;
    case 't': *out++ = '\t'; break;
    case 'r': *out++ = '\r'; break;
    case 'b': *out++ = '\b'; break;
    case 'f': *out++ = '\f'; break;
    case 'u': {
      uint32_t c = hex4(p, end);
      if (c == UINT32_MAX) return SIZE_MAX;
      p += 4;
      if (c >= 0xD800 && c < 0xDC00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
        uint32_t low = hex4(p + 2, end);
        if (low >= 0xDC00 && low < 0xE000) {
          c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
          p += 6;
        }
      }
      // Java writes half a pair as '?' when it turns text into UTF-8.
      out = c >= 0xD800 && c < 0xE000 ? put_scalar(out, '?') : put_scalar(out, c);
      break;
    }
    case '"':
    case '\\':
    case '/': *out++ = escape; break;
    default: return SIZE_MAX;
    }
  }
  return (size_t)(out - target);
}

size_t ck_json_escape(const uint8_t *p, size_t n, uint8_t *target, int *has_high) {
  static const char hex[] = "0123456789ABCDEF";
  uint8_t *out = target;
  uint32_t high = 0;
  size_t i = 0;
  while (i < n) {
    uint32_t width = n - i < 16 ? (uint32_t)(n - i) : 16;
    uint32_t inside = (1u << width) - 1;
    uint32_t special = (ck_controls16(p + i) | ck_mask16(p + i, '"') | ck_mask16(p + i, '\\')) & inside;
    high |= ck_high16(p + i) & inside;
    memcpy(out, p + i, 16);
    uint32_t plain = special ? (uint32_t)__builtin_ctz(special) : width;
    out += plain;
    i += plain;
    if (!special) continue;
    uint8_t b = p[i++];
    *out++ = '\\';
    switch (b) {
    case '"':
    case '\\': *out++ = b; break;
    case '\n': *out++ = 'n'; break;
    case '\r': *out++ = 'r'; break;
    case '\t': *out++ = 't'; break;
    case '\b': *out++ = 'b'; break;
    case '\f': *out++ = 'f'; break;
    default:
      memcpy(out, "u00", 3);
      out[3] = (uint8_t)hex[b >> 4];
      out[4] = (uint8_t)hex[b & 15];
      out += 5;
    }
  }
  *has_high = high != 0;
  return (size_t)(out - target);
}

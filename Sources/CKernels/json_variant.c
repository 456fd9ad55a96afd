// Encodes JSON text as VARIANT values: see VariantValue for the form. What is rare is left to the caller, who reads it the slow way: broken or deeply nested
// text, objects of very many members, numbers with exponents or many digits.
#include "json_text.h"

enum { PARTS = 512 };

// Tags of values.
enum { IS_NULL = 0, IS_FALSE, IS_TRUE, IS_LONG, IS_DECIMAL = 6, IS_STRING = 10, IS_ARRAY = 12, IS_OBJECT };

typedef struct {
  // The first eight bytes of the name, so that their order is mostly that of the numbers.
  uint64_t prefix;
  uint32_t name, value, end;
} member;

typedef struct {
  const uint8_t *end;
  uint8_t *out;
  // Members and elements of what is open, inner ones last.
  int member_count, element_count;
  member members[PARTS];
  uint32_t elements[PARTS];
} encoder;

static inline void put(encoder *e, const void *bytes, size_t n) {
  memcpy(e->out, bytes, n);
  e->out += n;
}

static inline void put32(encoder *e, uint32_t number) { put(e, &number, 4); }

static inline bool put_text(encoder *e, const uint8_t *text, size_t n, bool is_escaped) {
  if (!is_escaped) {
    put(e, text, n);
    return true;
  }
  size_t used = ck_json_unescape(text, n, e->out);
  if (used == SIZE_MAX) return false;
  e->out += used;
  return true;
}

// Whole numbers of 64 bits stay as they are, others are decimals without zeros at their ends.
static const uint8_t *put_number(encoder *e, const uint8_t *p) {
  const uint8_t *fraction;
  bool has_exponent;
  const uint8_t *end = number_end(p, e->end, &fraction, &has_exponent);
  bool is_negative = *p == '-';
  if (!end || has_exponent || end - p - is_negative - (fraction != NULL) > 18) return NULL;
  int64_t number = 0;
  for (const uint8_t *at = p + is_negative; at < end; at++)
    if (*at != '.') number = 10 * number + (*at - '0');
  if (is_negative) number = -number;
  if (!fraction) {
    *e->out++ = IS_LONG;
    put(e, &number, 8);
    return end;
  }
  uint8_t scale = (uint8_t)(end - fraction);
  for (; scale > 0 && number % 10 == 0; scale--) number /= 10;
  __int128 unscaled = number;
  *e->out++ = IS_DECIMAL;
  *e->out++ = scale;
  put(e, &unscaled, 16);
  return end;
}

static inline uint64_t prefix_of(const uint8_t *name, size_t n) {
  uint64_t prefix = 0;
  memcpy(&prefix, name, n < 8 ? n : 8);
  return __builtin_bswap64(prefix);
}

// Negative, zero or positive.
static int compare(const uint8_t *content, const member *a, const member *b) {
  if (a->prefix != b->prefix) return a->prefix < b->prefix ? -1 : 1;
  size_t m = a->value - a->name, n = b->value - b->name;
  int order = memcmp(content + a->name, content + b->name, m < n ? m : n);
  return order ? order : m < n ? -1 : m > n;
}

static inline const uint8_t *put_word(encoder *e, const uint8_t *p, const char *word, ptrdiff_t n, uint8_t tag) {
  *e->out++ = tag;
  return behind_word(p, e->end, word, n);
}

static const uint8_t *put_value(encoder *e, const uint8_t *p, int depth);

static const uint8_t *put_array(encoder *e, const uint8_t *p, int depth) {
  *e->out++ = IS_ARRAY;
  const uint8_t *content = e->out;
  int first = e->element_count;
  p = behind_blanks(p + 1, e->end);
  if (p < e->end && *p == ']') {
    p++;
  } else {
    for (;;) {
      p = put_value(e, p, depth + 1);
      if (!p || e->element_count == PARTS) return NULL;
      e->elements[e->element_count++] = (uint32_t)(e->out - content);
      p = behind_blanks(p, e->end);
      if (p == e->end) return NULL;
      if (*p == ']') break;
      if (*p++ != ',') return NULL;
    }
    p++;
  }
  int count = e->element_count - first;
  put(e, e->elements + first, 4 * (size_t)count);
  put32(e, (uint32_t)count);
  e->element_count = first;
  return p;
}

static const uint8_t *put_object(encoder *e, const uint8_t *p, int depth) {
  *e->out++ = IS_OBJECT;
  const uint8_t *content = e->out;
  int first = e->member_count;
  p = behind_blanks(p + 1, e->end);
  if (p < e->end && *p == '}') {
    p++;
  } else {
    for (;;) {
      const uint8_t *name;
      size_t length;
      bool is_escaped;
      p = behind_name(p, e->end, &name, &length, &is_escaped);
      if (!p) return NULL;
      member m = {.name = (uint32_t)(e->out - content)};
      if (!put_text(e, name, length, is_escaped)) return NULL;
      m.value = (uint32_t)(e->out - content);
      m.prefix = prefix_of(content + m.name, m.value - m.name);
      p = put_value(e, p, depth + 1);
      if (!p || e->member_count == PARTS) return NULL;
      m.end = (uint32_t)(e->out - content);
      // In the order of names, which is that of most objects' members or near it.
      int at = e->member_count++;
      for (; at > first; at--) {
        int order = compare(content, &e->members[at - 1], &m);
        if (order == 0) return NULL;
        if (order < 0) break;
        e->members[at] = e->members[at - 1];
      }
      e->members[at] = m;
      p = behind_blanks(p, e->end);
      if (p == e->end) return NULL;
      if (*p == '}') break;
      if (*p++ != ',') return NULL;
    }
    p++;
  }
  for (int i = first; i < e->member_count; i++) put(e, &e->members[i].name, 12);
  put32(e, (uint32_t)(e->member_count - first));
  e->member_count = first;
  return p;
}

static const uint8_t *put_value(encoder *e, const uint8_t *p, int depth) {
  if (depth == DEPTH) return NULL;
  p = behind_blanks(p, e->end);
  if (p == e->end) return NULL;
  switch (*p) {
    case '{': return put_object(e, p, depth);
    case '[': return put_array(e, p, depth);
    case '"': {
      bool is_escaped;
      const uint8_t *close = string_end(p + 1, e->end, &is_escaped);
      if (!close) return NULL;
      *e->out++ = IS_STRING;
      return put_text(e, p + 1, (size_t)(close - p - 1), is_escaped) ? close + 1 : NULL;
    }
    case 't': return put_word(e, p, "true", 4, IS_TRUE);
    case 'f': return put_word(e, p, "false", 5, IS_FALSE);
    case 'n': return put_word(e, p, "null", 4, IS_NULL);
    default: return put_number(e, p);
  }
}

const uint8_t *ck_json_variant(const uint8_t *p, const uint8_t *end, uint8_t *out, size_t *size) {
  encoder e;
  e.end = end;
  e.out = out;
  e.member_count = 0;
  e.element_count = 0;
  p = put_value(&e, p, 0);
  *size = (size_t)(e.out - out);
  return p;
}

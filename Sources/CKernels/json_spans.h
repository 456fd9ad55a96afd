// Values of JSON text as spans. Unless a function says that it checks, it reads only what finds the value's end, and takes what Spark takes.
#ifndef MILLRACE_JSON_SPANS_H
#define MILLRACE_JSON_SPANS_H

#include "CKernels.h"
#include <string.h>

// Levels of nesting, at most.
enum { depth_limit = 128 };

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
static inline const uint8_t *skip_container(const uint8_t *p, const uint8_t *end) {
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

// Bit i of the result is set if byte i of the 16 at p ends a number or word: a comma, a closing bracket or a blank.
static inline uint32_t scalar_stops16(const uint8_t *p) {
#if defined(__SSE2__)
  __m128i v = _mm_loadu_si128((const __m128i *)p);
  // Both closing brackets, and no other character, are this one without the bit in which they differ.
  __m128i stops = _mm_cmpeq_epi8(_mm_and_si128(v, _mm_set1_epi8((char)~0x20)), _mm_set1_epi8(']'));
  stops = _mm_or_si128(stops, _mm_cmpeq_epi8(v, _mm_set1_epi8(',')));
  __m128i blanks = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8(' ')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\t')));
  __m128i lines = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('\n')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\r')));
  return (uint32_t)_mm_movemask_epi8(_mm_or_si128(stops, _mm_or_si128(blanks, lines)));
#else
  uint32_t m = 0;
  for (int i = 0; i < 16; i++) m |= (uint32_t)(p[i] == ',' || p[i] == '}' || p[i] == ']' || is_blank(p[i])) << i;
  return m;
#endif
}

static inline const uint8_t *scalar_end(const uint8_t *p, const uint8_t *end) {
  for (; p < end; p += 16) {
    uint32_t stops = scalar_stops16(p);
    if (!stops) continue;
    p += __builtin_ctz(stops);
    break;
  }
  return p < end ? p : end;
}

static inline int is_digit(uint8_t b) { return b >= '0' && b <= '9'; }

// Whether the bytes are a JSON number, or one of the words that Spark takes for one.
static inline int is_number(const uint8_t *p, const uint8_t *end) {
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

static inline int is_hex(uint8_t b) { return is_digit(b) || (b >= 'a' && b <= 'f') || (b >= 'A' && b <= 'F'); }

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
static inline int is_string(const uint8_t *p, const uint8_t *end, int is_escaped) {
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

// Past the key at p and its colon, and where its bytes end, behind which is a quote; NULL if there is none that is JSON by the letter.
static inline const uint8_t *behind_key(const uint8_t *p, const uint8_t *end, const uint8_t **close, int *is_escaped) {
  if (p >= end || *p != '"') return NULL;
  *close = string_end(p + 1, end, is_escaped);
  if (!*close || !is_string(p + 1, *close, *is_escaped)) return NULL;
  p = skip_blanks(*close + 1, end);
  return p < end && *p == ':' ? p + 1 : NULL;
}

// Past the value at p if it is JSON by the letter, else NULL. Nesting is kept in bits, not on the stack.
static inline const uint8_t *check_value(const uint8_t *p, const uint8_t *end) {
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
  key:;
    int is_escaped;
    const uint8_t *close;
    p = behind_key(p, end, &close, &is_escaped);
    if (!p) return NULL;
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

#endif

// Tokens of JSON text, strictly by RFC 8259. Each function gives NULL where the text is something else.
#ifndef MILLRACE_JSON_TEXT_H
#define MILLRACE_JSON_TEXT_H

#include "CKernels.h"
#include <string.h>

enum { DEPTH = 100 };

static inline const uint8_t *behind_blanks(const uint8_t *p, const uint8_t *end) {
  while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) p++;
  return p;
}

static inline bool is_hex(uint8_t b) { return (uint8_t)(b - '0') < 10 || (uint8_t)((b | 0x20) - 'a') < 6; }

static inline const uint8_t *behind_digits(const uint8_t *p, const uint8_t *end) {
  while (p < end && (uint8_t)(*p - '0') < 10) p++;
  return p;
}

// Past the number at p; its first digit behind the point or NULL, and whether there is an exponent.
static inline const uint8_t *number_end(const uint8_t *p, const uint8_t *end, const uint8_t **fraction, bool *has_exponent) {
  *fraction = NULL;
  *has_exponent = false;
  if (p < end && *p == '-') p++;
  const uint8_t *first = p;
  p = behind_digits(p, end);
  if (p == first || (*first == '0' && p - first > 1)) return NULL;
  if (p < end && *p == '.') {
    *fraction = ++p;
    p = behind_digits(p, end);
    if (p == *fraction) return NULL;
  }
  if (p < end && (*p | 0x20) == 'e') {
    *has_exponent = true;
    p++;
    if (p < end && (*p == '+' || *p == '-')) p++;
    first = p;
    p = behind_digits(p, end);
    if (p == first) return NULL;
  }
  return p;
}

static inline const uint8_t *behind_word(const uint8_t *p, const uint8_t *end, const char *word, ptrdiff_t n) {
  return end - p >= n && !memcmp(p, word, (size_t)n) ? p + n : NULL;
}

// Bit i of the result is set if byte i of the 16 at p ends a string, begins an escape or is a control character.
static inline uint32_t string_stops16(const uint8_t *p) {
#if defined(__SSE2__)
  const __m128i quote = _mm_set1_epi8('"'), escape = _mm_set1_epi8('\\'), control = _mm_set1_epi8(0x1F);
  __m128i v = _mm_loadu_si128((const __m128i *)p);
  __m128i hits = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, escape));
  return (uint32_t)_mm_movemask_epi8(_mm_or_si128(hits, _mm_cmpeq_epi8(_mm_min_epu8(v, control), v)));
#else
  uint32_t stops = 0;
  for (int i = 0; i < 16; i++) stops |= (uint32_t)(p[i] == '"' || p[i] == '\\' || p[i] < 0x20) << i;
  return stops;
#endif
}

// The first quote, backslash or control character from p on; end if there is none. Most strings are short: what counts is how soon the
// first bytes are known, since the next string is looked for behind this one.
static inline const uint8_t *string_stop(const uint8_t *p, const uint8_t *end) {
  for (; end - p >= 16; p += 16) {
    uint32_t stops = string_stops16(p);
    if (stops) return p + __builtin_ctz(stops);
  }
  while (p < end && *p != '"' && *p != '\\' && *p >= 0x20) p++;
  return p;
}

// The closing quote of the string whose first byte is at p.
static inline const uint8_t *string_end(const uint8_t *p, const uint8_t *end, bool *is_escaped) {
  *is_escaped = false;
  for (;;) {
    p = string_stop(p, end);
    if (p == end || *p < 0x20) return NULL;
    if (*p == '"') return p;
    *is_escaped = true;
    if (end - p < 2) return NULL;
    switch (p[1]) {
      case '"': case '\\': case '/': case 'b': case 'f': case 'n': case 'r': case 't': p += 2; break;
      case 'u':
        if (end - p < 6 || !is_hex(p[2]) || !is_hex(p[3]) || !is_hex(p[4]) || !is_hex(p[5])) return NULL;
        p += 6;
        break;
      default: return NULL;
    }
  }
}

// Past the number, string or word at p.
static inline const uint8_t *atom_end(const uint8_t *p, const uint8_t *end) {
  const uint8_t *fraction;
  bool flag;
  switch (*p) {
    case '"': {
      const uint8_t *close = string_end(p + 1, end, &flag);
      return close ? close + 1 : NULL;
    }
    case 't': return behind_word(p, end, "true", 4);
    case 'f': return behind_word(p, end, "false", 5);
    case 'n': return behind_word(p, end, "null", 4);
    default: return number_end(p, end, &fraction, &flag);
  }
}

// Past the name at p and its colon; the name's bytes.
static inline const uint8_t *behind_name(
    const uint8_t *p, const uint8_t *end, const uint8_t **name, size_t *length, bool *is_escaped) {
  p = behind_blanks(p, end);
  if (p == end || *p != '"') return NULL;
  const uint8_t *close = string_end(p + 1, end, is_escaped);
  if (!close) return NULL;
  *name = p + 1;
  *length = (size_t)(close - p - 1);
  p = behind_blanks(close + 1, end);
  return p < end && *p == ':' ? p + 1 : NULL;
}

#endif

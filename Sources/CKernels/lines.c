#include "CKernels.h"

// Ends of the lines of one 64-byte block that has a carriage return: LF, CR LF and CR all end a line.
static size_t mixed_ends(const uint8_t *p, size_t at, uint64_t ends, size_t *start, uint64_t *out) {
  size_t found = 0;
  for (; ends; ends &= ends - 1) {
    size_t end = at + (size_t)__builtin_ctzll(ends);
    if (p[end] == '\n' && end == *start && end > 0 && p[end - 1] == '\r') {
      *start = end + 1;
      continue;
    }
    out[found++] = ck_span(*start, end - *start, CK_TEXT);
    *start = end + 1;
  }
  return found;
}

size_t ck_lines(const uint8_t *p, size_t n, size_t *position, size_t *start, uint64_t *out, size_t capacity) {
  size_t at = *position, from = *start, found = 0;
  for (; at < n && found + 64 <= capacity; at += 64) {
    uint64_t newlines = ck_mask64(p + at, '\n'), returns = ck_mask64(p + at, '\r');
    if (n - at < 64) {
      uint64_t inside = (1ull << (n - at)) - 1;
      newlines &= inside;
      returns &= inside;
    }
    if (__builtin_expect(returns != 0 || (at > 0 && from == at && p[at - 1] == '\r'), 0)) {
      found += mixed_ends(p, at, newlines | returns, &from, out + found);
      continue;
    }
    for (; newlines; newlines &= newlines - 1) {
      size_t end = at + (size_t)__builtin_ctzll(newlines);
      out[found++] = ck_span(from, end - from, CK_TEXT);
      from = end + 1;
    }
  }
  *position = at < n ? at : n;
  *start = from;
  return found;
}

size_t ck_behind_last(const void *p, size_t n, uint8_t b) {
  const uint8_t *q = p;
  while (n >= 16) {
    uint32_t found = ck_mask16(q + n - 16, b);
    if (found) return n - 16 + 32 - (size_t)__builtin_clz(found);
    n -= 16;
  }
  while (n > 0 && q[n - 1] != b) n--;
  return n;
}

int ck_is_ascii(const uint8_t *p, size_t n) {
  uint64_t high = 0;
  size_t at = 0;
  for (; at + 64 <= n; at += 64) high |= ck_high64(p + at);
  for (; at < n; at++) high |= p[at] >> 7;
  return high == 0;
}

size_t ck_utf8_prefix(const uint8_t *p, size_t n) {
  size_t i = 0;
  while (i < n) {
    uint8_t b = p[i];
    if (b < 0x80) {
      i++;
      continue;
    }
    size_t more = b >= 0xC2 && b <= 0xDF ? 1 : b >= 0xE0 && b <= 0xEF ? 2 : b >= 0xF0 && b <= 0xF4 ? 3 : 0;
    if (more == 0 || n - i <= more) return i;
    uint8_t low = b == 0xE0 ? 0xA0 : b == 0xF0 ? 0x90 : 0x80, high = b == 0xED ? 0x9F : b == 0xF4 ? 0x8F : 0xBF;
    if (p[i + 1] < low || p[i + 1] > high) return i;
    for (size_t k = 2; k <= more; k++)
      if ((p[i + k] & 0xC0) != 0x80) return i;
    i += more + 1;
  }
  return n;
}

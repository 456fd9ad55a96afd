// Finds the fields of access-log lines in common or combined format:
//   host ident user [dd/Mon/yyyy:HH:mm:ss +zzzz] "request" status bytes "referer" "user agent"
#include "CKernels.h"

// First byte b at or behind p; a pointer at or past end if there is none.
static inline const uint8_t *find(const uint8_t *p, const uint8_t *end, uint8_t b) {
  for (; p < end; p += 32) {
    uint32_t found = ck_mask32(p, b);
    if (found) return p + __builtin_ctz(found);
  }
  return end;
}

// The closing quote of a text whose first byte is at p; a backslash takes the next byte along.
static inline const uint8_t *quote_end(const uint8_t *p, const uint8_t *end, int *is_escaped) {
  *is_escaped = 0;
  while (p < end) {
    // 64 bytes at once: most texts end within them, so the loop ends where it is expected to.
    uint64_t quotes = ck_mask64(p, '"'), either = quotes | ck_mask64(p, '\\');
    if (!either) {
      p += 64;
      continue;
    }
    p += __builtin_ctzll(either);
    if (quotes & (either & -either)) return p;
    *is_escaped = 1;
    p += 2;
  }
  return end;
}

static inline uint64_t field(const uint8_t *base, const uint8_t *from, const uint8_t *to, int is_escaped) {
  if (to - from == 1 && *from == '-') return 0;
  return ck_span((size_t)(from - base), (size_t)(to - from), is_escaped ? CK_ESCAPED : CK_TEXT);
}

#define PUT(name, value) \
  if (columns[name]) columns[name][row] = (value)

// One line into row `row`: 1 if it is well, 0 if it is malformed, -1 if its status is not wanted.
static inline int read_line(
    const uint8_t *base, const uint8_t *p, const uint8_t *end, const ck_access_plan *plan, uint64_t *const *columns, size_t row) {
  const uint8_t *q = find(p, end, ' ');
  if (q >= end || q == p) return 0;
  PUT(CK_HOST, field(base, p, q, 0));
  p = q + 1;
  q = end - p > 1 && p[0] == '-' && p[1] == ' ' ? p + 1 : find(p, end, ' ');
  if (q >= end) return 0;
  PUT(CK_IDENT, field(base, p, q, 0));
  p = q + 1;
  // A user may have blanks in it; the bracket of the time ends it.
  q = end - p > 2 && p[0] == '-' && p[1] == ' ' && p[2] == '[' ? p + 2 : find(p, end, '[');
  if (q >= end || q == p || q[-1] != ' ') return 0;
  PUT(CK_USER, field(base, p, q - 1, 0));
  p = q + 1;
  // 26 bytes of time, bracket, blank, quote.
  if (end - p < 29 || p[26] != ']' || p[27] != ' ' || p[28] != '"') return 0;
  PUT(CK_TIME, ck_span((size_t)(p - base), 26, CK_TEXT));
  p += 29;
  if (plan->last == CK_TIME) return 1;
  int is_escaped;
  q = quote_end(p, end, &is_escaped);
  if (q >= end) return 0;
  PUT(CK_REQUEST, field(base, p, q, is_escaped));
  if (columns[CK_METHOD] || columns[CK_TARGET] || columns[CK_PROTOCOL]) {
    const uint8_t *first = find(p, q, ' '), *last = q;
    if (first > q) first = q;
    while (last > first && *last != ' ') last--;
    int has_target = first < q, has_protocol = last > first;
    PUT(CK_METHOD, field(base, p, first, is_escaped));
    PUT(CK_TARGET, has_target ? field(base, first + 1, has_protocol ? last : q, is_escaped) : 0);
    PUT(CK_PROTOCOL, has_protocol ? field(base, last + 1, q, is_escaped) : 0);
  }
  p = q + 1;
  if (end - p < 4 || *p != ' ') return 0;
  p++;
  if (p[0] >= '0' && p[0] <= '9' && p[1] >= '0' && p[1] <= '9' && p[2] >= '0' && p[2] <= '9' && (p + 3 == end || p[3] == ' ')) {
    int32_t status = (p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0');
    if (status < plan->status_low || status > plan->status_high) return -1;
    q = p + 3;
  } else if (p[0] == '-' && p[1] == ' ') {
    if (plan->status_filter) return -1;
    q = p + 1;
  } else {
    return 0;
  }
  PUT(CK_STATUS, field(base, p, q, 0));
  if (plan->last == CK_STATUS) return 1;
  if (end - q < 2) return 0;
  p = q + 1;
  for (q = p; q < end && *q >= '0' && *q <= '9'; q++) {}
  if (q == p && *q == '-') q++;
  if (q == p || (q < end && *q != ' ')) return 0;
  PUT(CK_BYTES, field(base, p, q, 0));
  if (plan->last == CK_BYTES) return 1;
  if (end - q < 3 || q[1] != '"') return 0;
  p = q + 2;
  q = quote_end(p, end, &is_escaped);
  if (q >= end) return 0;
  PUT(CK_REFERER, field(base, p, q, is_escaped));
  if (plan->last == CK_REFERER) return 1;
  p = q + 1;
  if (end - p < 3 || p[0] != ' ' || p[1] != '"') return 0;
  p += 2;
  q = quote_end(p, end, &is_escaped);
  if (q >= end) return 0;
  PUT(CK_AGENT, field(base, p, q, is_escaped));
  return 1;
}

size_t ck_access_lines(
    const ck_access_plan *plan, const uint8_t *base, const uint64_t *lines, size_t count, uint64_t *const *columns,
    uint32_t *rows, uint8_t *is_bad) {
  size_t row = 0;
  for (size_t i = 0; i < count; i++) {
    const uint8_t *p = base + ck_span_offset(lines[i]), *end = p + ck_span_length(lines[i]);
    if (p == end) continue;
    int outcome = read_line(base, p, end, plan, columns, row);
    if (outcome < 0) continue;
    rows[row] = (uint32_t)i;
    is_bad[row] = outcome == 0;
    if (outcome == 0)
      for (int f = 0; f < CK_ACCESS_FIELDS; f++) PUT(f, 0);
    row++;
  }
  return row;
}

// Reads lines of an access log: CK_VARIANT names what belongs to one instruction set, `equal64` of which tells where 64 bytes have a value.

// First byte b at or behind p; a pointer at or past end if there is none.
static inline const uint8_t *CK_VARIANT(find)(const uint8_t *p, const uint8_t *end, uint8_t b) {
  for (; p < end; p += 64) {
    uint64_t found = CK_VARIANT(equal64)(p, b);
    if (found) return p + __builtin_ctzll(found);
  }
  return end;
}

// The closing quote of a text whose first byte is at p; a backslash takes the next byte along.
static inline const uint8_t *CK_VARIANT(quote_end)(const uint8_t *p, const uint8_t *end, int *is_escaped) {
  *is_escaped = 0;
  while (p < end) {
    // 64 bytes at once: most texts end within them, so the loop ends where it is expected to.
    uint64_t quotes = CK_VARIANT(equal64)(p, '"'), either = quotes | CK_VARIANT(equal64)(p, '\\');
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

// Finds the blanks and the bracket in front of the time in the first 64 bytes, where they are on nearly all lines: without a search for each,
// whose end nobody could foretell. False where they may be elsewhere, or nowhere.
static inline bool CK_VARIANT(find_head)(const uint8_t *p, size_t length, line_head *head) {
  uint64_t blanks = CK_VARIANT(equal64)(p, ' '), others = blanks & (blanks - 1);
  if (!others) return false;
  head->host_end = (size_t)__builtin_ctzll(blanks);
  head->ident_end = (size_t)__builtin_ctzll(others);
  uint64_t brackets = CK_VARIANT(equal64)(p, '[') & ~1ull << head->ident_end;
  if (!brackets) return false;
  head->bracket = (size_t)__builtin_ctzll(brackets);
  return head->host_end > 0 && head->bracket > head->ident_end + 1 && blanks >> (head->bracket - 1) & 1 && head->bracket < length;
}

// The same wherever they are. False where the line is malformed.
static bool CK_VARIANT(search_head)(const uint8_t *p, const uint8_t *end, line_head *head) {
  const uint8_t *q = CK_VARIANT(find)(p, end, ' ');
  if (q >= end || q == p) return false;
  head->host_end = (size_t)(q - p);
  q = CK_VARIANT(find)(q + 1, end, ' ');
  if (q >= end) return false;
  head->ident_end = (size_t)(q - p);
  // A user may have blanks in it; the bracket of the time ends it.
  const uint8_t *user = q + 1;
  q = CK_VARIANT(find)(user, end, '[');
  if (q >= end || q == user || q[-1] != ' ') return false;
  head->bracket = (size_t)(q - p);
  return true;
}

static inline void CK_VARIANT(put_head)(
    const uint8_t *base, const uint8_t *p, const line_head *head, uint64_t *const *columns, size_t row) {
  PUT(CK_HOST, field(base, p, p + head->host_end, 0));
  PUT(CK_IDENT, field(base, p + head->host_end + 1, p + head->ident_end, 0));
  PUT(CK_USER, field(base, p + head->ident_end + 1, p + head->bracket - 1, 0));
  PUT(CK_TIME, ck_span((size_t)(p + head->bracket + 1 - base), TIME_LENGTH, CK_TEXT));
}

static inline void CK_VARIANT(put_request)(
    const uint8_t *base, const uint8_t *p, const uint8_t *end, int is_escaped, uint64_t *const *columns, size_t row) {
  PUT(CK_REQUEST, field(base, p, end, is_escaped));
  if (!columns[CK_METHOD] && !columns[CK_TARGET] && !columns[CK_PROTOCOL]) return;
  // Its first and its last blank.
  const uint8_t *first = end, *last = end;
  if (end - p <= 64) {
    uint64_t blanks = CK_VARIANT(equal64)(p, ' ') & (end - p < 64 ? (1ull << (end - p)) - 1 : ~0ull);
    if (blanks) {
      first = p + __builtin_ctzll(blanks);
      last = p + 63 - __builtin_clzll(blanks);
    }
  } else {
    first = CK_VARIANT(find)(p, end, ' ');
    if (first > end) first = end;
    while (last > first && *last != ' ') last--;
  }
  int has_target = first < end, has_protocol = last > first;
  PUT(CK_METHOD, field(base, p, first, is_escaped));
  PUT(CK_TARGET, has_target ? field(base, first + 1, has_protocol ? last : end, is_escaped) : 0);
  PUT(CK_PROTOCOL, has_protocol ? field(base, last + 1, end, is_escaped) : 0);
}

// One line into row `row`: 1 if it is well, 0 if it is malformed, -1 if its status is not wanted. Where a status is wanted most lines have another,
// so that nothing is written before.
static inline int CK_VARIANT(read_line)(
    const uint8_t *base, const uint8_t *line, const uint8_t *end, const ck_access_plan *plan, uint64_t *const *columns, size_t row) {
  line_head head;
  if (!CK_VARIANT(find_head)(line, (size_t)(end - line), &head) && !CK_VARIANT(search_head)(line, end, &head)) return 0;
  const uint8_t *p = line + head.bracket + 1;
  if (end - p < TIME_LENGTH + 3 || __builtin_memcmp(p + TIME_LENGTH, "] \"", 3) != 0) return 0;
  if (plan->last == CK_TIME) {
    CK_VARIANT(put_head)(base, line, &head, columns, row);
    return 1;
  }
  const uint8_t *request = p + TIME_LENGTH + 3;
  int is_escaped;
  const uint8_t *q = CK_VARIANT(quote_end)(request, end, &is_escaped), *request_end = q;
  if (q >= end) return 0;
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
  CK_VARIANT(put_head)(base, line, &head, columns, row);
  CK_VARIANT(put_request)(base, request, request_end, is_escaped, columns, row);
  PUT(CK_STATUS, field(base, p, q, 0));
  if (plan->last == CK_STATUS) return 1;
  if (end - q < 2) return 0;
  p = q + 1;
  q = digits_end(p, end);
  if (q == p && *q == '-') q++;
  if (q == p || (q < end && *q != ' ')) return 0;
  PUT(CK_BYTES, field(base, p, q, 0));
  if (plan->last == CK_BYTES) return 1;
  if (end - q < 3 || q[1] != '"') return 0;
  p = q + 2;
  q = CK_VARIANT(quote_end)(p, end, &is_escaped);
  if (q >= end) return 0;
  PUT(CK_REFERER, field(base, p, q, is_escaped));
  if (plan->last == CK_REFERER) return 1;
  p = q + 1;
  if (end - p < 3 || p[0] != ' ' || p[1] != '"') return 0;
  p += 2;
  q = CK_VARIANT(quote_end)(p, end, &is_escaped);
  if (q >= end) return 0;
  PUT(CK_AGENT, field(base, p, q, is_escaped));
  return 1;
}

static size_t CK_VARIANT(access_lines)(
    const ck_access_plan *plan, const uint8_t *base, const uint64_t *lines, size_t count, uint64_t *const *columns,
    uint32_t *rows, uint8_t *is_bad) {
  size_t row = 0;
  for (size_t i = 0; i < count; i++) {
    const uint8_t *p = base + ck_span_offset(lines[i]), *end = p + ck_span_length(lines[i]);
    if (p == end) continue;
    int outcome = CK_VARIANT(read_line)(base, p, end, plan, columns, row);
    if (outcome < 0) continue;
    rows[row] = (uint32_t)i;
    is_bad[row] = outcome == 0;
    if (outcome == 0)
      for (int f = 0; f < CK_ACCESS_FIELDS; f++) PUT(f, 0);
    row++;
  }
  return row;
}

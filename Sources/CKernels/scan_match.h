// The matcher of scan.c, included once for each width of instructions: CK_VARIANT names the functions, CK_WIDE says that a register
// takes 32 bytes.

// Bit i of the result is set if byte i of the 32 at p ends a run of the class, which has 1 to CK_SCAN_RANGES ranges of such bytes.
static inline uint32_t CK_VARIANT(ends32)(const ck_scan_class *class, const uint8_t *p) {
#if CK_WIDE
  __m256i v = _mm256_loadu_si256((const __m256i *)p);
  if (class->is_single) return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(v, _mm256_set1_epi8((char)class->low[0])));
  __m256i hit = _mm256_setzero_si256();
  for (int32_t i = 0; i < class->range_count; i++) {
    __m256i distance = _mm256_sub_epi8(v, _mm256_set1_epi8((char)class->low[i]));
    __m256i nearest = _mm256_min_epu8(distance, _mm256_set1_epi8((char)class->width[i]));
    hit = _mm256_or_si256(hit, _mm256_cmpeq_epi8(nearest, distance));
  }
  return (uint32_t)_mm256_movemask_epi8(hit);
#elif defined(__SSE2__)
  if (class->is_single) return ck_mask32(p, class->low[0]);
  uint32_t ends = 0;
  for (int half = 0; half < 2; half++) {
    __m128i v = _mm_loadu_si128((const __m128i *)p + half), hit = _mm_setzero_si128();
    for (int32_t i = 0; i < class->range_count; i++) {
      __m128i distance = _mm_sub_epi8(v, _mm_set1_epi8((char)class->low[i]));
      __m128i nearest = _mm_min_epu8(distance, _mm_set1_epi8((char)class->width[i]));
      hit = _mm_or_si128(hit, _mm_cmpeq_epi8(nearest, distance));
    }
    ends |= (uint32_t)_mm_movemask_epi8(hit) << (16 * half);
  }
  return ends;
#else
  uint32_t m = 0;
  for (int i = 0; i < 32; i++) m |= (uint32_t)!class->member[p[i]] << i;
  return m;
#endif
}

// The first byte from p on that is not in the class, or limit. With is_padded 64 bytes past the limit can be read.
static inline const uint8_t *CK_VARIANT(run_end)(const ck_scan_class *class, const uint8_t *p, const uint8_t *limit, int is_padded) {
  if (class->range_count > 0) {
    for (; is_padded ? p < limit : p + 32 <= limit; p += 32) {
      uint32_t found = CK_VARIANT(ends32)(class, p);
      if (!found) continue;
      p += __builtin_ctz(found);
      return p < limit ? p : limit;
    }
    if (is_padded) return limit;
  }
  while (p < limit && class->member[*p]) p++;
  return p;
}

static inline int CK_VARIANT(is_literal)(const ck_scan_step *step, const uint8_t *p, const uint8_t *end, int is_padded) {
  if (step->literal_length == 0) return 1;
  if (end - p < step->literal_length) return 0;
  if (!is_padded) return memcmp(p, step->literal, step->literal_length) == 0;
  uint64_t wanted, found;
  memcpy(&wanted, step->literal, 8);
  memcpy(&found, p, 8);
  return ((wanted ^ found) & step->literal_mask) == 0;
}

// Whether `$` stands at p: at the end, or before a last line end, which CR LF is one of.
static inline int CK_VARIANT(is_last_line_end)(const uint8_t *text, const uint8_t *p, const uint8_t *end) {
  if (p == end) return 1;
  if (p + 1 == end) return *p == '\r' || (*p == '\n' && (p == text || p[-1] != '\r'));
  return p + 2 == end && p[0] == '\r' && p[1] == '\n';
}

static inline int CK_VARIANT(match_at)(
    const ck_scan_plan *plan, const uint8_t *text, const uint8_t *from, const uint8_t *end, intptr_t *offsets, int is_padded) {
  const uint8_t *p = from;
  const ck_scan_step *last = plan->steps + plan->step_count;
  for (const ck_scan_step *step = plan->steps; step < last; step++) {
    offsets[step->slot_before] = p - text;
    if (step->class_index >= 0) {
      const uint8_t *first = p, *limit = step->most < end - p ? p + step->most : end;
      p = CK_VARIANT(run_end)(&plan->classes[step->class_index], p, limit, is_padded);
      if (p - first < step->least) return 0;
    }
    offsets[step->slot_after] = p - text;
    if (!CK_VARIANT(is_literal)(step, p, end, is_padded)) return 0;
    p += step->literal_length;
  }
  if (plan->is_anchored_at_end && !CK_VARIANT(is_last_line_end)(text, p, end)) return 0;
  offsets[plan->start_slot] = from - text;
  offsets[plan->end_slot] = p - text;
  return 1;
}

static inline int CK_VARIANT(find)(const ck_scan_plan *plan, const uint8_t *text, size_t n, size_t start, intptr_t *offsets, int is_padded) {
  const uint8_t *end = text + n;
  if (plan->is_anchored) return start == 0 && CK_VARIANT(match_at)(plan, text, text, end, offsets, is_padded);
  const ck_scan_class *outside = &plan->classes[plan->outside_class];
  for (const uint8_t *p = text + start; p < end; p++) {
    p = CK_VARIANT(run_end)(outside, p, end, is_padded);
    if (p == end) return 0;
    if (CK_VARIANT(match_at)(plan, text, p, end, offsets, is_padded)) return 1;
  }
  return 0;
}

static void CK_VARIANT(match_views)(
    const ck_scan_plan *plan, const ck_view_words *views, size_t count, int is_padded, intptr_t *offsets, int64_t *const *groups,
    size_t group_count) {
  for (size_t row = 0; row < count; row++) {
    size_t n = (uint32_t)views[row].word0;
    const uint8_t *text = n <= 12 ? (const uint8_t *)&views[row] + 4 : (const uint8_t *)(uintptr_t)views[row].word1;
    int is_found = is_padded ? CK_VARIANT(find)(plan, text, n, 0, offsets, 1) : CK_VARIANT(find)(plan, text, n, 0, offsets, 0);
    note_groups(is_found, offsets, row, groups, group_count);
  }
}

// Runs patterns without choices over many texts: every repetition ends at the first byte that is not in its class.
#include "CKernels.h"

// Bit i of the result is set if byte i of the 16 at p ends a run of the class, which has at most CK_SCAN_RANGES ranges of such bytes.
static inline uint32_t ends16(const ck_scan_class *class, const uint8_t *p) {
#if defined(__SSE2__)
  __m128i v = _mm_loadu_si128((const __m128i *)p), hit = _mm_setzero_si128();
  for (int32_t i = 0; i < class->range_count; i++) {
    __m128i distance = _mm_sub_epi8(v, _mm_set1_epi8((char)class->low[i]));
    __m128i width = _mm_set1_epi8((char)(class->high[i] - class->low[i]));
    hit = _mm_or_si128(hit, _mm_cmpeq_epi8(_mm_min_epu8(distance, width), distance));
  }
  return (uint32_t)_mm_movemask_epi8(hit);
#else
  uint32_t m = 0;
  for (int i = 0; i < 16; i++) m |= (uint32_t)!class->member[p[i]] << i;
  return m;
#endif
}

// The first byte from p on that is not in the class, or limit.
static inline const uint8_t *run_end(const ck_scan_class *class, const uint8_t *p, const uint8_t *limit) {
  if (class->range_count == 1 && class->low[0] == class->high[0]) {
    for (; p + 16 <= limit; p += 16) {
      uint32_t found = ck_mask16(p, class->low[0]);
      if (found) return p + __builtin_ctz(found);
    }
  } else if (class->range_count > 0) {
    for (; p + 16 <= limit; p += 16) {
      uint32_t found = ends16(class, p);
      if (found) return p + __builtin_ctz(found);
    }
  }
  while (p < limit && class->member[*p]) p++;
  return p;
}

static inline int is_last_line_end(const uint8_t *p, const uint8_t *end) {
  if (p == end) return 1;
  if (p + 1 == end) return *p == '\n' || *p == '\r';
  return p + 2 == end && p[0] == '\r' && p[1] == '\n';
}

static inline int match_at(const ck_scan_plan *plan, const uint8_t *text, const uint8_t *from, const uint8_t *end, intptr_t *offsets) {
  const uint8_t *p = from;
  const ck_scan_step *last = plan->steps + plan->step_count;
  for (const ck_scan_step *step = plan->steps; step < last; step++) {
    switch (step->operation) {
    case CK_SCAN_BYTE:
      if (p >= end || *p != step->byte) return 0;
      p++;
      break;
    case CK_SCAN_RUN: {
      const uint8_t *first = p, *limit = step->most < end - p ? p + step->most : end;
      p = run_end(&plan->classes[step->class_index], p, limit);
      if (p - first < step->least) return 0;
      break;
    }
    case CK_SCAN_MARK: offsets[step->slot] = p - text; break;
    case CK_SCAN_END:
      if (!is_last_line_end(p, end)) return 0;
      break;
    }
  }
  offsets[0] = from - text;
  offsets[1] = p - text;
  return 1;
}

int ck_scan_find(const ck_scan_plan *plan, const uint8_t *text, size_t n, size_t start, intptr_t *offsets) {
  const uint8_t *end = text + n;
  if (plan->is_anchored) return start == 0 && match_at(plan, text, text, end, offsets);
  const ck_scan_class *outside = &plan->classes[plan->outside_class];
  for (const uint8_t *p = text + start; p < end; p++) {
    p = run_end(outside, p, end);
    if (p == end) return 0;
    if (match_at(plan, text, p, end, offsets)) return 1;
  }
  return 0;
}

void ck_scan_views(const ck_scan_plan *plan, const ck_view_words *views, size_t count, intptr_t *offsets, int64_t *const *groups, size_t group_count) {
  for (size_t row = 0; row < count; row++) {
    size_t n = (uint32_t)views[row].word0;
    const uint8_t *text = n <= 12 ? (const uint8_t *)&views[row] + 4 : (const uint8_t *)(uintptr_t)views[row].word1;
    if (ck_scan_find(plan, text, n, 0, offsets)) {
      for (size_t g = 0; g < group_count; g++) groups[g][row] = (int64_t)offsets[2 * g] << 32 | (int64_t)offsets[2 * g + 1];
    } else {
      for (size_t g = 0; g < group_count; g++) groups[g][row] = -1;
    }
  }
}

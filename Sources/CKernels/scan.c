// Runs patterns without choices over many texts: every repetition ends at the first byte that is not in its class.
#include "CKernels.h"
#include <string.h>

static inline void note_groups(int is_found, const intptr_t *offsets, size_t row, int64_t *const *groups, size_t group_count) {
  for (size_t g = 0; g < group_count; g++)
    groups[g][row] = is_found ? (int64_t)offsets[2 * g] << 32 | (int64_t)offsets[2 * g + 1] : -1;
}

#define CK_VARIANT(name) name##_plain
#define CK_WIDE 0
#include "scan_match.h"
#undef CK_VARIANT
#undef CK_WIDE

#if defined(__x86_64__)
#include <immintrin.h>
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2"))), apply_to = function)
#define CK_VARIANT(name) name##_wide
#define CK_WIDE 1
#include "scan_match.h"
#undef CK_VARIANT
#undef CK_WIDE
#pragma clang attribute pop
#include "scan_masked.h"
#endif

int ck_scan_find(const ck_scan_plan *plan, const uint8_t *text, size_t n, size_t start, intptr_t *offsets) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2")) return find_wide(plan, text, n, start, offsets, 0);
#endif
  return find_plain(plan, text, n, start, offsets, 0);
}

void ck_scan_views(
    const ck_scan_plan *plan, const ck_view_words *views, size_t count, int is_padded, intptr_t *offsets, int64_t *const *groups,
    size_t group_count) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (is_padded && has_masks(plan) && __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512bw"))
    return match_views_masked(plan, views, count, offsets, groups, group_count);
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2"))
    return match_views_wide(plan, views, count, is_padded, offsets, groups, group_count);
#endif
  match_views_plain(plan, views, count, is_padded, offsets, groups, group_count);
}

// Runs patterns without choices over many texts: every repetition ends at the first byte that is not in its class.
#include "CKernels.h"
#include <string.h>

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
#endif

int ck_scan_find(const ck_scan_plan *plan, const uint8_t *text, size_t n, size_t start, intptr_t *offsets) {
  return find_plain(plan, text, n, start, offsets, 0);
}

void ck_scan_views(
    const ck_scan_plan *plan, const ck_view_words *views, size_t count, int is_padded, intptr_t *offsets, int64_t *const *groups,
    size_t group_count) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2"))
    return match_views_wide(plan, views, count, is_padded, offsets, groups, group_count);
#endif
  match_views_plain(plan, views, count, is_padded, offsets, groups, group_count);
}

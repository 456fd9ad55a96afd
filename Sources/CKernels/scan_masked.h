// The matcher of scan.c for processors that look up 64 bytes in a table at once (AVX-512 VBMI).
//
// Going from run to run, a matcher waits at each step for a load, a comparison and a count that depend on the step before. Here the
// ends of all runs in a text are found first, none of which waits for another, and a step is two shifts and a count.

// Longer texts and patterns of more classes go from run to run.
enum { CK_SCAN_MASKED_BYTES = 1024, CK_SCAN_MASKED_CLASSES = 8 };

// Where the runs of each class end in one text: a bit a byte, and one behind the last byte for every class.
typedef struct {
  uint64_t ends[CK_SCAN_MASKED_CLASSES][CK_SCAN_MASKED_BYTES / 64 + 1];
} scan_masks;

// The class of what no match begins with is the last one, of no use to an anchored pattern.
static int32_t masked_classes(const ck_scan_plan *plan) { return plan->outside_class + !plan->is_anchored; }

static int has_masks(const ck_scan_plan *plan) { return masked_classes(plan) <= CK_SCAN_MASKED_CLASSES; }

#pragma clang attribute push(__attribute__((target("bmi,bmi2,avx512f,avx512bw,avx512vbmi"))), apply_to = function)

// Bit c of entry b says that byte b ends a run of class c.
typedef struct {
  __m512i quarters[4];
} scan_table;

static scan_table make_scan_table(const ck_scan_plan *plan) {
  union {
    uint8_t bytes[256];
    scan_table table;
  } result = {{0}};
  for (int32_t class = 0; class < masked_classes(plan); class++)
    for (int byte = 0; byte < 256; byte++)
      if (!plan->classes[class].member[byte]) result.bytes[byte] |= (uint8_t)(1 << class);
  return result.table;
}

// 64 bytes past the text can be read.
static inline void find_ends(const scan_table *table, int32_t class_count, const uint8_t *text, size_t n, scan_masks *masks) {
  for (size_t word = 0; word <= n / 64; word++) {
    __m512i v = _mm512_loadu_si512(text + 64 * word);
    __m512i low = _mm512_permutex2var_epi8(table->quarters[0], v, table->quarters[1]);
    __m512i high = _mm512_permutex2var_epi8(table->quarters[2], v, table->quarters[3]);
    __m512i classes = _mm512_mask_blend_epi8(_mm512_movepi8_mask(v), low, high);
    __m512i bit = _mm512_set1_epi8(1);
    for (int32_t class = 0; class < class_count; class++) {
      masks->ends[class][word] = _mm512_test_epi8_mask(classes, bit);
      bit = _mm512_add_epi8(bit, bit);
    }
  }
  for (int32_t class = 0; class < class_count; class++) {
    masks->ends[class][n / 64] |= 1ull << n % 64;
    masks->ends[class][n / 64 + 1] = 0;
  }
}

// The first place from `at` on, at most n, where a run of the class ends.
static inline size_t next_end(const scan_masks *masks, int32_t class, size_t at) {
  const uint64_t *words = masks->ends[class] + at / 64;
  // 64 bits from `at` on, in whatever words they lie: a branch on that would often be guessed wrong.
  uint64_t above = words[1] << 1;
  __asm__("" : "+r"(above));  // keeps two shifts from becoming one of a pair of registers, which is slow
  uint64_t next = words[0] >> at % 64 | above << (63 - at % 64);
  if (next) return at + (size_t)__builtin_ctzll(next);
  size_t word = 1;
  while (!words[word]) word++;
  return (at & ~(size_t)63) + 64 * word + (size_t)__builtin_ctzll(words[word]);
}

static inline int match_masked(
    const ck_scan_plan *plan, const scan_masks *masks, const uint8_t *text, size_t from, size_t n, intptr_t *offsets) {
  size_t at = from;
  const ck_scan_step *last = plan->steps + plan->step_count;
  for (const ck_scan_step *step = plan->steps; step < last; step++) {
    offsets[step->slot_before] = (intptr_t)at;
    if (step->class_index >= 0) {
      size_t run = next_end(masks, step->class_index, at) - at;
      if (run > (size_t)step->most) run = (size_t)step->most;
      if (run < (size_t)step->least) return 0;
      at += run;
    }
    offsets[step->slot_after] = (intptr_t)at;
    if (!is_literal_plain(step, text + at, text + n, 1)) return 0;
    at += (size_t)step->literal_length;
  }
  if (plan->is_anchored_at_end && !is_last_line_end_plain(text + at, text + n)) return 0;
  offsets[0] = (intptr_t)from;
  offsets[1] = (intptr_t)at;
  return 1;
}

static inline int find_masked(const ck_scan_plan *plan, const scan_table *table, const uint8_t *text, size_t n, intptr_t *offsets) {
  scan_masks masks;
  find_ends(table, masked_classes(plan), text, n, &masks);
  if (plan->is_anchored) return match_masked(plan, &masks, text, 0, n, offsets);
  for (size_t at = 0; at < n; at++) {
    at = next_end(&masks, plan->outside_class, at);
    if (at == n) return 0;
    if (match_masked(plan, &masks, text, at, n, offsets)) return 1;
  }
  return 0;
}

static void match_views_masked(
    const ck_scan_plan *plan, const ck_view_words *views, size_t count, intptr_t *offsets, int64_t *const *groups, size_t group_count) {
  scan_table table = make_scan_table(plan);
  for (size_t row = 0; row < count; row++) {
    size_t n = (uint32_t)views[row].word0;
    int is_inline = n <= 12;
    const uint8_t *text = is_inline ? (const uint8_t *)&views[row] + 4 : (const uint8_t *)(uintptr_t)views[row].word1;
    int is_found = is_inline || n >= CK_SCAN_MASKED_BYTES ? find_plain(plan, text, n, 0, offsets, 1)
                                                          : find_masked(plan, &table, text, n, offsets);
    note_groups(is_found, offsets, row, groups, group_count);
  }
}

#pragma clang attribute pop

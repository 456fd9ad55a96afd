// The matcher of scan.c for processors that look up 64 bytes in a table at once (AVX-512 VBMI).
//
// Going from run to run, a matcher waits at each step for a load, a comparison and a count that depend on the step before. Here the
// ends of all runs in some texts are found first, none of which waits for another, and a step is a shift and a count. Even so each step
// waits for the one before; so two texts are matched side by side.

// Longer texts and patterns of more classes go from run to run.
enum { CK_SCAN_MASKED_BYTES = 1024, CK_SCAN_MASKED_CLASSES = 8 };

// How many texts get their masks before they are matched. What was just stored cannot be loaded again in other pieces without a wait.
enum { CK_SCAN_BLOCK = 8 };

// Where the runs of each class end in one text: a bit a byte, one behind the last byte for every class, and zeros.
typedef struct {
  uint8_t ends[CK_SCAN_MASKED_CLASSES][CK_SCAN_MASKED_BYTES / 8 + 16];
  const uint8_t *text;
  size_t n, row;
} scan_text;

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
static inline void find_ends(const scan_table *table, int32_t class_count, scan_text *text) {
  size_t last = text->n / 64;
  for (size_t word = 0; word <= last; word++) {
    __m512i v = _mm512_loadu_si512(text->text + 64 * word);
    __m512i low = _mm512_permutex2var_epi8(table->quarters[0], v, table->quarters[1]);
    __m512i high = _mm512_permutex2var_epi8(table->quarters[2], v, table->quarters[3]);
    __m512i classes = _mm512_mask_blend_epi8(_mm512_movepi8_mask(v), low, high);
    __m512i bit = _mm512_set1_epi8(1);
    for (int32_t class = 0; class < class_count; class++) {
      uint64_t ends = _mm512_test_epi8_mask(classes, bit);
      memcpy(text->ends[class] + 8 * word, &ends, 8);
      bit = _mm512_add_epi8(bit, bit);
    }
  }
  for (int32_t class = 0; class < class_count; class++) {
    uint64_t ends[2] = {0};
    memcpy(ends, text->ends[class] + 8 * last, 8);
    ends[0] |= 1ull << text->n % 64;
    memcpy(text->ends[class] + 8 * last, ends, 16);
  }
}

// The first place from `at` on, at most the length of the text, where a run ends.
static inline size_t next_end(const uint8_t *ends, size_t at) {
  while (1) {
    // 57 bits or more from `at` on.
    uint64_t next;
    memcpy(&next, ends + at / 8, 8);
    next >>= at % 8;
    if (next) return at + (size_t)__builtin_ctzll(next);
    at = at / 8 * 8 + 64;
  }
}

// Takes a step from a place on, and moves the place to the step's end if it can be taken.
static inline int take_step(const ck_scan_step *step, const scan_text *text, size_t *place, intptr_t *offsets) {
  size_t at = *place;
  offsets[step->slot_before] = (intptr_t)at;
  if (step->class_index >= 0) {
    size_t end = next_end(text->ends[step->class_index], at);
    if (__builtin_expect(end - at > (size_t)step->most, 0)) end = at + (size_t)step->most;
    if (__builtin_expect(end - at < (size_t)step->least, 0)) return 0;
    at = end;
  }
  offsets[step->slot_after] = (intptr_t)at;
  uint64_t wanted, found;
  memcpy(&wanted, step->literal, 8);
  memcpy(&found, text->text + at, 8);
  at += (size_t)step->literal_length;
  if (__builtin_expect(((wanted ^ found) & step->literal_mask) != 0 || at > text->n, 0)) return 0;
  *place = at;
  return 1;
}

// Tries `count` texts, 1 or 2, side by side from a place on. Bit i of the result is set if text i matches; its places are noted from
// slot_count * i on.
static inline __attribute__((always_inline)) uint32_t match_masked(
    const ck_scan_plan *plan, const scan_text *texts, const size_t count, size_t from, intptr_t *offsets) {
  size_t at[2] = {from, from};
  intptr_t *places[2] = {offsets, offsets + plan->slot_count};
  uint32_t failed = 0, all = (1u << count) - 1;
  const ck_scan_step *last = plan->steps + plan->step_count;
  for (const ck_scan_step *step = plan->steps; step < last; step++) {
    for (size_t i = 0; i < count; i++) {
      if (take_step(step, &texts[i], &at[i], places[i])) continue;
      // What is left of the steps ends there at once.
      failed |= 1u << i;
      at[i] = texts[i].n;
    }
    if (failed == all) return 0;
  }
  for (size_t i = 0; i < count; i++) {
    const uint8_t *text = texts[i].text;
    if (plan->is_anchored_at_end && !is_last_line_end_plain(text, text + at[i], text + texts[i].n)) failed |= 1u << i;
    places[i][plan->start_slot] = (intptr_t)from;
    places[i][plan->end_slot] = (intptr_t)at[i];
  }
  return all & ~failed;
}

static inline uint32_t find_masked(const ck_scan_plan *plan, const scan_text *text, intptr_t *offsets) {
  for (size_t at = 0; at < text->n; at++) {
    at = next_end(text->ends[plan->outside_class], at);
    if (at == text->n) return 0;
    if (match_masked(plan, text, 1, at, offsets)) return 1;
  }
  return 0;
}

static void match_block(
    const ck_scan_plan *plan, const scan_text *texts, size_t count, intptr_t *offsets, int64_t *const *groups, size_t group_count) {
  size_t i = 0;
  for (; plan->is_anchored && i + 2 <= count; i += 2) {
    uint32_t found = match_masked(plan, texts + i, 2, 0, offsets);
    note_groups(found & 1, offsets, texts[i].row, groups, group_count);
    note_groups(found >> 1, offsets + plan->slot_count, texts[i + 1].row, groups, group_count);
  }
  for (; i < count; i++) {
    uint32_t found = plan->is_anchored ? match_masked(plan, texts + i, 1, 0, offsets) : find_masked(plan, texts + i, offsets);
    note_groups((int)found, offsets, texts[i].row, groups, group_count);
  }
}

static void match_views_masked(
    const ck_scan_plan *plan, const ck_view_words *views, size_t count, intptr_t *offsets, int64_t *const *groups, size_t group_count) {
  scan_table table = make_scan_table(plan);
  scan_text texts[CK_SCAN_BLOCK];
  size_t waiting = 0;
  for (size_t row = 0; row < count; row++) {
    size_t n = (uint32_t)views[row].word0;
    int is_inline = n <= 12;
    const uint8_t *text = is_inline ? (const uint8_t *)&views[row] + 4 : (const uint8_t *)(uintptr_t)views[row].word1;
    if (is_inline || n >= CK_SCAN_MASKED_BYTES) {
      note_groups(find_plain(plan, text, n, 0, offsets, 1), offsets, row, groups, group_count);
      continue;
    }
    scan_text *next = &texts[waiting++];
    next->text = text, next->n = n, next->row = row;
    find_ends(&table, masked_classes(plan), next);
    if (waiting < CK_SCAN_BLOCK) continue;
    match_block(plan, texts, waiting, offsets, groups, group_count);
    waiting = 0;
  }
  match_block(plan, texts, waiting, offsets, groups, group_count);
}

#pragma clang attribute pop

#include "CKernels.h"

// One loop without a branch that the data decides: a miss is noted and written over by the next row if it is none.
static inline size_t match_first(
    ck_group_slot *slots, uint32_t shift, const ck_view_words *keys, const uint32_t *hashes, size_t count, uint32_t *groups,
    uint16_t *misses, int counts) {
  size_t lacking = 0;
  for (size_t row = 0; row < count; row++) {
    ck_group_slot *slot = slots + (hashes[row] >> shift);
    uint64_t difference = (slot->key.word0 ^ keys[row].word0) | (slot->key.word1 ^ keys[row].word1);
    uint32_t mark = slot->mark;
    size_t is_miss = (difference != 0) | (mark == 0);
    groups[row] = mark - 1;
    misses[lacking] = (uint16_t)row;
    lacking += is_miss;
    if (counts) slot->row_count += 1 - (int64_t)is_miss;
  }
  return lacking;
}

size_t ck_match_first(
    const ck_group_slot *slots, uint32_t shift, const ck_view_words *keys, const uint32_t *hashes, size_t count, uint32_t *groups,
    uint16_t *misses) {
  return match_first((ck_group_slot *)slots, shift, keys, hashes, count, groups, misses, 0);
}

size_t ck_count_first(
    ck_group_slot *slots, uint32_t shift, const ck_view_words *keys, const uint32_t *hashes, size_t count, uint32_t *groups,
    uint16_t *misses) {
  return match_first(slots, shift, keys, hashes, count, groups, misses, 1);
}

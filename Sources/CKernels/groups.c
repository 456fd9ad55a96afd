#include "CKernels.h"

// Both words take part in all bits of a first product-sum, whose upper half then takes part in the bits that are kept.
static const uint64_t FACTOR0 = 0x9E3779B97F4A7C15, FACTOR1 = 0xC2B2AE3D27D4EB4F, FACTOR2 = 0xD6E8FEB86659FD93;

static inline uint32_t hash_key(ck_view_words key) {
  uint64_t sum = key.word0 * FACTOR0 + key.word1 * FACTOR1;
  return (uint32_t)(((sum ^ sum >> 32) * FACTOR2) >> 32);
}

bool ck_hash_keys_plain(const ck_view_words *keys, size_t count, uint32_t *hashes) {
  uint32_t longest = 0;
  for (size_t row = 0; row < count; row++) {
    uint32_t length = (uint32_t)keys[row].word0;
    longest = length > longest ? length : longest;
    hashes[row] = hash_key(keys[row]);
  }
  return longest > 12;
}

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX512 __attribute__((target("avx512f,avx512dq,avx512vl")))

// Eight keys at once: their first and second words are brought together, and the products are of 64 bits.
AVX512 static bool hash_keys_avx512(const ck_view_words *keys, size_t count, uint32_t *hashes) {
  const __m512i evens = _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14), odds = _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15);
  const __m512i factor0 = _mm512_set1_epi64((long long)FACTOR0), factor1 = _mm512_set1_epi64((long long)FACTOR1),
                factor2 = _mm512_set1_epi64((long long)FACTOR2);
  __m512i lengths = _mm512_setzero_si512();
  size_t row = 0;
  for (; row + 8 <= count; row += 8) {
    __m512i low = _mm512_loadu_si512(keys + row), high = _mm512_loadu_si512(keys + row + 4);
    __m512i words0 = _mm512_permutex2var_epi64(low, evens, high), words1 = _mm512_permutex2var_epi64(low, odds, high);
    __m512i sums = _mm512_add_epi64(_mm512_mullo_epi64(words0, factor0), _mm512_mullo_epi64(words1, factor1));
    __m512i mixed = _mm512_mullo_epi64(_mm512_xor_si512(sums, _mm512_srli_epi64(sums, 32)), factor2);
    _mm256_storeu_si256((__m256i *)(hashes + row), _mm512_cvtepi64_epi32(_mm512_srli_epi64(mixed, 32)));
    lengths = _mm512_max_epu32(lengths, words0);
  }
  bool is_long = _mm512_mask_cmpgt_epu32_mask(0x5555, lengths, _mm512_set1_epi32(12)) != 0;
  return ck_hash_keys_plain(keys + row, count - row, hashes + row) || is_long;
}
#endif

typedef bool hash_keys(const ck_view_words *keys, size_t count, uint32_t *hashes);

static hash_keys *best_hash_keys(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) return hash_keys_avx512;
#endif
  return ck_hash_keys_plain;
}

bool ck_hash_keys(const ck_view_words *keys, size_t count, uint32_t *hashes) {
  // Any thread may choose: all choose the same.
  static hash_keys *_Atomic chosen;
  hash_keys *run = chosen;
  if (!run) chosen = run = best_hash_keys();
  return run(keys, count, hashes);
}

enum {
  // Rows by which a slot is fetched ahead of its comparison: what comes from the third-level cache is there by then.
  LEAD = CK_HASHES_BEHIND,
  // The first word of a key whose second is zero and whose hash begins with 1.
  ELSEWHERE = 2,
};

static inline bool is_same_key(const ck_view_words *left, const ck_view_words *right) {
#if defined(__SSE2__)
  __m128i same = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)left), _mm_loadu_si128((const __m128i *)right));
  return _mm_movemask_epi8(same) == 0xFFFF;
#else
  return ((left->word0 ^ right->word0) | (left->word1 ^ right->word1)) == 0;
#endif
}

// One loop without a branch that the data decides: a miss is noted and written over by the next row if it is none. The last three parameters
// are constants wherever it is called.
static inline size_t match_first(
    ck_group_slot *slots, uint32_t shift, const ck_view_words *keys, const uint32_t *hashes, size_t count, uint32_t *groups,
    uint16_t *misses, bool notes_groups, bool counts, bool fetches) {
  size_t lacking = 0;
  if (fetches)
    for (size_t row = 0; row < LEAD; row++) ck_prefetch(slots + (hashes[row] >> shift));
  for (size_t row = 0; row < count; row++) {
    if (fetches) ck_prefetch(slots + (hashes[row + LEAD] >> shift));
    ck_group_slot *slot = slots + (hashes[row] >> shift);
    size_t is_miss = !is_same_key(&slot->key, keys + row);
    if (notes_groups) {
      is_miss |= slot->mark == 0;
      groups[row] = slot->mark - 1;
    }
    misses[lacking] = (uint16_t)row;
    lacking += is_miss;
    if (counts) slot->row_count += 1 - (int64_t)is_miss;
  }
  return lacking;
}

size_t ck_match_first(
    const ck_group_slot *slots, uint32_t shift, const ck_view_words *keys, const uint32_t *hashes, size_t count, uint32_t *groups,
    uint16_t *misses, bool is_near) {
  ck_group_slot *table = (ck_group_slot *)slots;
  return is_near ? match_first(table, shift, keys, hashes, count, groups, misses, true, false, false)
                 : match_first(table, shift, keys, hashes, count, groups, misses, true, false, true);
}

size_t ck_match_and_count_first(
    ck_group_slot *slots, uint32_t shift, const ck_view_words *keys, const uint32_t *hashes, size_t count, uint32_t *groups,
    uint16_t *misses, bool is_near) {
  return is_near ? match_first(slots, shift, keys, hashes, count, groups, misses, true, true, false)
                 : match_first(slots, shift, keys, hashes, count, groups, misses, true, true, true);
}

// The key of an empty slot is zero, and so is one key of rows, whose hash is zero too: only the first slot can be taken for it wrongly. An empty
// one has a key meanwhile whose hash begins with another bit, so that rows with that key are compared with other slots.
size_t ck_count_first(
    ck_group_slot *slots, uint32_t shift, const ck_view_words *keys, const uint32_t *hashes, size_t count, uint16_t *misses,
    bool is_near) {
  bool is_empty = slots->mark == 0;
  if (is_empty) slots->key = (ck_view_words){ELSEWHERE, 0};
  size_t lacking = is_near ? match_first(slots, shift, keys, hashes, count, NULL, misses, false, true, false)
                           : match_first(slots, shift, keys, hashes, count, NULL, misses, false, true, true);
  if (is_empty) slots->key = (ck_view_words){0, 0};
  return lacking;
}

// Which slots are empty cannot be guessed, so those count for nobody; for several in turn, which do not wait for each other.
void ck_take_row_counts(ck_group_slot *slots, size_t slot_count, int64_t *counts) {
  int64_t nobody[8] = {0};
  for (size_t at = 0; at < slot_count; at++) {
    uint32_t mark = slots[at].mark;
    int64_t *count = mark ? counts + (mark - 1) : nobody + at % 8;
    *count += slots[at].row_count;
    slots[at].row_count = 0;
  }
}

static inline bool is_same_view(ck_view_words left, ck_view_words right) {
  if (left.word0 != right.word0) return false;
  if (left.word1 == right.word1) return true;
  uint32_t length = (uint32_t)left.word0;
  if (length <= 12 || length == UINT32_MAX) return false;
  return __builtin_memcmp((const void *)left.word1, (const void *)right.word1, length) == 0;
}

static inline void fetch_bytes(const ck_view_words *group_keys, uint32_t group) {
  if (group == UINT32_MAX) return;
  const ck_view_words *key = group_keys + group;
  if ((uint32_t)key->word0 > 12) ck_prefetch((const void *)key->word1);
}

// Two loops, so that what each reads is on its way for many rows at once: slots and then groups' keys, and keys and then their bytes.
size_t ck_follow_first(
    const ck_group_reference *references, uint32_t shift, size_t mask, const ck_view_words *group_keys, const ck_view_words *keys,
    const uint32_t *hashes, size_t count, uint32_t *groups, uint32_t *places, uint16_t *misses) {
  enum { BYTES_LEAD = 16 };
  for (size_t row = 0; row < LEAD; row++) ck_prefetch(references + (hashes[row] >> shift));
  for (size_t row = 0; row < count; row++) {
    ck_prefetch(references + (hashes[row + LEAD] >> shift));
    size_t at = hashes[row] >> shift;
    while (references[at].mark != 0 && references[at].hash != hashes[row]) at = (at + 1) & mask;
    groups[row] = references[at].mark - 1;
    places[row] = (uint32_t)at;
    if (references[at].mark != 0) ck_prefetch(group_keys + groups[row]);
  }
  size_t lacking = 0;
  for (size_t row = 0; row < count && row < BYTES_LEAD; row++) fetch_bytes(group_keys, groups[row]);
  for (size_t row = 0; row < count; row++) {
    if (row + BYTES_LEAD < count) fetch_bytes(group_keys, groups[row + BYTES_LEAD]);
    misses[lacking] = (uint16_t)row;
    lacking += groups[row] == UINT32_MAX || !is_same_view(group_keys[groups[row]], keys[row]);
  }
  return lacking;
}

#include "CKernels.h"
#include <string.h>

// Lines that end in one 64-byte block, or what there is of it: LF, CR LF and CR all end a line.
static size_t mixed_ends(const uint8_t *p, size_t at, uint64_t ends, size_t *start, uint64_t *out) {
  size_t found = 0;
  for (; ends; ends &= ends - 1) {
    size_t end = at + (size_t)__builtin_ctzll(ends);
    if (p[end] == '\n' && end == *start && end > 0 && p[end - 1] == '\r') {
      *start = end + 1;
      continue;
    }
    out[found++] = ck_span(*start, end - *start, CK_TEXT);
    *start = end + 1;
  }
  return found;
}

// Line ends are gathered for so many blocks before they become spans.
enum { BLOCKS_AT_ONCE = 64 };

// Notes where the bits of a block are, and gives how many they are. A loop over them would end where nobody can guess; so two are noted
// whether they are there or not, and more are rare.
static inline size_t note_ends(uint64_t bits, uint32_t at, uint32_t *ends) {
  size_t count = (size_t)__builtin_popcountll(bits);
  for (int i = 0; i < 2; i++, bits &= bits - 1) ends[i] = at + (uint32_t)__builtin_ctzll(bits | 1ull << 63);
  if (__builtin_expect(count > 2, 0))
    for (size_t i = 2; i < count; i++, bits &= bits - 1) ends[i] = at + (uint32_t)__builtin_ctzll(bits);
  return count;
}

// Lines that end at line feeds, the first one of which begins at `from`.
static inline size_t spans_of(const uint32_t *ends, size_t count, size_t from, uint64_t *out) {
  if (count == 0) return from;
  out[0] = ck_span(from, ends[0] - from, CK_TEXT);
  for (size_t i = 1; i < count; i++) out[i] = ck_span(ends[i - 1] + 1, ends[i] - (ends[i - 1] + 1), CK_TEXT);
  return (size_t)ends[count - 1] + 1;
}

// What was seen in blocks of 64 bytes besides line feeds: carriage returns, by their place in a block, and bytes that are not ASCII.
typedef struct {
  uint64_t returns, high;
} seen_plain;

static inline uint64_t feeds_plain(const uint8_t *p, seen_plain *seen) {
  seen->returns |= ck_mask64(p, '\r');
  seen->high |= ck_high64(p);
  return ck_mask64(p, '\n');
}

static inline bool has_high_plain(const seen_plain *seen) { return seen->high != 0; }

#define CK_VARIANT(name) name##_plain
#include "find_lines.h"
#undef CK_VARIANT

#if defined(__x86_64__)
#include "masks_avx2.h"

#pragma clang attribute push(__attribute__((target("avx2,bmi,popcnt"))), apply_to = function)
typedef struct {
  uint64_t returns;
  __m256i bytes;
} seen_avx2;

static inline uint64_t feeds_avx2(const uint8_t *p, seen_avx2 *seen) {
  __m256i low = _mm256_loadu_si256((const __m256i *)p), high = _mm256_loadu_si256((const __m256i *)p + 1);
  seen->returns |= avx2_equal(low, high, '\r');
  seen->bytes = _mm256_or_si256(seen->bytes, _mm256_or_si256(low, high));
  return avx2_equal(low, high, '\n');
}

static inline bool has_high_avx2(const seen_avx2 *seen) { return _mm256_movemask_epi8(seen->bytes) != 0; }

#define CK_VARIANT(name) name##_avx2
#include "find_lines.h"
#undef CK_VARIANT
#pragma clang attribute pop

#pragma clang attribute push(__attribute__((target("avx512bw,avx512vl,avx512dq,bmi,popcnt"))), apply_to = function)
typedef struct {
  __mmask64 returns;
  __m512i bytes;
} seen_avx512;

static inline uint64_t feeds_avx512(const uint8_t *p, seen_avx512 *seen) {
  __m512i bytes = _mm512_loadu_si512(p);
  seen->returns |= _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\r'));
  seen->bytes = _mm512_or_si512(seen->bytes, bytes);
  return _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\n'));
}

static inline bool has_high_avx512(const seen_avx512 *seen) { return _mm512_movepi8_mask(seen->bytes) != 0; }

#define CK_VARIANT(name) name##_avx512
#include "find_lines.h"
#undef CK_VARIANT
#pragma clang attribute pop
#endif

typedef size_t find_lines(const uint8_t *p, size_t n, ck_line_state *state, uint64_t *out, size_t capacity);
typedef size_t count_lines(const uint8_t *p, size_t n);

static find_lines *best_find_lines(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512bw")) return lines_avx512;
  if (__builtin_cpu_supports("avx2")) return lines_avx2;
#endif
  return lines_plain;
}

size_t ck_lines(const uint8_t *p, size_t n, ck_line_state *state, uint64_t *out, size_t capacity) {
  // Any thread may choose: all choose the same.
  static find_lines *_Atomic chosen;
  find_lines *run = chosen;
  if (!run) chosen = run = best_find_lines();
  return run(p, n, state, out, capacity);
}

static count_lines *best_count_lines(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("popcnt")) {
    if (__builtin_cpu_supports("avx512bw")) return count_avx512;
    if (__builtin_cpu_supports("avx2")) return count_avx2;
  }
#endif
  return count_plain;
}

size_t ck_count_lines(const uint8_t *p, size_t n) {
  static count_lines *_Atomic chosen;
  count_lines *run = chosen;
  if (!run) chosen = run = best_count_lines();
  return run(p, n);
}

size_t ck_lines_plain(const uint8_t *p, size_t n, ck_line_state *state, uint64_t *out, size_t capacity) {
  return lines_plain(p, n, state, out, capacity);
}

size_t ck_count_lines_plain(const uint8_t *p, size_t n) { return count_plain(p, n); }

size_t ck_behind_last(const void *p, size_t n, uint8_t b) {
  const uint8_t *q = p;
  while (n >= 16) {
    uint32_t found = ck_mask16(q + n - 16, b);
    if (found) return n - 16 + 32 - (size_t)__builtin_clz(found);
    n -= 16;
  }
  while (n > 0 && q[n - 1] != b) n--;
  return n;
}

size_t ck_utf8_prefix(const uint8_t *p, size_t n) {
  size_t i = 0;
  while (i < n) {
    uint8_t b = p[i];
    if (b < 0x80) {
      i++;
      continue;
    }
    size_t more = b >= 0xC2 && b <= 0xDF ? 1 : b >= 0xE0 && b <= 0xEF ? 2 : b >= 0xF0 && b <= 0xF4 ? 3 : 0;
    if (more == 0 || n - i <= more) return i;
    uint8_t low = b == 0xE0 ? 0xA0 : b == 0xF0 ? 0x90 : 0x80, high = b == 0xED ? 0x9F : b == 0xF4 ? 0x8F : 0xBF;
    if (p[i + 1] < low || p[i + 1] > high) return i;
    for (size_t k = 2; k <= more; k++)
      if ((p[i + k] & 0xC0) != 0x80) return i;
    i += more + 1;
  }
  return n;
}

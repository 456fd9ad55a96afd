#include "CKernels.h"

// Ends of the lines of one 64-byte block that has a carriage return: LF, CR LF and CR all end a line.
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

// Where 64 bytes have line feeds, carriage returns and bytes that are not ASCII.
typedef struct {
  uint64_t feeds, returns, high;
} line_masks;

static inline line_masks masks_plain(const uint8_t *p) {
  return (line_masks){ck_mask64(p, '\n'), ck_mask64(p, '\r'), ck_high64(p)};
}

#if defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("avx2"))) static inline line_masks masks_avx2(const uint8_t *p) {
  __m256i low = _mm256_loadu_si256((const __m256i *)p), high = _mm256_loadu_si256((const __m256i *)p + 1);
  __m256i feed = _mm256_set1_epi8('\n'), back = _mm256_set1_epi8('\r');
#define BOTH(a, b) ((uint64_t)(uint32_t)_mm256_movemask_epi8(a) | (uint64_t)(uint32_t)_mm256_movemask_epi8(b) << 32)
  return (line_masks){
      BOTH(_mm256_cmpeq_epi8(low, feed), _mm256_cmpeq_epi8(high, feed)),
      BOTH(_mm256_cmpeq_epi8(low, back), _mm256_cmpeq_epi8(high, back)), BOTH(low, high)};
#undef BOTH
}

__attribute__((target("avx512bw"))) static inline line_masks masks_avx512(const uint8_t *p) {
  __m512i v = _mm512_loadu_si512(p);
  return (line_masks){
      _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('\n')), _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('\r')),
      _mm512_movepi8_mask(v)};
}
#endif

// Line ends are gathered for so many bytes before they become spans.
enum { LINES_AT_ONCE = 4096 };

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

// The body of all variants: which instructions find the masks is all they differ in.
#define FIND_LINES(MASKS)                                                                   \
  size_t at = state->position, from = state->start, found = 0;                              \
  uint64_t high = 0;                                                                        \
  int is_mixed = at > 0 && p[at - 1] == '\r';                                               \
  uint32_t ends[LINES_AT_ONCE + 2];                                                         \
  while (at < n && found + 64 <= capacity) {                                                \
    size_t count = 0, last = n - at < LINES_AT_ONCE ? n : at + LINES_AT_ONCE;               \
    line_masks masks = {0};                                                                 \
    for (; at < last && found + count + 64 <= capacity; at += 64) {                         \
      masks = MASKS(p + at);                                                                \
      if (n - at < 64) {                                                                    \
        uint64_t inside = (1ull << (n - at)) - 1;                                           \
        masks.feeds &= inside;                                                              \
        masks.returns &= inside;                                                            \
        masks.high &= inside;                                                               \
      }                                                                                     \
      high |= masks.high;                                                                   \
      is_mixed |= masks.returns != 0;                                                       \
      if (__builtin_expect(is_mixed, 0)) break;                                             \
      count += note_ends(masks.feeds, (uint32_t)at, ends + count);                          \
    }                                                                                       \
    from = spans_of(ends, count, from, out + found);                                        \
    found += count;                                                                         \
    if (__builtin_expect(is_mixed, 0)) {                                                    \
      found += mixed_ends(p, at, masks.feeds | masks.returns, &from, out + found);          \
      at += 64;                                                                             \
      is_mixed = (int)(masks.returns >> 63);                                                \
    }                                                                                       \
  }                                                                                         \
  state->position = at < n ? at : n;                                                        \
  state->start = from;                                                                      \
  state->has_high |= high != 0;                                                             \
  return found;

// The body of all variants of counting. A pair of carriage return and line feed is one end, even where two blocks meet in it.
#define COUNT_LINES(MASKS)                                                                       \
  size_t ends = 0;                                                                               \
  uint64_t before = 0;                                                                           \
  for (size_t at = 0; at < n; at += 64) {                                                        \
    line_masks masks = MASKS(p + at);                                                            \
    if (n - at < 64) {                                                                           \
      uint64_t inside = (1ull << (n - at)) - 1;                                                  \
      masks.feeds &= inside;                                                                     \
      masks.returns &= inside;                                                                   \
    }                                                                                            \
    ends += (size_t)__builtin_popcountll(masks.feeds);                                           \
    if (__builtin_expect((masks.returns | before) != 0, 0)) {                                    \
      uint64_t pairs = (masks.returns << 1 | before) & masks.feeds;                              \
      ends += (size_t)__builtin_popcountll(masks.returns) - (size_t)__builtin_popcountll(pairs); \
      before = masks.returns >> 63;                                                              \
    }                                                                                            \
  }                                                                                              \
  return ends + (n > 0 && p[n - 1] != '\n' && p[n - 1] != '\r');

typedef size_t find_lines(const uint8_t *p, size_t n, ck_line_state *state, uint64_t *out, size_t capacity);
typedef size_t count_lines(const uint8_t *p, size_t n);

static size_t lines_plain(const uint8_t *p, size_t n, ck_line_state *state, uint64_t *out, size_t capacity) {
  FIND_LINES(masks_plain)
}

static size_t count_plain(const uint8_t *p, size_t n) { COUNT_LINES(masks_plain) }

#if defined(__x86_64__)
__attribute__((target("avx2,bmi,popcnt"))) static size_t lines_avx2(
    const uint8_t *p, size_t n, ck_line_state *state, uint64_t *out, size_t capacity) {
  FIND_LINES(masks_avx2)
}

__attribute__((target("avx2,popcnt"))) static size_t count_avx2(const uint8_t *p, size_t n) { COUNT_LINES(masks_avx2) }

__attribute__((target("avx512bw,avx512vl,avx512dq,bmi,popcnt"))) static size_t lines_avx512(
    const uint8_t *p, size_t n, ck_line_state *state, uint64_t *out, size_t capacity) {
  FIND_LINES(masks_avx512)
}

__attribute__((target("avx512bw,popcnt"))) static size_t count_avx512(const uint8_t *p, size_t n) {
  COUNT_LINES(masks_avx512)
}
#endif

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

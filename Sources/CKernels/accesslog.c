// Finds the fields of access-log lines in common or combined format:
//   host ident user [dd/Mon/yyyy:HH:mm:ss +zzzz] "request" status bytes "referer" "user agent"
#include "CKernels.h"

// dd/Mon/yyyy:HH:mm:ss +zzzz
enum { TIME_LENGTH = 26 };

// Where the first fields of a line end and its time begins, in bytes from the line's first.
typedef struct {
  size_t host_end, ident_end, bracket;
} line_head;

static inline uint64_t field(const uint8_t *base, const uint8_t *from, const uint8_t *to, int is_escaped) {
  uint64_t span = ck_span((size_t)(from - base), (size_t)(to - from), is_escaped ? CK_ESCAPED : CK_TEXT);
  // Which lines have it cannot be foretold.
  return ((to - from == 1) & (*from == '-')) ? 0 : span;
}

// First byte at or behind p that is no digit; end if there is none.
static inline const uint8_t *digits_end(const uint8_t *p, const uint8_t *end) {
  for (; p < end; p += 8) {
    uint64_t bytes, low;
    __builtin_memcpy(&bytes, p, 8);
    bytes ^= 0x3030303030303030;
    low = bytes & 0x7F7F7F7F7F7F7F7F;
    uint64_t others = ((low + 0x7676767676767676) | bytes) & 0x8080808080808080;
    if (!others) continue;
    p += __builtin_ctzll(others) / 8;
    return p < end ? p : end;
  }
  return end;
}

#define PUT(name, value) \
  if (columns[name]) columns[name][row] = (value)

static inline uint64_t equal64_plain(const uint8_t *p, uint8_t byte) { return ck_mask64(p, byte); }

#define CK_VARIANT(name) name##_plain
#include "access_line.h"
#undef CK_VARIANT

#if defined(__x86_64__)
#include "masks_avx2.h"
#pragma clang attribute push(__attribute__((target("avx2,bmi"))), apply_to = function)
static inline uint64_t equal64_avx2(const uint8_t *p, uint8_t byte) {
  return avx2_equal(_mm256_loadu_si256((const __m256i *)p), _mm256_loadu_si256((const __m256i *)p + 1), byte);
}

#define CK_VARIANT(name) name##_avx2
#include "access_line.h"
#undef CK_VARIANT
#pragma clang attribute pop

#pragma clang attribute push(__attribute__((target("avx512bw,bmi,bmi2"))), apply_to = function)
static inline uint64_t equal64_avx512(const uint8_t *p, uint8_t byte) {
  return _mm512_cmpeq_epi8_mask(_mm512_loadu_si512(p), _mm512_set1_epi8((char)byte));
}

#define CK_VARIANT(name) name##_avx512
#include "access_line.h"
#undef CK_VARIANT
#pragma clang attribute pop
#endif

size_t ck_access_lines_plain(
    const ck_access_plan *plan, const uint8_t *base, const uint64_t *lines, size_t count, uint64_t *const *columns,
    uint32_t *rows, uint8_t *is_bad) {
  return access_lines_plain(plan, base, lines, count, columns, rows, is_bad);
}

size_t ck_access_lines(
    const ck_access_plan *plan, const uint8_t *base, const uint64_t *lines, size_t count, uint64_t *const *columns,
    uint32_t *rows, uint8_t *is_bad) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("bmi2")) {
    if (__builtin_cpu_supports("avx512bw")) return access_lines_avx512(plan, base, lines, count, columns, rows, is_bad);
    if (__builtin_cpu_supports("avx2")) return access_lines_avx2(plan, base, lines, count, columns, rows, is_bad);
  }
#endif
  return access_lines_plain(plan, base, lines, count, columns, rows, is_bad);
}

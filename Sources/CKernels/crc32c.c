#include "CKernels.h"

static uint32_t table[8][256];

static void fill_table(void) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t c = i;
    for (int k = 0; k < 8; k++) c = c & 1 ? 0x82F63B78u ^ (c >> 1) : c >> 1;
    table[0][i] = c;
  }
  for (uint32_t i = 0; i < 256; i++)
    for (int t = 1; t < 8; t++) table[t][i] = table[0][table[t - 1][i] & 0xFF] ^ (table[t - 1][i] >> 8);
}

static uint32_t crc_table(uint32_t c, const uint8_t *p, size_t n) {
  for (; n >= 8; n -= 8, p += 8) {
    uint64_t w;
    __builtin_memcpy(&w, p, 8);
    w ^= c;
    c = table[7][w & 0xFF] ^ table[6][w >> 8 & 0xFF] ^ table[5][w >> 16 & 0xFF] ^ table[4][w >> 24 & 0xFF] ^
        table[3][w >> 32 & 0xFF] ^ table[2][w >> 40 & 0xFF] ^ table[1][w >> 48 & 0xFF] ^ table[0][w >> 56];
  }
  for (; n; n--) c = table[0][(c ^ *p++) & 0xFF] ^ (c >> 8);
  return c;
}

#if defined(__x86_64__)
#include <immintrin.h>

#define FOLDING __attribute__((target("sse4.2,pclmul")))
#define WIDE_FOLDING __attribute__((target("sse4.2,avx512f,vpclmulqdq")))

// The processor's instruction, which takes three cycles for eight bytes: for what is short.
__attribute__((target("sse4.2"))) static uint32_t crc_sse42(uint32_t c, const uint8_t *p, size_t n) {
  uint64_t wide = c, word;
  for (; n >= 8; n -= 8, p += 8) {
    __builtin_memcpy(&word, p, 8);
    wide = __builtin_ia32_crc32di(wide, word);
  }
  c = (uint32_t)wide;
  for (; n; n--) c = __builtin_ia32_crc32qi(c, *p++);
  return c;
}

// Long ones are folded: bytes, as a polynomial, may be replaced by what they leave modulo that of the checksum, that many powers further on. So
// blocks of bytes are carried over those which follow them until one of 16 bytes is left. Two products carry 16 bytes; what their halves are
// multiplied with depends on how many bits they go.
enum fold { BY_2048, BY_512, BY_128, FOLDS };

static uint64_t factors[FOLDS][2];

// x to the n, modulo the polynomial. The highest bit is that of the lowest power.
static uint32_t power_of_x(unsigned n) {
  uint32_t c = 1u << 31;
  for (; n; n--) c = c & 1 ? 0x82F63B78u ^ (c >> 1) : c >> 1;
  return c;
}

static void fill_factors(void) {
  static const unsigned bits[FOLDS] = {2048, 512, 128};
  for (int fold = 0; fold < FOLDS; fold++) {
    // A product of 64 bits and 32 comes out 32 powers too high, and one bit too low. The first half stands 64 powers above the second.
    factors[fold][0] = (uint64_t)power_of_x(bits[fold] + 32) << 1;
    factors[fold][1] = (uint64_t)power_of_x(bits[fold] - 32) << 1;
  }
}

FOLDING static inline __m128i carried(__m128i block, enum fold fold, __m128i onto) {
  __m128i by = _mm_loadu_si128((const __m128i *)factors[fold]);
  return _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(block, by, 0x00), _mm_clmulepi64_si128(block, by, 0x11)), onto);
}

WIDE_FOLDING static inline __m512i carried_wide(__m512i blocks, enum fold fold, __m512i onto) {
  __m512i by = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)factors[fold]));
  return _mm512_ternarylogic_epi64(
    _mm512_clmulepi64_epi128(blocks, by, 0x00), _mm512_clmulepi64_epi128(blocks, by, 0x11), onto, 0x96);
}

// What four blocks and the bytes behind them leave.
FOLDING static uint32_t finish(const __m128i *blocks, const uint8_t *p, size_t n) {
  __m128i block = blocks[0];
  for (int at = 1; at < 4; at++) block = carried(block, BY_128, blocks[at]);
  for (; n >= 16; p += 16, n -= 16) block = carried(block, BY_128, _mm_loadu_si128((const __m128i *)p));
  uint64_t left = __builtin_ia32_crc32di(0, (uint64_t)_mm_cvtsi128_si64(block));
  left = __builtin_ia32_crc32di(left, (uint64_t)_mm_extract_epi64(block, 1));
  return crc_sse42((uint32_t)left, p, n);
}

FOLDING static uint32_t crc_pclmul(uint32_t c, const uint8_t *p, size_t n) {
  if (n < 128) return crc_sse42(c, p, n);
  __m128i blocks[4];
  for (int at = 0; at < 4; at++) blocks[at] = _mm_loadu_si128((const __m128i *)p + at);
  blocks[0] = _mm_xor_si128(blocks[0], _mm_cvtsi32_si128((int)c));
  for (p += 64, n -= 64; n >= 64; p += 64, n -= 64)
    for (int at = 0; at < 4; at++) blocks[at] = carried(blocks[at], BY_512, _mm_loadu_si128((const __m128i *)p + at));
  return finish(blocks, p, n);
}

WIDE_FOLDING static uint32_t crc_vpclmul(uint32_t c, const uint8_t *p, size_t n) {
  if (n < 512) return crc_pclmul(c, p, n);
  __m512i wide[4];
  for (int at = 0; at < 4; at++) wide[at] = _mm512_loadu_si512(p + 64 * at);
  wide[0] = _mm512_xor_si512(wide[0], _mm512_zextsi128_si512(_mm_cvtsi32_si128((int)c)));
  for (p += 256, n -= 256; n >= 256; p += 256, n -= 256)
    for (int at = 0; at < 4; at++) wide[at] = carried_wide(wide[at], BY_2048, _mm512_loadu_si512(p + 64 * at));
  for (int at = 1; at < 4; at++) wide[at] = carried_wide(wide[at - 1], BY_512, wide[at]);
  __m128i blocks[4];
  _mm512_storeu_si512(blocks, wide[3]);
  return finish(blocks, p, n);
}
#endif

typedef uint32_t (*crc_function)(uint32_t c, const uint8_t *p, size_t n);

static crc_function crc = crc_table;

__attribute__((constructor)) static void prepare(void) {
  fill_table();
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("sse4.2")) return;
  fill_factors();
  crc = crc_sse42;
  if (__builtin_cpu_supports("pclmul")) crc = crc_pclmul;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("vpclmulqdq")) crc = crc_vpclmul;
#endif
}

uint32_t ck_crc32c(uint32_t crc32c, const void *p, size_t n) { return ~crc(~crc32c, p, n); }

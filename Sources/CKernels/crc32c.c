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
// The instruction gives a result each cycle and takes three, so three parts of the bytes go through it at a time. The checksum of a part that
// others follow is carried over as many zeros as they have bytes, which is linear in its bits: a table for each byte of it.
enum { PART = 1024 };

static uint32_t carried[4][256];

static void fill_carried(void) {
  static const uint8_t zeros[PART];
  uint32_t bits[32];
  for (int bit = 0; bit < 32; bit++) bits[bit] = crc_table(1u << bit, zeros, PART);
  for (int byte = 0; byte < 4; byte++)
    for (uint32_t value = 0; value < 256; value++)
      for (int bit = 0; bit < 8; bit++)
        if (value >> bit & 1) carried[byte][value] ^= bits[8 * byte + bit];
}

static inline uint32_t carry(uint32_t c) {
  return carried[0][c & 0xFF] ^ carried[1][c >> 8 & 0xFF] ^ carried[2][c >> 16 & 0xFF] ^ carried[3][c >> 24];
}

static inline uint64_t word_at(const uint8_t *p) {
  uint64_t word;
  __builtin_memcpy(&word, p, 8);
  return word;
}

__attribute__((target("sse4.2"))) static uint32_t crc_sse42(uint32_t c, const uint8_t *p, size_t n) {
  for (; n >= 3 * PART; n -= 3 * PART, p += 3 * PART) {
    uint64_t first = c, second = 0, third = 0;
    for (size_t at = 0; at < PART; at += 8) {
      first = __builtin_ia32_crc32di(first, word_at(p + at));
      second = __builtin_ia32_crc32di(second, word_at(p + PART + at));
      third = __builtin_ia32_crc32di(third, word_at(p + 2 * PART + at));
    }
    c = carry(carry((uint32_t)first) ^ (uint32_t)second) ^ (uint32_t)third;
  }
  uint64_t wide = c;
  for (; n >= 8; n -= 8, p += 8) wide = __builtin_ia32_crc32di(wide, word_at(p));
  c = (uint32_t)wide;
  for (; n; n--) c = __builtin_ia32_crc32qi(c, *p++);
  return c;
}
#endif

__attribute__((constructor)) static void fill_tables(void) {
  fill_table();
#if defined(__x86_64__)
  fill_carried();
#endif
}

uint32_t ck_crc32c(uint32_t crc, const void *p, size_t n) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("sse4.2")) return ~crc_sse42(~crc, p, n);
#endif
  return ~crc_table(~crc, p, n);
}

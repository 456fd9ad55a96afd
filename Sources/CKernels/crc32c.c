#include "CKernels.h"

static uint32_t table[8][256];

__attribute__((constructor)) static void fill_table(void) {
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
__attribute__((target("sse4.2"))) static uint32_t crc_sse42(uint32_t c, const uint8_t *p, size_t n) {
  uint64_t wide = c;
  for (; n >= 8; n -= 8, p += 8) {
    uint64_t w;
    __builtin_memcpy(&w, p, 8);
    wide = __builtin_ia32_crc32di(wide, w);
  }
  c = (uint32_t)wide;
  for (; n; n--) c = __builtin_ia32_crc32qi(c, *p++);
  return c;
}
#endif

uint32_t ck_crc32c(uint32_t crc, const void *p, size_t n) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("sse4.2")) return ~crc_sse42(~crc, p, n);
#endif
  return ~crc_table(~crc, p, n);
}

// Small functions that Swift cannot express fast enough: byte masks, prefetch, hashing.
// Static inline where the Swift optimizer should see through them.
#ifndef MILLRACE_CKERNELS_H
#define MILLRACE_CKERNELS_H

#include <stddef.h>
#include <stdint.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

/// Bit i of the result is set if byte i of the 64 at p equals b.
static inline uint64_t ck_mask64(const void *p, uint8_t b) {
#if defined(__SSE2__)
  const __m128i needle = _mm_set1_epi8((char)b);
  const __m128i *v = (const __m128i *)p;
  uint64_t m0 = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128(v), needle));
  uint64_t m1 = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128(v + 1), needle));
  uint64_t m2 = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128(v + 2), needle));
  uint64_t m3 = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128(v + 3), needle));
  return m0 | m1 << 16 | m2 << 32 | m3 << 48;
#else
  uint64_t m = 0;
  const uint8_t *q = (const uint8_t *)p;
  for (int i = 0; i < 64; i++) m |= (uint64_t)(q[i] == b) << i;
  return m;
#endif
}

/// Bit i of the result is set if byte i of the 16 at p equals b.
static inline uint32_t ck_mask16(const void *p, uint8_t b) {
#if defined(__SSE2__)
  return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)p), _mm_set1_epi8((char)b)));
#else
  uint32_t m = 0;
  const uint8_t *q = (const uint8_t *)p;
  for (int i = 0; i < 16; i++) m |= (uint32_t)(q[i] == b) << i;
  return m;
#endif
}

/// Bit i of the result is set if byte i of the 64 at p has its highest bit set (is not ASCII).
static inline uint64_t ck_high64(const void *p) {
#if defined(__SSE2__)
  const __m128i *v = (const __m128i *)p;
  uint64_t m0 = (uint32_t)_mm_movemask_epi8(_mm_loadu_si128(v));
  uint64_t m1 = (uint32_t)_mm_movemask_epi8(_mm_loadu_si128(v + 1));
  uint64_t m2 = (uint32_t)_mm_movemask_epi8(_mm_loadu_si128(v + 2));
  uint64_t m3 = (uint32_t)_mm_movemask_epi8(_mm_loadu_si128(v + 3));
  return m0 | m1 << 16 | m2 << 32 | m3 << 48;
#else
  uint64_t m = 0;
  const uint8_t *q = (const uint8_t *)p;
  for (int i = 0; i < 64; i++) m |= (uint64_t)(q[i] >> 7) << i;
  return m;
#endif
}

/// Asks the processor to fetch the cache line at p.
static inline void ck_prefetch(const void *p) { __builtin_prefetch(p, 0, 3); }

/// CRC32C (Castagnoli) of n bytes, continuing from crc (0 at the start).
uint32_t ck_crc32c(uint32_t crc, const void *p, size_t n);

#endif

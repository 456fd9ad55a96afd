// Where 64 bytes in two vectors are as wanted, a bit each.
#include <immintrin.h>

// Bits of two comparisons.
__attribute__((target("avx2"))) static inline uint64_t avx2_bits(__m256i low, __m256i high) {
  return (uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32;
}

// Where bytes have a value.
__attribute__((target("avx2"))) static inline uint64_t avx2_equal(__m256i low, __m256i high, uint8_t byte) {
  __m256i wanted = _mm256_set1_epi8((char)byte);
  return avx2_bits(_mm256_cmpeq_epi8(low, wanted), _mm256_cmpeq_epi8(high, wanted));
}

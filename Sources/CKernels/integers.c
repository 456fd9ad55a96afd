#include "CKernels.h"

#define INLINE static inline __attribute__((always_inline))

INLINE void range_of(const void *values, size_t width, size_t count, int64_t *smallest, int64_t *largest) {
  if (width == 8) {
    const int64_t *wide = values;
    int64_t low = wide[0], high = wide[0];
    for (size_t row = 0; row < count; row++) {
      low = wide[row] < low ? wide[row] : low;
      high = wide[row] > high ? wide[row] : high;
    }
    *smallest = low;
    *largest = high;
  } else {
    const int32_t *narrow = values;
    int32_t low = narrow[0], high = narrow[0];
    for (size_t row = 0; row < count; row++) {
      low = narrow[row] < low ? narrow[row] : low;
      high = narrow[row] > high ? narrow[row] : high;
    }
    *smallest = low;
    *largest = high;
  }
}

#define WRITE(IN, OUT)                                                                   \
  for (size_t row = 0; row < count; row++) {                                             \
    OUT distance = (OUT)((uint64_t)(int64_t)((const IN *)values)[row] - (uint64_t)base); \
    __builtin_memcpy(out + row * sizeof(OUT), &distance, sizeof(OUT));                   \
  }

INLINE void write_distances(
    const void *values, size_t width, size_t count, int64_t base, size_t out_width, uint8_t *out) {
  if (width == 8) {
    switch (out_width) {
      case 1: WRITE(int64_t, uint8_t) break;
      case 2: WRITE(int64_t, uint16_t) break;
      case 4: WRITE(int64_t, uint32_t) break;
      case 8: WRITE(int64_t, uint64_t) break;
    }
  } else {
    switch (out_width) {
      case 1: WRITE(int32_t, uint8_t) break;
      case 2: WRITE(int32_t, uint16_t) break;
      case 4: WRITE(int32_t, uint32_t) break;
    }
  }
}

#if defined(__x86_64__)
#include <immintrin.h>

// The plain instructions neither compare 64 bits nor shorten them.
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,popcnt")))

AVX512 static void range_avx512(const void *values, size_t width, size_t count, int64_t *smallest, int64_t *largest) {
  range_of(values, width, count, smallest, largest);
}

AVX512 static void write_avx512(
    const void *values, size_t width, size_t count, int64_t base, size_t out_width, uint8_t *out) {
  write_distances(values, width, count, base, out_width, out);
}

AVX512 static size_t below_avx512(const uint32_t *values, size_t count, uint32_t limit, uint32_t *out) {
  size_t found = 0;
  __m512i limits = _mm512_set1_epi32((int)limit);
  for (size_t row = 0; row < count; row += 16) {
    __mmask16 inside = count - row < 16 ? (__mmask16)((1u << (count - row)) - 1) : 0xFFFF;
    __m512i sixteen = _mm512_maskz_loadu_epi32(inside, values + row);
    __mmask16 below = _mm512_mask_cmplt_epu32_mask(inside, sixteen, limits);
    _mm512_storeu_si512(out + found, _mm512_maskz_compress_epi32(below, sixteen));
    found += (size_t)__builtin_popcount(below);
  }
  return found;
}

AVX512 static size_t marked_avx512(const uint8_t *bytes, size_t count, uint8_t mask, uint8_t value, uint32_t *out) {
  size_t found = 0;
  __m128i masks = _mm_set1_epi8((char)mask), values = _mm_set1_epi8((char)value);
  __m512i places = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  for (size_t at = 0; at < count; at += 16, places = _mm512_add_epi32(places, _mm512_set1_epi32(16))) {
    __mmask16 inside = count - at < 16 ? (__mmask16)((1u << (count - at)) - 1) : 0xFFFF;
    __m128i sixteen = _mm_and_si128(_mm_maskz_loadu_epi8(inside, bytes + at), masks);
    __mmask16 marked = _mm_mask_cmpeq_epi8_mask(inside, sixteen, values);
    _mm512_storeu_si512(out + found, _mm512_maskz_compress_epi32(marked, places));
    found += (size_t)__builtin_popcount(marked);
  }
  return found;
}

static bool has_avx512(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#endif

void ck_integer_range(const void *values, size_t width, size_t count, int64_t *smallest, int64_t *largest) {
  *smallest = *largest = 0;
  if (count == 0) return;
#if defined(__x86_64__)
  if (has_avx512()) return range_avx512(values, width, count, smallest, largest);
#endif
  range_of(values, width, count, smallest, largest);
}

void ck_integer_distances(
    const void *values, size_t width, size_t count, int64_t base, size_t out_width, uint8_t *out) {
#if defined(__x86_64__)
  if (has_avx512()) return write_avx512(values, width, count, base, out_width, out);
#endif
  write_distances(values, width, count, base, out_width, out);
}

size_t ck_below_plain(const uint32_t *values, size_t count, uint32_t limit, uint32_t *out) {
  size_t found = 0;
  for (size_t row = 0; row < count; row++) {
    out[found] = values[row];
    found += values[row] < limit;
  }
  return found;
}

size_t ck_below(const uint32_t *values, size_t count, uint32_t limit, uint32_t *out) {
#if defined(__x86_64__)
  if (has_avx512()) return below_avx512(values, count, limit, out);
#endif
  return ck_below_plain(values, count, limit, out);
}

size_t ck_marked_plain(const uint8_t *bytes, size_t count, uint8_t mask, uint8_t value, uint32_t *out) {
  size_t found = 0;
  for (size_t at = 0; at < count; at++) {
    out[found] = (uint32_t)at;
    found += (bytes[at] & mask) == value;
  }
  return found;
}

size_t ck_marked(const uint8_t *bytes, size_t count, uint8_t mask, uint8_t value, uint32_t *out) {
#if defined(__x86_64__)
  if (has_avx512()) return marked_avx512(bytes, count, mask, value, out);
#endif
  return ck_marked_plain(bytes, count, mask, value, out);
}

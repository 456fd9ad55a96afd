#include "CKernels.h"

// Rows are split in two passes over chunks of them. The first finds where all parts of the chunk begin and end, the second makes their views
// in one long loop: so the processor guesses the end of a loop once for each chunk rather than for each row.
enum { CHUNK = 1024 };

// Places of parts, counted from the chunk's first row. A pass may write one vector of 64 places too many.
typedef struct {
  uint32_t starts[CHUNK + CK_SPLIT_ROW + 128];
  uint32_t ends[CHUNK + CK_SPLIT_ROW + 128];
} split_places;

static inline size_t places_plain(const uint8_t *p, uint32_t origin, size_t n, uint8_t separator, size_t k, split_places *places) {
  for (size_t at = 0; at < n; at += 64) {
    uint64_t hits = ck_mask64(p + at, separator);
    if (n - at < 64) hits &= (1ull << (n - at)) - 1;
    for (; hits; hits &= hits - 1) {
      uint32_t end = origin + (uint32_t)at + (uint32_t)__builtin_ctzll(hits);
      places->ends[k] = end;
      places->starts[++k] = end + 1;
    }
  }
  return k;
}

static inline ck_view_words long_view(const uint8_t *p, size_t n) {
  uint32_t prefix;
  __builtin_memcpy(&prefix, p, 4);
  return (ck_view_words){n | (uint64_t)prefix << 32, (uint64_t)(uintptr_t)p};
}

static inline void views_plain(const uint8_t *base, const split_places *places, size_t count, ck_view_words *out) {
  for (size_t i = 0; i < count; i++) {
    const uint8_t *p = base + (int32_t)places->starts[i];
    size_t n = places->ends[i] - places->starts[i];
    out[i] = n <= 12 ? ck_inline_view(p, n) : long_view(p, n);
  }
}

#if defined(__x86_64__)
#include "vbmi2.h"

// 16 places at once, wherever there are fewer: what is too much is written over.
VBMI2 static inline void store_places(split_places *places, size_t k, __m128i numbers_of_hits, __m512i origin) {
  __m512i ends = _mm512_add_epi32(origin, _mm512_cvtepu8_epi32(numbers_of_hits));
  _mm512_storeu_si512(places->ends + k, ends);
  _mm512_storeu_si512(places->starts + k + 1, _mm512_add_epi32(ends, _mm512_set1_epi32(1)));
}

VBMI2 static inline size_t places_vbmi2(
    const uint8_t *p, uint32_t origin, size_t n, uint8_t separator, size_t k, split_places *places) {
  __m512i needle = _mm512_set1_epi8((char)separator);
  for (size_t at = 0; at < n; at += 64) {
    uint64_t hits = _mm512_cmpeq_epi8_mask(_mm512_loadu_si512(p + at), needle);
    if (n - at < 64) hits = _bzhi_u64(hits, (unsigned)(n - at));
    int count = (int)__builtin_popcountll(hits);
    __m512i found = bit_numbers(hits);
    __m512i from = _mm512_set1_epi32((int)(origin + (uint32_t)at));
    store_places(places, k, _mm512_castsi512_si128(found), from);
    if (__builtin_expect(count > 16, 0)) {
      store_places(places, k + 16, _mm512_extracti32x4_epi32(found, 1), from);
      store_places(places, k + 32, _mm512_extracti32x4_epi32(found, 2), from);
      store_places(places, k + 48, _mm512_extracti32x4_epi32(found, 3), from);
    }
    k += (size_t)count;
  }
  return k;
}

// A masked load puts the text behind the length and the zeros behind the text; bytes that are masked out are not read.
VBMI2 static inline ck_view_words view_vbmi2(const uint8_t *p, uint32_t n) {
  if (n > 12) return long_view(p, n);
  __mmask16 text = (__mmask16)(_bzhi_u32(0xFFFF, n) << 4);
  __m128i view = _mm_or_si128(_mm_maskz_loadu_epi8(text, p - 4), _mm_cvtsi32_si128((int)n));
  return (ck_view_words){(uint64_t)_mm_cvtsi128_si64(view), (uint64_t)_mm_extract_epi64(view, 1)};
}

// Four views at once: their texts, each in a lane of 16 bytes, move up by the length's four, which are written below, and what is behind the
// text is made zero. A text is read 16 bytes from its start on.
VBMI2 static inline void views_vbmi2(const uint8_t *base, const split_places *places, size_t count, ck_view_words *out) {
  const __m512i first_bytes = _mm512_setr_epi64(0, 0, 0x0404040404040404, 0x0404040404040404, 0x0808080808080808, 0x0808080808080808,
                                                0x0C0C0C0C0C0C0C0C, 0x0C0C0C0C0C0C0C0C);
  const __m512i first_words = _mm512_setr_epi32(0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0);
  // Where a byte lies in its text; the length's bytes are behind the end of any.
  const __m512i offsets = _mm512_broadcast_i32x4(_mm_setr_epi8(-1, -1, -1, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
  const __m128i longest = _mm_set1_epi32(12);
  size_t i = 0;
  for (; i + 4 <= count; i += 4) {
    const uint32_t *starts = places->starts + i;
    __m128i lengths = _mm_sub_epi32(_mm_loadu_si128((const __m128i *)(places->ends + i)), _mm_loadu_si128((const __m128i *)starts));
    if (__builtin_expect(_mm_cmpgt_epu32_mask(lengths, longest) != 0, 0)) {
      for (size_t j = i; j < i + 4; j++) out[j] = view_vbmi2(base + (int32_t)places->starts[j], places->ends[j] - places->starts[j]);
      continue;
    }
    __m256i low = _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(base + (int32_t)starts[0])));
    low = _mm256_inserti128_si256(low, _mm_loadu_si128((const __m128i *)(base + (int32_t)starts[1])), 1);
    __m256i high = _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(base + (int32_t)starts[2])));
    high = _mm256_inserti128_si256(high, _mm_loadu_si128((const __m128i *)(base + (int32_t)starts[3])), 1);
    __m512i texts = _mm512_bslli_epi128(_mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1), 4);
    __m512i all = _mm512_castsi128_si512(lengths);
    __mmask64 kept = _mm512_cmplt_epu8_mask(offsets, _mm512_permutexvar_epi8(first_bytes, all));
    __m512i views = _mm512_or_si512(_mm512_maskz_mov_epi8(kept, texts), _mm512_maskz_permutexvar_epi32(0x1111, first_words, all));
    _mm512_storeu_si512(out + i, views);
  }
  for (; i < count; i++) out[i] = view_vbmi2(base + (int32_t)places->starts[i], places->ends[i] - places->starts[i]);
}
#endif

// The address of a row's bytes: its view's own, or where it points.
static inline const uint8_t *row_bytes(const ck_view_words *row, size_t *n) {
  *n = (uint32_t)row->word0;
  return *n <= 12 ? (const uint8_t *)row + 4 : (const uint8_t *)(uintptr_t)row->word1;
}

// The body of all variants. Rows of one chunk lie within 1 GiB of its first, so that places have 32 bits.
#define SPLIT_ROWS(PLACES, VIEWS)                                                     \
  split_places places;                                                                \
  while (state->row < count) {                                                        \
    size_t row = state->row, k = 0, n;                                                \
    const uint8_t *base = row_bytes(rows + row, &n);                                  \
    for (; row < count && k < CHUNK; row++) {                                         \
      const uint8_t *p = row_bytes(rows + row, &n);                                   \
      ptrdiff_t distance = p - base;                                                  \
      if (n > CK_SPLIT_ROW || distance > 1 << 30 || distance < -(1 << 30)) break;     \
      uint32_t origin = (uint32_t)(int32_t)distance;                                  \
      size_t first = k;                                                               \
      places.starts[k] = origin;                                                      \
      k = PLACES(p, origin, n, separator, k, &places);                                \
      places.ends[k++] = origin + (uint32_t)n;                                        \
      lists[row] = (ck_list){(int32_t)(state->parts + first), (int32_t)(k - first)};  \
    }                                                                                 \
    if (k == 0 || k > capacity - state->parts) return k;                              \
    VIEWS(base, &places, k, out + state->parts);                                      \
    state->parts += k;                                                                \
    state->row = row;                                                                 \
  }                                                                                   \
  return 0;

typedef size_t split_rows(
    const ck_view_words *rows, size_t count, uint8_t separator, ck_split_state *state, ck_list *lists, ck_view_words *out,
    size_t capacity);

static size_t split_plain(
    const ck_view_words *rows, size_t count, uint8_t separator, ck_split_state *state, ck_list *lists, ck_view_words *out,
    size_t capacity) {
  SPLIT_ROWS(places_plain, views_plain)
}

#if defined(__x86_64__)
VBMI2 static size_t split_vbmi2(
    const ck_view_words *rows, size_t count, uint8_t separator, ck_split_state *state, ck_list *lists, ck_view_words *out,
    size_t capacity) {
  SPLIT_ROWS(places_vbmi2, views_vbmi2)
}
#endif

static split_rows *best_split_rows(void) {
#if defined(__x86_64__)
  if (has_vbmi2()) return split_vbmi2;
#endif
  return split_plain;
}

size_t ck_split_rows(
    const ck_view_words *rows, size_t count, uint8_t separator, ck_split_state *state, ck_list *lists, ck_view_words *out,
    size_t capacity) {
  // Any thread may choose: all choose the same.
  static split_rows *_Atomic chosen;
  split_rows *run = chosen;
  if (!run) chosen = run = best_split_rows();
  return run(rows, count, separator, state, lists, out, capacity);
}

size_t ck_split_rows_plain(
    const ck_view_words *rows, size_t count, uint8_t separator, ck_split_state *state, ck_list *lists, ck_view_words *out,
    size_t capacity) {
  return split_plain(rows, count, separator, state, lists, out, capacity);
}

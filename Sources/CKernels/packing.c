#include "CKernels.h"

// The text of a view: its own bytes, or those that it points to.
static inline const uint8_t *text_of(const ck_view_words *view) {
  return (uint32_t)view->word0 <= 12 ? (const uint8_t *)view + 4 : (const uint8_t *)(uintptr_t)view->word1;
}

static inline bool is_hex_digit(uint8_t c) { return (uint8_t)(c - '0') <= 9 || (uint8_t)(c - 'a') <= 5; }

static inline uint8_t hex_value(uint8_t c) { return (uint8_t)((c & 0x0F) + 9 * (c >> 6)); }

static inline uint64_t all_of(size_t length) { return length == 64 ? ~0ull : (1ull << length) - 1; }

void ck_pack_layout_plain(const ck_view_words *views, size_t count, ck_pack_layout *layout) {
  size_t length = layout->length;
  uint8_t differs[64] = {0}, breaks[64] = {0};
  for (size_t row = 0; row < count; row++) {
    const uint8_t *text = text_of(views + row);
    for (size_t at = 0; at < length; at++) {
      differs[at] |= text[at] ^ layout->text[at];
      breaks[at] |= !is_hex_digit(text[at]);
    }
  }
  for (size_t at = 0; at < length; at++) {
    if (!differs[at]) continue;
    *(breaks[at] ? &layout->bytes : &layout->digits) |= 1ull << at;
  }
}

bool ck_pack_plain(const ck_view_words *views, size_t count, const ck_pack_layout *layout, uint8_t *out) {
  uint64_t same = all_of(layout->length) & ~(layout->digits | layout->bytes);
  bool fits = true;
  for (size_t row = 0; row < count; row++) {
    const uint8_t *text = text_of(views + row);
    for (uint64_t left = same; left; left &= left - 1)
      fits &= text[__builtin_ctzll(left)] == layout->text[__builtin_ctzll(left)];
    size_t digits = 0;
    for (uint64_t left = layout->digits; left; left &= left - 1, digits++) {
      uint8_t digit = text[__builtin_ctzll(left)], value = hex_value(digit);
      fits &= is_hex_digit(digit);
      if (digits % 2 == 0) *out = (uint8_t)(value << 4);
      else *out++ |= value;
    }
    out += digits % 2;
    for (uint64_t left = layout->bytes; left; left &= left - 1) *out++ = text[__builtin_ctzll(left)];
  }
  return fits;
}

void ck_unpack(const uint8_t *packed, size_t count, const ck_pack_layout *layout, uint8_t *out) {
  size_t length = layout->length;
  for (size_t row = 0; row < count; row++, out += length) {
    __builtin_memcpy(out, layout->text, length);
    size_t digits = 0;
    for (uint64_t left = layout->digits; left; left &= left - 1, digits++) {
      uint8_t value = digits % 2 == 0 ? *packed >> 4 : *packed++ & 0x0F;
      out[__builtin_ctzll(left)] = (uint8_t)(value + (value < 10 ? '0' : 'a' - 10));
    }
    packed += digits % 2;
    for (uint64_t left = layout->bytes; left; left &= left - 1) out[__builtin_ctzll(left)] = *packed++;
  }
}

#if defined(__x86_64__)
#include <immintrin.h>

#define VBMI2 __attribute__((target("avx512bw,avx512vl,avx512vbmi2,popcnt")))

VBMI2 static inline __mmask64 hex_digits(__m512i text) {
  __mmask64 decimal = _mm512_cmple_epu8_mask(_mm512_sub_epi8(text, _mm512_set1_epi8('0')), _mm512_set1_epi8(9));
  __mmask64 letter = _mm512_cmple_epu8_mask(_mm512_sub_epi8(text, _mm512_set1_epi8('a')), _mm512_set1_epi8(5));
  return decimal | letter;
}

VBMI2 static void layout_vbmi2(const ck_view_words *views, size_t count, ck_pack_layout *layout) {
  __mmask64 inside = all_of(layout->length), digits = inside;
  __m512i first = _mm512_maskz_loadu_epi8(inside, layout->text), differs = _mm512_setzero_si512();
  for (size_t row = 0; row < count; row++) {
    __m512i text = _mm512_maskz_loadu_epi8(inside, text_of(views + row));
    differs = _mm512_or_si512(differs, _mm512_xor_si512(text, first));
    digits &= hex_digits(text);
  }
  uint64_t changing = _mm512_test_epi8_mask(differs, differs);
  layout->digits = changing & digits;
  layout->bytes = changing & ~digits;
}

// Digits are brought together, then two and two of them into one byte. Each store writes past the row's end, where the next row goes.
VBMI2 static bool pack_vbmi2(const ck_view_words *views, size_t count, const ck_pack_layout *layout, uint8_t *out) {
  __mmask64 inside = all_of(layout->length), same = inside & ~(layout->digits | layout->bytes), differing = 0, others = 0;
  __m512i first = _mm512_maskz_loadu_epi8(inside, layout->text);
  size_t digit_bytes = ((size_t)__builtin_popcountll(layout->digits) + 1) / 2, bytes = (size_t)__builtin_popcountll(layout->bytes);
  for (size_t row = 0; row < count; row++) {
    __m512i text = _mm512_maskz_loadu_epi8(inside, text_of(views + row));
    differing |= _mm512_mask_cmpneq_epu8_mask(same, text, first);
    others |= ~hex_digits(text);
    __m512i nine = _mm512_maskz_mov_epi8(_mm512_test_epi8_mask(text, _mm512_set1_epi8(0x40)), _mm512_set1_epi8(9));
    __m512i values = _mm512_add_epi8(_mm512_and_si512(text, _mm512_set1_epi8(0x0F)), nine);
    __m512i digits = _mm512_maskz_compress_epi8(layout->digits, values);
    __m512i pairs = _mm512_maddubs_epi16(digits, _mm512_set1_epi16(0x0110));
    _mm256_storeu_si256((__m256i *)out, _mm512_cvtepi16_epi8(pairs));
    out += digit_bytes;
    _mm512_storeu_si512(out, _mm512_maskz_compress_epi8(layout->bytes, text));
    out += bytes;
  }
  return !differing && !(others & layout->digits);
}

static bool has_vbmi2(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("avx512vl");
}
#endif

size_t ck_packed_size(const ck_pack_layout *layout) {
  return ((size_t)__builtin_popcountll(layout->digits) + 1) / 2 + (size_t)__builtin_popcountll(layout->bytes);
}

bool ck_pack_layout_is_valid(const ck_pack_layout *layout) {
  return layout->length <= 64 && !(layout->digits & layout->bytes) && !((layout->digits | layout->bytes) & ~all_of(layout->length));
}

void ck_find_pack_layout(const ck_view_words *views, size_t count, ck_pack_layout *layout) {
  layout->digits = layout->bytes = 0;
  if (count == 0) return;
  __builtin_memcpy(layout->text, text_of(views), layout->length);
#if defined(__x86_64__)
  if (has_vbmi2()) return layout_vbmi2(views, count, layout);
#endif
  ck_pack_layout_plain(views, count, layout);
}

bool ck_pack(const ck_view_words *views, size_t count, const ck_pack_layout *layout, uint8_t *out) {
#if defined(__x86_64__)
  if (has_vbmi2()) return pack_vbmi2(views, count, layout, out);
#endif
  return ck_pack_plain(views, count, layout, out);
}

// Small functions that Swift cannot express fast enough: byte masks, prefetch, hashing.
// Static inline where the Swift optimizer should see through them.
#ifndef MILLRACE_CKERNELS_H
#define MILLRACE_CKERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ck_json_values.h"
#include "ck_plugin.h"
#include "ck_processes.h"
#include "ck_sockets.h"

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

/// The two words of a view of n (0-12) bytes that lies inline: the length in the low four bytes, then the text, then zeros. 16 bytes at
/// p can be read.
typedef struct {
  uint64_t word0, word1;
} ck_view_words;
static inline ck_view_words ck_inline_view(const void *p, size_t n) {
  ck_view_words view;
#if defined(__SSE2__)
  static const uint8_t ones_then_zeros[32] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
  __m128i kept = _mm_loadu_si128((const __m128i *)(ones_then_zeros + 16 - n));
  __m128i text = _mm_slli_si128(_mm_and_si128(_mm_loadu_si128((const __m128i *)p), kept), 4);
  text = _mm_or_si128(text, _mm_cvtsi32_si128((int)n));
  view.word0 = (uint64_t)_mm_cvtsi128_si64(text);
  view.word1 = (uint64_t)_mm_cvtsi128_si64(_mm_unpackhi_epi64(text, text));
#else
  uint8_t bytes[16] = {(uint8_t)n};
  __builtin_memcpy(bytes + 4, p, n);
  __builtin_memcpy(&view, bytes, 16);
#endif
  return view;
}

/// A place of a hash table for groups: the key, its hash, the group + 1 (0: empty), and how many rows were counted.
typedef struct {
  ck_view_words key;
  uint32_t hash, mark;
  int64_t row_count;
} ck_group_slot;
/// Hashes of `count` keys from both of their words. Gives whether one of them, taken as a view, does not hold all its bytes itself.
bool ck_hash_keys(const ck_view_words *keys, size_t count, uint32_t *hashes);
/// The same without the processor's own instructions.
bool ck_hash_keys_plain(const ck_view_words *keys, size_t count, uint32_t *hashes);
/// How many hashes behind the last row the functions below may read, whatever they are.
enum { CK_HASHES_BEHIND = 128 };
/// Compares each key with the one in the first slot for its hash (hash >> shift) and notes the slot's group. Rows whose key is not there go
/// to `misses`; gives how many. A table that is near is in the cache, so that nothing need be fetched ahead.
size_t ck_match_first(
    const ck_group_slot *slots, uint32_t shift, const ck_view_words *keys, const uint32_t *hashes, size_t count, uint32_t *groups,
    uint16_t *misses, bool is_near);
/// The same, and counts each row whose key is there.
size_t ck_match_and_count_first(
    ck_group_slot *slots, uint32_t shift, const ck_view_words *keys, const uint32_t *hashes, size_t count, uint32_t *groups,
    uint16_t *misses, bool is_near);
/// The same without groups. There must be two slots or more, and nobody else may read them meanwhile.
size_t ck_count_first(
    ck_group_slot *slots, uint32_t shift, const ck_view_words *keys, const uint32_t *hashes, size_t count, uint16_t *misses,
    bool is_near);
/// Adds what was counted to the number of each group, and counts anew.
void ck_take_row_counts(ck_group_slot *slots, size_t slot_count, int64_t *counts);
/// A place that only refers to a group: the hash of its key, and the group + 1 (0: empty).
typedef struct {
  uint32_t hash, mark;
} ck_group_reference;
/// Finds for each key the first group whose key has its hash, from the slot (hash >> shift) on, or UINT32_MAX, and the slot in `places` at
/// which that was clear. Rows whose key is not that of the group go to `misses`; gives how many. Keys are views; one of length UINT32_MAX is
/// NULL.
size_t ck_follow_first(
    const ck_group_reference *references, uint32_t shift, size_t mask, const ck_view_words *group_keys, const ck_view_words *keys,
    const uint32_t *hashes, size_t count, uint32_t *groups, uint32_t *places, uint16_t *misses);

/// How texts of one length are packed, up to 64 bytes long: what is the same in all is kept once, lower-case hexadecimal digits take half a
/// byte, and other places a byte. A row is its digits, the last byte filled up with 0, and then its other bytes.
typedef struct {
  uint8_t text[64];
  size_t length;
  /// Places of digits and of other bytes that differ, a bit each.
  uint64_t digits, bytes;
} ck_pack_layout;
/// Fills in a layout of which only the length is set. All views must have that length.
void ck_find_pack_layout(const ck_view_words *views, size_t count, ck_pack_layout *layout);
/// The same without the processor's own instructions, for a layout whose text is set and whose places are 0.
void ck_pack_layout_plain(const ck_view_words *views, size_t count, ck_pack_layout *layout);
/// Bytes of a packed row.
size_t ck_packed_size(const ck_pack_layout *layout);
/// Packs texts of the layout's length. 64 bytes behind the last row may be written. Gives false where a text does not fit the layout, which was
/// found for others then; what was written says nothing.
bool ck_pack(const ck_view_words *views, size_t count, const ck_pack_layout *layout, uint8_t *out);
/// The same without the processor's own instructions.
bool ck_pack_plain(const ck_view_words *views, size_t count, const ck_pack_layout *layout, uint8_t *out);
/// Whether a layout that was read from a file can be unpacked.
bool ck_pack_layout_is_valid(const ck_pack_layout *layout);
/// The texts of packed rows, one behind the other.
void ck_unpack(const uint8_t *packed, size_t count, const ck_pack_layout *layout, uint8_t *out);

/// The smallest and the largest of integers of `width` bytes (4 or 8); 0 and 0 of none.
void ck_integer_range(const void *values, size_t width, size_t count, int64_t *smallest, int64_t *largest);
/// What integers of `width` bytes (4 or 8) are more than `base`, in `out_width` bytes each, of which there are no more than of theirs.
void ck_integer_distances(const void *values, size_t width, size_t count, int64_t base, size_t out_width, uint8_t *out);
/// The places of bytes that have just the bits `value` of those in `mask`; gives how many. There must be room for 16 more.
size_t ck_marked(const uint8_t *bytes, size_t count, uint8_t mask, uint8_t value, uint32_t *out);
/// The same without the processor's own instructions.
size_t ck_marked_plain(const uint8_t *bytes, size_t count, uint8_t mask, uint8_t value, uint32_t *out);
/// The values below a limit, in their order; gives how many. There must be room for 16 more than values.
size_t ck_below(const uint32_t *values, size_t count, uint32_t limit, uint32_t *out);
/// The same without the processor's own instructions.
size_t ck_below_plain(const uint32_t *values, size_t count, uint32_t limit, uint32_t *out);

/// Lets the allocator keep memory that was given back to it instead of giving it on to the system, which would clear it page by page when it is
/// wanted again. For the whole process.
void ck_keep_freed_memory(void);
/// Bytes of the pages that hold `size` bytes.
size_t ck_whole_pages(size_t size);

/// Zeroed memory of the process's own, aligned to 2 MiB; NULL where there is none. To be given back with ck_unmap and the same size.
void *ck_map(size_t size);
/// Asks that memory of ck_map lie in huge pages as far as it was not touched yet.
void ck_want_huge_pages(void *memory, size_t size);
void ck_unmap(void *memory, size_t size);
/// Gives back the end of memory of ck_map, all behind the first `smaller` bytes.
void ck_trim(void *memory, size_t size, size_t smaller);
/// Makes memory of ck_map larger by moving its pages, without a copy; what is added is zero. NULL where there is no room: then nothing is
/// changed.
void *ck_remap(void *memory, size_t size, size_t larger);
/// What `open` wants for a file that is written past the system's cache (O_DIRECT, which Swift's Glibc module does not show); 0 where there is
/// no such thing.
int ck_uncached_flag(void);

/// Asks the processor to fetch the cache line at p.
static inline void ck_prefetch(const void *p) { __builtin_prefetch(p, 0, 3); }

/// CRC32C (Castagnoli) of n bytes, continuing from crc (0 at the start).
uint32_t ck_crc32c(uint32_t crc, const void *p, size_t n);

/// Where a value lies in a window of bytes, and what it is: offset in bits 0-31, length in 32-59, kind in 60-63.
/// 0 is NULL.
enum { CK_NULL = 0, CK_TEXT = 1, CK_ESCAPED = 2, CK_NUMBER = 3, CK_TRUE = 4, CK_FALSE = 5, CK_OBJECT = 6, CK_ARRAY = 7 };
static inline uint64_t ck_span(size_t offset, size_t length, uint32_t kind) {
  return (uint64_t)(uint32_t)offset | (uint64_t)length << 32 | (uint64_t)kind << 60;
}
static inline size_t ck_span_offset(uint64_t span) { return (size_t)(uint32_t)span; }
static inline size_t ck_span_length(uint64_t span) { return (size_t)(span >> 32 & 0xFFFFFFF); }
static inline uint32_t ck_span_kind(uint64_t span) { return (uint32_t)(span >> 60); }

/// Bit i of the result is set if byte i of the 32 at p equals b.
static inline uint32_t ck_mask32(const void *p, uint8_t b) {
  return ck_mask16(p, b) | ck_mask16((const uint8_t *)p + 16, b) << 16;
}

/// Bit i of the result is set if byte i of the 32 at p is one of []{}.
static inline uint32_t ck_brackets32(const void *p) {
  uint32_t m = 0;
#if defined(__SSE2__)
  for (int i = 0; i < 2; i++) {
    // The bracket and the brace of one side differ in bit 5 only.
    __m128i v = _mm_or_si128(_mm_loadu_si128((const __m128i *)p + i), _mm_set1_epi8(0x20));
    __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('{')), _mm_cmpeq_epi8(v, _mm_set1_epi8('}')));
    m |= (uint32_t)_mm_movemask_epi8(hit) << (16 * i);
  }
#else
  const uint8_t *q = (const uint8_t *)p;
  for (int i = 0; i < 32; i++) m |= (uint32_t)((q[i] | 0x20) == '{' || (q[i] | 0x20) == '}') << i;
#endif
  return m;
}

/// Whether the first n (0-16) bytes at a and b are equal; 16 bytes of both can be read.
static inline int ck_equal16(const void *a, const void *b, uint32_t n) {
  uint32_t wanted = (1u << n) - 1;
#if defined(__SSE2__)
  __m128i same = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)a), _mm_loadu_si128((const __m128i *)b));
  return ((uint32_t)_mm_movemask_epi8(same) & wanted) == wanted;
#else
  return __builtin_memcmp(a, b, n) == 0;
#endif
}

/// How far a block of bytes was searched for lines: up to `position`, with a line that begins at `start`. Whether a byte before `position`
/// is not ASCII.
typedef struct {
  size_t position, start;
  int has_high;
} ck_line_state;
/// Lines of n bytes as spans, without their ends (LF, CR LF or CR); 64 bytes past the end can be read. Goes on from `state` and stops when
/// `out` may be full or all bytes were seen: then the position is n, and a last line without an end begins at the start.
size_t ck_lines(const uint8_t *p, size_t n, ck_line_state *state, uint64_t *out, size_t capacity);
/// The same without the processor's own instructions.
size_t ck_lines_plain(const uint8_t *p, size_t n, ck_line_state *state, uint64_t *out, size_t capacity);
/// How many lines there are in n bytes, without finding them; 64 bytes past the end can be read.
size_t ck_count_lines(const uint8_t *p, size_t n);
/// The same without the processor's own instructions.
size_t ck_count_lines_plain(const uint8_t *p, size_t n);

/// Where a list lies in the column of its elements.
typedef struct {
  int32_t offset, length;
} ck_list;
/// Rows and parts of them that were made so far.
typedef struct {
  size_t row, parts;
} ck_split_state;
/// Longest row that `ck_split_rows` splits, in bytes.
enum { CK_SPLIT_ROW = 2048 };
/// Splits rows, given as views, at every byte that equals `separator`: the views of their parts follow each other in `out`, and `lists` says
/// which belong to which row. 64 bytes behind each row's bytes can be read. Goes on from `state` and gives 0 when all rows are done. Stops
/// with state->row at a row that is longer than CK_SPLIT_ROW and gives 0, or with how many parts more than state->parts must fit into `out`.
size_t ck_split_rows(
    const ck_view_words *rows, size_t count, uint8_t separator, ck_split_state *state, ck_list *lists, ck_view_words *out,
    size_t capacity);
/// The same without instructions that not every processor has.
size_t ck_split_rows_plain(
    const ck_view_words *rows, size_t count, uint8_t separator, ck_split_state *state, ck_list *lists, ck_view_words *out,
    size_t capacity);
/// Position behind the last byte b of n bytes, 0 if there is none.
size_t ck_behind_last(const void *p, size_t n, uint8_t b);
/// Number of leading bytes that are valid UTF-8.
size_t ck_utf8_prefix(const uint8_t *p, size_t n);

/// Which fields of JSON objects are wanted, and what was learned about the order of keys.
typedef struct ck_json_plan ck_json_plan;
/// A plan for `count` fields. A complete plan reads every object to its end, checks its grammar and takes the last of equal keys;
/// another stops as soon as it has all fields, and takes the first.
ck_json_plan *ck_json_plan_new(int32_t count, int is_complete);
/// Names a field.
void ck_json_plan_field(ck_json_plan *plan, int32_t index, const void *name, size_t length);
/// Objects whose field is null or another text than this are left out.
void ck_json_plan_equal(ck_json_plan *plan, int32_t index, const void *text, size_t length);
/// Makes the plan go without the processor's own instructions.
void ck_json_plan_use_plain(ck_json_plan *plan);
void ck_json_plan_free(ck_json_plan *plan);
/// Finds the fields of the object on each line; blank lines and lines that fail a filter are left out. Row i of the result comes from
/// line rows[i]; a malformed line has no fields and is_bad. 64 bytes past the lines can be read. Gives the number of rows.
size_t ck_json_lines(
    ck_json_plan *plan, const uint8_t *base, const uint64_t *lines, size_t count, uint64_t *const *columns,
    uint32_t *rows, uint8_t *is_bad);
/// The same for nested objects: one row for each span; spans that are no object have no fields.
void ck_json_objects(
    ck_json_plan *plan, const uint8_t *base, const uint64_t *objects, size_t count, uint64_t *const *columns, uint8_t *is_bad);
/// Splits an array or object into values (and keys). Stores at most `capacity`, but counts all in *found; 0 if it is malformed.
int ck_json_elements(
    const uint8_t *base, uint64_t container, uint64_t *keys, uint64_t *values, size_t capacity, size_t *found);
/// Decodes the escapes of a JSON string into target (n bytes are enough) and gives the length, SIZE_MAX if an escape is not known.
size_t ck_json_unescape(const uint8_t *p, size_t n, uint8_t *target);

/// Fields of an access-log line, in the line's order (method, target and protocol are parts of the request).
enum {
  CK_HOST = 0, CK_IDENT, CK_USER, CK_TIME, CK_REQUEST, CK_METHOD, CK_TARGET, CK_PROTOCOL, CK_STATUS, CK_BYTES, CK_REFERER, CK_AGENT,
  CK_ACCESS_FIELDS
};
/// How far a line is read, and which statuses are wanted.
typedef struct {
  /// One of CK_TIME, CK_STATUS, CK_BYTES, CK_REFERER, CK_AGENT: what stands behind it is not looked at.
  int32_t last;
  int32_t status_filter, status_low, status_high;
} ck_access_plan;
/// Fields of lines in common or combined format. columns[f] is NULL where field f is not wanted; `-` gives NULL. Rows as in ck_json_lines.
size_t ck_access_lines(
    const ck_access_plan *plan, const uint8_t *base, const uint64_t *lines, size_t count, uint64_t *const *columns,
    uint32_t *rows, uint8_t *is_bad);
/// The same without the processor's own instructions.
size_t ck_access_lines_plain(
    const ck_access_plan *plan, const uint8_t *base, const uint64_t *lines, size_t count, uint64_t *const *columns,
    uint32_t *rows, uint8_t *is_bad);

/// How separated values are read.
typedef struct {
  uint8_t separator, quote, escape, comment;
  /// Column of the result for each of `width` fields, -1 if it is not wanted.
  const int32_t *fields;
  int32_t width;
  /// Fields behind this many are not looked at.
  int32_t stop;
  /// Whether a line must have just `width` fields.
  int32_t is_complete;
  /// Whether an empty field is NULL in quotes, too.
  int32_t is_empty_null;
  /// Whether the lines are those of the text (as ck_lines finds them), so that none has a line end in it.
  int32_t are_lines;
} ck_csv_plan;
/// Fields of lines of separated values. Empty fields are NULL. Rows as in ck_json_lines.
size_t ck_csv_lines(
    const ck_csv_plan *plan, const uint8_t *base, const uint64_t *lines, size_t count, uint64_t *const *columns,
    uint32_t *rows, uint8_t *is_bad);
/// The same without the processor's own instructions.
size_t ck_csv_lines_plain(
    const ck_csv_plan *plan, const uint8_t *base, const uint64_t *lines, size_t count, uint64_t *const *columns,
    uint32_t *rows, uint8_t *is_bad);
/// Takes the escapes out of a quoted field and gives the length.
size_t ck_csv_unescape(const uint8_t *p, size_t n, uint8_t quote, uint8_t escape, uint8_t *out);

/// A class of bytes in a pattern. Bytes that are not in it, as ranges where they are few: then runs of the class are skipped 16 bytes at
/// a time.
enum { CK_SCAN_RANGES = 4 };
typedef struct {
  uint8_t member[256];
  /// 0 if there are more ranges than fit, or none.
  int32_t range_count;
  /// Whether there is one range of one byte.
  int32_t is_single;
  /// First byte of each range, and how far its last one is from it.
  uint8_t low[CK_SCAN_RANGES], width[CK_SCAN_RANGES];
} ck_scan_class;
/// A step of a pattern: note the place; go over a run of `least` to `most` bytes of a class, as long as it goes (no run if class_index is
/// -1); note the place; match up to 8 bytes. Where no place is wanted the slot is the last one, which is spare.
typedef struct {
  int32_t class_index, slot_before, slot_after, literal_length;
  ptrdiff_t least, most;
  uint8_t literal[8];
  /// Ones in the bytes of the literal.
  uint64_t literal_mask;
} ck_scan_step;
/// A pattern without choices. `outside_class` has the bytes that no match begins with. Anchored at the end means there or at a last line
/// end. Start and end of the groups that are wanted have slots two by two, from 0 on; those of the whole match are named.
typedef struct {
  const ck_scan_step *steps;
  size_t step_count, slot_count;
  const ck_scan_class *classes;
  int32_t is_anchored, is_anchored_at_end, outside_class, start_slot, end_slot;
} ck_scan_plan;
/// Finds the first match at `start` or later and notes its places in `offsets`, one a slot.
int ck_scan_find(const ck_scan_plan *plan, const uint8_t *text, size_t n, size_t start, intptr_t *offsets);
/// Matches every view. groups[g][row] gets start << 32 | end of the group of slots 2 g and 2 g + 1, or -1 if nothing matches. `offsets` has
/// room for twice the slots. With is_padded 64 bytes past each text can be read.
void ck_scan_views(
    const ck_scan_plan *plan, const ck_view_words *views, size_t count, int is_padded, intptr_t *offsets, int64_t *const *groups,
    size_t group_count);

/// Bit i of the result is set if byte i of the 16 at p is below 0x20.
static inline uint32_t ck_controls16(const void *p) {
#if defined(__SSE2__)
  __m128i v = _mm_loadu_si128((const __m128i *)p);
  return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1F)), v));
#else
  uint32_t m = 0;
  const uint8_t *q = (const uint8_t *)p;
  for (int i = 0; i < 16; i++) m |= (uint32_t)(q[i] < 0x20) << i;
  return m;
#endif
}
/// Bit i of the result is set if byte i of the 16 at p has its highest bit set.
static inline uint32_t ck_high16(const void *p) {
#if defined(__SSE2__)
  return (uint32_t)_mm_movemask_epi8(_mm_loadu_si128((const __m128i *)p));
#else
  uint32_t m = 0;
  const uint8_t *q = (const uint8_t *)p;
  for (int i = 0; i < 16; i++) m |= (uint32_t)(q[i] >> 7) << i;
  return m;
#endif
}
/// Writes the inside of a JSON string and gives its length; 6 n + 16 bytes at target are enough, and 16 bytes past the text can be
/// read. Says whether some byte is not ASCII.
size_t ck_json_escape(const uint8_t *p, size_t n, uint8_t *target, int *has_high);

#endif

// The part of json.c that is compiled for several kinds of processors: fields that are laid out as in the objects before.
//
// Each step waits for the one before to know where a value ends, which is what most of the time goes to. A text that has long had the same
// length is taken to have it again: the processor goes on from there, and finds out meanwhile whether that was right.

// Reads fields for as long as they have the keys of their positions, and values of the kinds that these had. The outcome is `walk_on` where
// something is else: behind the value before. `is_complete` is a constant wherever it is called.
static inline __attribute__((always_inline)) int CK_VARIANT(follow_as)(
    ck_json_plan *plan, const uint8_t *base, const uint8_t *end, uint64_t *const *columns, size_t row, place *at, const int is_complete) {
  const uint8_t *p = at->p;
  slot *s = plan->slots + at->position, *last = plan->slots + plan->slot_count;
  int outcome = walk_on;
  for (; s < last; s++) {
    const uint8_t *value = p + s->value_offset, *after;
    if (!CK_VARIANT(has_literal)(s, p) || value >= end) break;
    if (s->kind == CK_TEXT) {
      uint64_t stops = CK_VARIANT(text_stops)(value, is_complete);
      size_t length;
      if (!stops) break;
      if (s->repeats >= steady && (stops & (2ull << s->text_length) - 1) == 1ull << s->text_length) {
        length = s->text_length;
        // The two lengths are the same, which the compiler must not notice.
        __asm__ volatile("" : "+r"(length));
      } else {
        length = (size_t)__builtin_ctzll(stops);
        s->repeats = length == s->text_length ? s->repeats + 1 : 0;
        s->text_length = (uint32_t)length;
      }
      after = value + length + 1;
      if (value[length] != '"' || after > end) break;
    } else if (s->kind == CK_NUMBER) {
      uint32_t stops = scalar_stops16(value);
      if (!stops) break;
      after = value + __builtin_ctz(stops);
      if (after >= end || ((is_complete || !is_digit(*value)) && !is_number(value, after))) break;
    } else {
      if (is_complete) break;
      brackets found = CK_VARIANT(brackets)(value);
      after = near_end(value, end, found, CK_VARIANT(between)(found.quotes));
      if (!after) break;
    }
    p = after;
    if (s->field < 0) continue;
    // A text's span leaves out its quotes, and an object's has both brackets.
    const uint8_t *first = s->kind >= CK_OBJECT ? value - 1 : value;
    uint64_t span = ck_span((size_t)(first - base), (size_t)(after - first) - (s->kind == CK_TEXT), s->kind);
    outcome = note(plan, base, columns, row, s->field, span, &at->missing, is_complete);
    if (outcome == walk_on) continue;
    s++;
    break;
  }
  at->p = p;
  at->position = (int32_t)(s - plan->slots);
  return outcome;
}

static int CK_VARIANT(follow)(
    ck_json_plan *plan, const uint8_t *base, const uint8_t *end, uint64_t *const *columns, size_t row, place *at, int is_complete) {
  return is_complete ? CK_VARIANT(follow_as)(plan, base, end, columns, row, at, 1)
                     : CK_VARIANT(follow_as)(plan, base, end, columns, row, at, 0);
}

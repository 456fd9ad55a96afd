// The part of json.c that is compiled for several kinds of processors: fields that are laid out as in the objects before.
//
// Each step waits for the one before to know where a value ends, which is what most of the time goes to. A text that has long had the same
// length is taken to have it again: the processor goes on from there, and finds out meanwhile whether that was right.

// Reads fields for as long as they have the keys of their positions, and values of the kinds that these had. The outcome is `walk_on` where
// something is else: behind the value before.
static int CK_VARIANT(follow)(
    ck_json_plan *plan, const uint8_t *base, const uint8_t *end, uint64_t *const *columns, size_t row, place *at, int is_complete) {
  const uint8_t *p = at->p;
  int32_t position = at->position;
  int outcome = walk_on;
  for (; position < plan->slot_count; position++) {
    slot *s = &plan->slots[position];
    const uint8_t *value = p + s->value_offset;
    uint64_t span;
    if (!CK_VARIANT(has_literal)(s, p) || value >= end) break;
    switch (s->kind) {
    case CK_TEXT: {
      uint64_t stops = CK_VARIANT(text_stops)(value, is_complete);
      size_t length;
      if (!stops) goto done;
      if (s->repeats >= steady && (stops & (2ull << s->text_length) - 1) == 1ull << s->text_length) {
        length = s->text_length;
        // The two lengths are the same, which the compiler must not notice.
        __asm__ volatile("" : "+r"(length));
      } else {
        length = (size_t)__builtin_ctzll(stops);
        s->repeats = length == s->text_length ? s->repeats + 1 : 0;
        s->text_length = (uint32_t)length;
      }
      if (value[length] != '"' || length >= (size_t)(end - value)) goto done;
      span = ck_span((size_t)(value - base), length, CK_TEXT);
      p = value + length + 1;
      break;
    }
    case CK_NUMBER: {
      uint32_t stops = scalar_stops16(value);
      if (!stops) goto done;
      size_t length = (size_t)__builtin_ctz(stops);
      if (length >= (size_t)(end - value)) goto done;
      if ((is_complete || !is_digit(*value)) && !is_number(value, value + length)) goto done;
      span = ck_span((size_t)(value - base), length, CK_NUMBER);
      p = value + length;
      break;
    }
    default: {
      if (is_complete) goto done;
      brackets found = CK_VARIANT(brackets)(value);
      const uint8_t *after = near_end(value, end, found, CK_VARIANT(between)(found.quotes));
      if (!after) goto done;
      span = ck_span((size_t)(value - 1 - base), (size_t)(after - value + 1), s->kind);
      p = after;
    }
    }
    if (s->field < 0) continue;
    outcome = note(plan, base, columns, row, s->field, span, &at->missing, is_complete);
    if (outcome != walk_on) break;
  }
done:
  at->p = p;
  at->position = position;
  return outcome;
}

// Single JSON values. What is not of the strict grammar, or is nested deeply, is left to the caller, who reads it the slow way.
#include "json_text.h"

const uint8_t *ck_json_string_stop(const uint8_t *p, const uint8_t *end) { return string_stop(p, end); }

const uint8_t *ck_json_value_end(const uint8_t *p, const uint8_t *end) {
  bool is_object[DEPTH];
  int depth = 0;
  const uint8_t *name;
  size_t length;
  bool is_escaped;
value:
  p = behind_blanks(p, end);
  if (p == end) return NULL;
  if (*p == '{' || *p == '[') {
    uint8_t close = *p + 2;
    if (depth == DEPTH) return NULL;
    is_object[depth++] = *p == '{';
    p = behind_blanks(p + 1, end);
    if (p < end && *p == close) goto closed;
    if (close == ']') goto value;
    goto member;
  }
  p = atom_end(p, end);
  if (!p) return NULL;
next:
  if (depth == 0) return p;
  p = behind_blanks(p, end);
  if (p == end) return NULL;
  if (*p == ',') {
    p++;
    if (!is_object[depth - 1]) goto value;
    goto member;
  }
  if (*p != (is_object[depth - 1] ? '}' : ']')) return NULL;
closed:
  depth--;
  p++;
  goto next;
member:
  p = behind_name(p, end, &name, &length, &is_escaped);
  if (!p) return NULL;
  goto value;
}

const uint8_t *ck_json_members(
    const uint8_t *p, const uint8_t *end, const ck_json_name *names, size_t count, const uint8_t **values, bool *has_repeated) {
  *has_repeated = false;
  for (size_t i = 0; i < count; i++) values[i] = NULL;
  p = behind_blanks(p, end);
  if (p == end || *p != '{') return NULL;
  p = behind_blanks(p + 1, end);
  if (p < end && *p == '}') return p + 1;
  // Members mostly come in the order of the names.
  size_t expected = 0;
  for (;;) {
    const uint8_t *name;
    size_t length;
    bool is_escaped;
    p = behind_name(p, end, &name, &length, &is_escaped);
    if (!p || is_escaped) return NULL;
    p = behind_blanks(p, end);
    for (size_t i = 0, at = expected; i < count; i++, at++) {
      if (at == count) at = 0;
      if (names[at].length != length || memcmp(names[at].bytes, name, length)) continue;
      *has_repeated |= values[at] != NULL;
      values[at] = p;
      expected = at + 1 == count ? 0 : at + 1;
      break;
    }
    p = ck_json_value_end(p, end);
    if (!p) return NULL;
    p = behind_blanks(p, end);
    if (p == end) return NULL;
    if (*p == '}') return p + 1;
    if (*p++ != ',') return NULL;
  }
}

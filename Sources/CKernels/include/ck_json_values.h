// Single JSON values, strictly by RFC 8259. Where a function gives NULL the text may still be what a laxer reader takes.
#ifndef MILLRACE_CK_JSON_VALUES_H
#define MILLRACE_CK_JSON_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// The first quote, backslash or control character from p on; end if there is none.
const uint8_t *ck_json_string_stop(const uint8_t *p, const uint8_t *end);

/// Past the value at p, blanks in front allowed; NULL if it is none.
const uint8_t *ck_json_value_end(const uint8_t *p, const uint8_t *end);

typedef struct {
  const uint8_t *bytes;
  size_t length;
} ck_json_name;

/// Past the object at p; values[i] is the first byte of the last member called names[i], NULL without one, and *has_repeated says whether
/// one of them is there twice. NULL if p is no object or a name is written with escapes.
const uint8_t *ck_json_members(
    const uint8_t *p, const uint8_t *end, const ck_json_name *names, size_t count, const uint8_t **values, bool *has_repeated);

/// Room for the VARIANT value of n bytes of JSON.
static inline size_t ck_json_variant_room(size_t n) { return 7 * n + 64; }

/// Past the value at p, whose VARIANT encoding (see VariantValue) is put at out, *size bytes; NULL if it is none, has two members of a name, or
/// something rare: an exponent, a number of more than 18 digits, very many members or elements.
const uint8_t *ck_json_variant(const uint8_t *p, const uint8_t *end, uint8_t *out, size_t *size);

#endif

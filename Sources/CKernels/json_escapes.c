// Texts with the escapes of JSON, and without.
#include "json_spans.h"

static uint32_t hex4(const uint8_t *p, const uint8_t *end) {
  if (end - p < 4) return UINT32_MAX;
  uint32_t value = 0;
  for (int i = 0; i < 4; i++) {
    if (!is_hex(p[i])) return UINT32_MAX;
    value = value << 4 | (uint32_t)(is_digit(p[i]) ? p[i] - '0' : (p[i] | 0x20) - 'a' + 10);
  }
  return value;
}

static uint8_t *put_scalar(uint8_t *out, uint32_t c) {
  if (c < 0x80) {
    *out++ = (uint8_t)c;
  } else if (c < 0x800) {
    *out++ = (uint8_t)(0xC0 | c >> 6);
    *out++ = (uint8_t)(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    *out++ = (uint8_t)(0xE0 | c >> 12);
    *out++ = (uint8_t)(0x80 | (c >> 6 & 0x3F));
    *out++ = (uint8_t)(0x80 | (c & 0x3F));
  } else {
    *out++ = (uint8_t)(0xF0 | c >> 18);
    *out++ = (uint8_t)(0x80 | (c >> 12 & 0x3F));
    *out++ = (uint8_t)(0x80 | (c >> 6 & 0x3F));
    *out++ = (uint8_t)(0x80 | (c & 0x3F));
  }
  return out;
}

size_t ck_json_unescape(const uint8_t *p, size_t n, uint8_t *target) {
  const uint8_t *end = p + n;
  uint8_t *out = target;
  while (p < end) {
    if (*p != '\\' || p + 1 == end) {
      *out++ = *p++;
      continue;
    }
    uint8_t escape = p[1];
    p += 2;
    switch (escape) {
    case 'n': *out++ = '\n'; break;
    case 't': *out++ = '\t'; break;
    case 'r': *out++ = '\r'; break;
    case 'b': *out++ = '\b'; break;
    case 'f': *out++ = '\f'; break;
    case 'u': {
      uint32_t c = hex4(p, end);
      if (c == UINT32_MAX) return SIZE_MAX;
      p += 4;
      if (c >= 0xD800 && c < 0xDC00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
        uint32_t low = hex4(p + 2, end);
        if (low >= 0xDC00 && low < 0xE000) {
          c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
          p += 6;
        }
      }
      // Java writes half a pair as '?' when it turns text into UTF-8.
      out = c >= 0xD800 && c < 0xE000 ? put_scalar(out, '?') : put_scalar(out, c);
      break;
    }
    case '"':
    case '\\':
    case '/': *out++ = escape; break;
    default: return SIZE_MAX;
    }
  }
  return (size_t)(out - target);
}

size_t ck_json_escape(const uint8_t *p, size_t n, uint8_t *target, int *has_high) {
  static const char hex[] = "0123456789ABCDEF";
  uint8_t *out = target;
  uint32_t high = 0;
  size_t i = 0;
  while (i < n) {
    uint32_t width = n - i < 16 ? (uint32_t)(n - i) : 16;
    uint32_t inside = (1u << width) - 1;
    uint32_t special = (ck_controls16(p + i) | ck_mask16(p + i, '"') | ck_mask16(p + i, '\\')) & inside;
    high |= ck_high16(p + i) & inside;
    memcpy(out, p + i, 16);
    uint32_t plain = special ? (uint32_t)__builtin_ctz(special) : width;
    out += plain;
    i += plain;
    if (!special) continue;
    uint8_t b = p[i++];
    *out++ = '\\';
    switch (b) {
    case '"':
    case '\\': *out++ = b; break;
    case '\n': *out++ = 'n'; break;
    case '\r': *out++ = 'r'; break;
    case '\t': *out++ = 't'; break;
    case '\b': *out++ = 'b'; break;
    case '\f': *out++ = 'f'; break;
    default:
      memcpy(out, "u00", 3);
      out[3] = (uint8_t)hex[b >> 4];
      out[4] = (uint8_t)hex[b & 15];
      out += 5;
    }
  }
  *has_high = high != 0;
  return (size_t)(out - target);
}

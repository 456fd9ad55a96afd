#ifndef CK_PLUGIN_H
#define CK_PLUGIN_H

#include <stdint.h>

/// What a shared library with connectors says of how it was compiled. Only ever extended at its end, with a higher `form`.
typedef struct {
  uint32_t magic;
  uint32_t form;
  /// Number of the author's API.
  int64_t api;
  /// Of the sizes of the types that cross the border.
  uint64_t layout;
  const char *toolchain;
  const char *version;
} ck_plugin_facts;

enum { CK_PLUGIN_MAGIC = 0x4352494D, CK_PLUGIN_FORM = 1 };

/// The compiler that compiles the code which this is inlined into.
static inline const char *ck_toolchain(void) { return __VERSION__; }

#endif

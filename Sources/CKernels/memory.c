#define _GNU_SOURCE
#include "CKernels.h"

#include <fcntl.h>
#include <malloc.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { HUGE_PAGE = 2 << 20 };

void ck_keep_freed_memory(void) {
#if defined(__GLIBC__)
  mallopt(M_TRIM_THRESHOLD, 32 << 20);
  // Setting one threshold fixes the other, which would have grown by itself to this.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
#endif
}

size_t ck_whole_pages(size_t size) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  return (size + page - 1) / page * page;
}

// Room that begins where a huge page may begin: more is asked for, and what is too much given back.
static void *aligned_room(size_t length, int protection) {
  uint8_t *room = mmap(NULL, length + HUGE_PAGE, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED) return NULL;
  size_t before = (HUGE_PAGE - (uintptr_t)room % HUGE_PAGE) % HUGE_PAGE;
  if (before > 0) munmap(room, before);
  if (before < HUGE_PAGE) munmap(room + before + length, HUGE_PAGE - before);
  return room + before;
}

void *ck_map(size_t size) {
  return aligned_room(ck_whole_pages(size), PROT_READ | PROT_WRITE);
}

void ck_want_huge_pages(void *memory, size_t size) {
#if defined(MADV_HUGEPAGE)
  madvise(memory, ck_whole_pages(size), MADV_HUGEPAGE);
#endif
}

void ck_unmap(void *memory, size_t size) { munmap(memory, ck_whole_pages(size)); }

void ck_trim(void *memory, size_t size, size_t smaller) {
  size_t had = ck_whole_pages(size), left = ck_whole_pages(smaller);
  if (left < had) munmap((uint8_t *)memory + left, had - left);
}

void *ck_remap(void *memory, size_t size, size_t larger) {
#if defined(MREMAP_FIXED)
  size_t length = ck_whole_pages(larger);
  void *room = aligned_room(length, PROT_NONE);
  if (!room) return NULL;
  void *moved = mremap(memory, ck_whole_pages(size), length, MREMAP_MAYMOVE | MREMAP_FIXED, room);
  if (moved != MAP_FAILED) return moved;
  munmap(room, length);
#endif
  void *copy = ck_map(larger);
  if (!copy) return NULL;
  memcpy(copy, memory, size < larger ? size : larger);
  ck_unmap(memory, size);
  return copy;
}

int ck_uncached_flag(void) {
#if defined(O_DIRECT)
  return O_DIRECT;
#else
  return 0;
#endif
}

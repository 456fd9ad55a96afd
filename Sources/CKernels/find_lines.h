// Finds and counts lines: CK_VARIANT names what belongs to one instruction set. Its `feeds` tells where 64 bytes have line feeds, and notes what
// else they have.

// Gathers the line feeds of blocks. Gives how many they are, or -1 if there is a carriage return: then what was gathered counts for nothing.
static inline ptrdiff_t CK_VARIANT(gather_feeds)(const uint8_t *p, size_t at, size_t blocks, uint32_t *ends, ck_line_state *state) {
  CK_VARIANT(seen) seen = {0};
  size_t count = 0;
  for (size_t end = at + 64 * blocks; at < end; at += 64)
    count += note_ends(CK_VARIANT(feeds)(p + at, &seen), (uint32_t)at, ends + count);
  if (seen.returns) return -1;
  state->has_high |= CK_VARIANT(has_high)(&seen);
  return (ptrdiff_t)count;
}

static size_t CK_VARIANT(lines)(const uint8_t *p, size_t n, ck_line_state *state, uint64_t *out, size_t capacity) {
  size_t at = state->position, from = state->start, found = 0;
  bool has_returns = at > 0 && p[at - 1] == '\r';
  uint32_t ends[64 * BLOCKS_AT_ONCE + 2];
  while (at < n && found + 64 <= capacity) {
    size_t whole = (n - at) / 64, room = (capacity - found) / 64, blocks = whole < room ? whole : room;
    if (blocks > BLOCKS_AT_ONCE) blocks = BLOCKS_AT_ONCE;
    // Where there were carriage returns there will be more.
    ptrdiff_t count = has_returns || blocks == 0 ? -1 : CK_VARIANT(gather_feeds)(p, at, blocks, ends, state);
    if (count >= 0) {
      from = spans_of(ends, (size_t)count, from, out + found);
      found += (size_t)count;
      at += 64 * blocks;
      continue;
    }
    has_returns = false;
    for (size_t last = at + 64 * (blocks > 0 ? blocks : 1); at < last; at += 64) {
      uint8_t part[64] = {0};
      const uint8_t *block = n - at < 64 ? memcpy(part, p + at, n - at) : p + at;
      CK_VARIANT(seen) seen = {0};
      uint64_t feeds = CK_VARIANT(feeds)(block, &seen);
      found += mixed_ends(p, at, feeds | seen.returns, &from, out + found);
      state->has_high |= CK_VARIANT(has_high)(&seen);
      has_returns |= seen.returns != 0;
    }
  }
  state->position = at < n ? at : n;
  state->start = from;
  return found;
}

// A pair of carriage return and line feed is one end, even where two blocks meet in it.
static size_t CK_VARIANT(count)(const uint8_t *p, size_t n) {
  size_t ends = 0;
  uint64_t before = 0;
  for (size_t at = 0; at < n; at += 64) {
    CK_VARIANT(seen) seen = {0};
    uint64_t inside = n - at < 64 ? (1ull << (n - at)) - 1 : ~0ull;
    uint64_t feeds = CK_VARIANT(feeds)(p + at, &seen) & inside, returns = seen.returns & inside;
    ends += (size_t)__builtin_popcountll(feeds);
    if (__builtin_expect((returns | before) != 0, 0)) {
      uint64_t pairs = (returns << 1 | before) & feeds;
      ends += (size_t)__builtin_popcountll(returns) - (size_t)__builtin_popcountll(pairs);
      before = returns >> 63;
    }
  }
  return ends + (n > 0 && p[n - 1] != '\n' && p[n - 1] != '\r');
}

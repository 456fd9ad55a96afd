#ifndef CK_SOCKETS_H
#define CK_SOCKETS_H

// Calls of Linux that Swift's Glibc module does not show. All give a negative number with errno set on failure. Addresses are bytes of a
// sockaddr, so that the types of the C library are not defined here once more.

#include <stddef.h>
#include <stdint.h>

/// Ready to read, to write; a broken socket is both.
enum { CK_READABLE = 1, CK_WRITABLE = 2 };

/// Something happened to a watched descriptor.
typedef struct {
  uint64_t tag;
  uint32_t ready;
} ck_event;

/// A descriptor to wait with.
int ck_poller_create(void);
/// Watches a descriptor for `interest`, changes that (`is_known`), or with a negative interest no longer watches it.
int ck_poller_watch(int poller, int descriptor, uint64_t tag, int interest, int is_known);
/// Waits up to `milliseconds` (-1: without end) and gives the number of events.
int ck_poller_wait(int poller, ck_event *events, int room, int milliseconds);
/// A descriptor that is readable once 8 bytes were written to it.
int ck_waker_create(void);

/// Accepts a connection, non-blocking and closed on exec.
int ck_accept(int descriptor, void *address, uint32_t *size);

/// One datagram that was received, or room for one. What does not fit into the first room goes into `rest`; in front of that there is room
/// for the beginning.
typedef struct {
  uint8_t *first, *rest;
  size_t first_capacity, rest_capacity;
  /// Where it lies: in the first room, or in front of the rest.
  const uint8_t *bytes;
  size_t count;
  uint32_t sender_size;
  uint64_t sender[16];
} ck_datagram;

/// Receives up to `room` (at most 128) datagrams that wait; gives their number.
int ck_receive_datagrams(int descriptor, ck_datagram *datagrams, int room);

#endif

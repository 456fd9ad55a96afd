#define _GNU_SOURCE
#include "ck_sockets.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

int ck_poller_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

int ck_poller_watch(int poller, int descriptor, uint64_t tag, int interest, int is_known) {
  struct epoll_event event;
  memset(&event, 0, sizeof event);
  if (interest < 0) return epoll_ctl(poller, EPOLL_CTL_DEL, descriptor, &event);
  event.events = (interest & CK_READABLE ? EPOLLIN : 0) | (interest & CK_WRITABLE ? EPOLLOUT : 0);
  event.data.u64 = tag;
  return epoll_ctl(poller, is_known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, descriptor, &event);
}

int ck_poller_wait(int poller, ck_event *events, int room, int milliseconds) {
  struct epoll_event found[64];
  int count = epoll_wait(poller, found, room < 64 ? room : 64, milliseconds);
  for (int i = 0; i < count; i++) {
    uint32_t flags = found[i].events;
    uint32_t broken = flags & (EPOLLERR | EPOLLHUP);
    events[i].tag = found[i].data.u64;
    events[i].ready = (broken || flags & EPOLLIN ? CK_READABLE : 0) | (broken || flags & EPOLLOUT ? CK_WRITABLE : 0);
  }
  return count;
}

int ck_waker_create(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

int ck_accept(int descriptor, void *address, uint32_t *size) {
  return accept4(descriptor, address, size, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int ck_receive_datagrams(int descriptor, ck_datagram *datagrams, int room) {
  struct mmsghdr headers[128];
  struct iovec vectors[128][2];
  if (room > 128) room = 128;
  memset(headers, 0, sizeof headers[0] * (size_t)room);
  for (int i = 0; i < room; i++) {
    ck_datagram *datagram = &datagrams[i];
    vectors[i][0] = (struct iovec){datagram->first, datagram->first_capacity};
    vectors[i][1] = (struct iovec){datagram->rest, datagram->rest_capacity};
    headers[i].msg_hdr.msg_iov = vectors[i];
    headers[i].msg_hdr.msg_iovlen = 2;
    headers[i].msg_hdr.msg_name = datagram->sender;
    headers[i].msg_hdr.msg_namelen = sizeof datagram->sender;
  }
  int count = recvmmsg(descriptor, headers, (unsigned)room, MSG_DONTWAIT, 0);
  for (int i = 0; i < count; i++) {
    ck_datagram *datagram = &datagrams[i];
    datagram->bytes = datagram->first;
    datagram->count = headers[i].msg_len;
    datagram->sender_size = headers[i].msg_hdr.msg_namelen;
    if (datagram->count > datagram->first_capacity) {
      uint8_t *start = datagram->rest - datagram->first_capacity;
      datagram->bytes = memcpy(start, datagram->first, datagram->first_capacity);
    }
  }
  return count;
}

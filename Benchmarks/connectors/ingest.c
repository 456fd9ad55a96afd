// Sends or drops bytes over loopback as fast as it goes: the other end of the ingest measurements (see ingest.py).
//
//   ingest drop tcp|udp              listens at a free port, prints it, then at the end what came: bytes, datagrams, seconds
//   ingest append FILE SECONDS       appends to a file and waits for the disk each time, for so long; prints bytes and seconds
//   ingest send tcp|udp PORT SECONDS sends lines of words for so long; prints bytes, records, seconds
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static const char *const words[] = {"apache", "spark", "stream", "of", "words", "the", "engine", "counts",
                                    "lines",  "and",   "socket", "to", "a",     "key", "value",  "batch"};

/// Lines of ten words; gives the bytes, and their number of lines.
static size_t text(char *out, size_t room, long *lines) {
  size_t at = 0;
  unsigned state = 12345;
  *lines = 0;
  while (at + 128 < room) {
    for (int i = 0; i < 10; i++) {
      state = state * 1103515245u + 12345u;
      at += (size_t)sprintf(out + at, "%s%s", i ? " " : "", words[state >> 16 & 15]);
    }
    out[at++] = '\n';
    ++*lines;
  }
  return at;
}

/// How much is written before the disk is waited for; reserved ahead by so many of it.
enum { PIECE = 8 << 20, AHEAD = 16 };

/// Appends to a file as fast as the disk takes what is synced.
static int append(const char *path, double seconds) {
  int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  char *room = malloc(PIECE);
  if (file < 0 || !room) return 1;
  long lines, at = 0, reserved = 0;
  memset(room, 'x', PIECE);
  text(room, PIECE, &lines);
  double start = now();
  while (now() - start < seconds) {
    if (at + PIECE > reserved) {
      if (posix_fallocate(file, reserved, (long)PIECE * AHEAD)) return 1;
      reserved += (long)PIECE * AHEAD;
    }
    if (pwrite(file, room, PIECE, at) != PIECE || fdatasync(file)) return 1;
    at += PIECE;
  }
  printf("{\"bytes\": %ld, \"seconds\": %.3f}\n", at, now() - start);
  return 0;
}

static int drop(int is_udp) {
  int s = socket(AF_INET, is_udp ? SOCK_DGRAM : SOCK_STREAM, 0);
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof a;
  bind(s, (struct sockaddr *)&a, sizeof a);
  getsockname(s, (struct sockaddr *)&a, &size);
  static char room[1 << 20];
  if (is_udp) {
    int wanted = 4 << 20;
    setsockopt(s, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof wanted);
    struct timeval patience = {1, 0};
    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  } else {
    listen(s, 1);
  }
  printf("%d\n", ntohs(a.sin_port));
  fflush(stdout);
  if (!is_udp) s = accept(s, 0, 0);
  double start = 0, last = 0;
  long bytes = 0, count = 0;
  if (is_udp) {
    struct mmsghdr headers[128];
    struct iovec vectors[128];
    memset(headers, 0, sizeof headers);
    for (int i = 0; i < 128; i++) {
      vectors[i] = (struct iovec){room + i * 2048, 2048};
      headers[i].msg_hdr.msg_iov = &vectors[i];
      headers[i].msg_hdr.msg_iovlen = 1;
    }
    for (;;) {
      int got = recvmmsg(s, headers, 128, MSG_WAITFORONE, 0);
      if (got <= 0 && start > 0) break;
      for (int i = 0; i < got; i++) bytes += headers[i].msg_len;
      count += got > 0 ? got : 0;
      last = now();
      if (start == 0) start = last;
    }
  } else {
    for (;;) {
      long got = recv(s, room, sizeof room, 0);
      if (got <= 0) break;
      bytes += got;
      count++;
      last = now();
      if (start == 0) start = last;
    }
  }
  printf("{\"bytes\": %ld, \"received\": %ld, \"seconds\": %.3f}\n", bytes, count, last - start);
  return 0;
}

static int give(int is_udp, int port, double seconds) {
  int s = socket(AF_INET, is_udp ? SOCK_DGRAM : SOCK_STREAM, 0);
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port),
                          .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (connect(s, (struct sockaddr *)&a, sizeof a)) return 1;
  static char room[1 << 20];
  long lines, bytes = 0, records = 0;
  size_t count = text(room, sizeof room, &lines);
  double start = now();
  if (is_udp) {
    struct mmsghdr headers[128];
    struct iovec vectors[128];
    memset(headers, 0, sizeof headers);
    char *at = room;
    for (int i = 0; i < 128; i++) {
      char *end = memchr(at, '\n', 1 << 16);
      vectors[i] = (struct iovec){at, (size_t)(end - at)};
      headers[i].msg_hdr.msg_iov = &vectors[i];
      headers[i].msg_hdr.msg_iovlen = 1;
      at = end + 1;
    }
    while (now() - start < seconds) {
      int put = sendmmsg(s, headers, 128, 0);
      for (int i = 0; i < put; i++) bytes += (long)vectors[i].iov_len;
      records += put > 0 ? put : 0;
    }
  } else {
    while (now() - start < seconds) {
      for (size_t at = 0; at < count;) {
        long put = send(s, room + at, count - at, MSG_NOSIGNAL);
        if (put <= 0) return 1;
        at += (size_t)put;
      }
      bytes += (long)count;
      records += lines;
    }
  }
  printf("{\"bytes\": %ld, \"records\": %ld, \"seconds\": %.3f}\n", bytes, records, now() - start);
  return 0;
}

int main(int argc, char **argv) {
  if (argc == 3 && !strcmp(argv[1], "drop")) return drop(!strcmp(argv[2], "udp"));
  if (argc == 4 && !strcmp(argv[1], "append")) return append(argv[2], atof(argv[3]));
  if (argc == 5 && !strcmp(argv[1], "send")) return give(!strcmp(argv[2], "udp"), atoi(argv[3]), atof(argv[4]));
  fputs("usage: ingest drop tcp|udp | ingest append FILE SECONDS | ingest send tcp|udp PORT SECONDS\n", stderr);
  return 2;
}

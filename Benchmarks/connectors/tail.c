// What reading a log costs on one core, for scripts/bench --connectors.
//
// usage: tail FILE      reads the file in blocks of 512 KiB and finds each line's end with memchr; prints a line of JSON
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 512 << 10 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

int main(int count, char **arguments) {
  if (count != 2) return 2;
  int file = open(arguments[1], O_RDONLY);
  char *block = malloc(BLOCK);
  if (file < 0 || !block) return 1;
  double start = now();
  long bytes = 0, lines = 0;
  for (ssize_t got; (got = read(file, block, BLOCK)) > 0; bytes += got)
    for (char *at = block; (at = memchr(at, '\n', (size_t)(block + got - at))); at++) lines++;
  printf("{\"bytes\": %ld, \"lines\": %ld, \"seconds\": %.6f}\n", bytes, lines, now() - start);
}

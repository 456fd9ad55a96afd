// A connector of its own that does next to nothing, and what a pipe takes without it: the other end of the measurements of programs
// (see programs.py).
//
//   program                        speaks the protocol of docs/out-of-process.md: a source of lines, a sink that drops them
//   program drop MIB COMMAND...    runs a command, takes its output and drops it; prints bytes and seconds
//   program feed MIB COMMAND...    runs a command and gives it so much to read; prints bytes and seconds
//   program write MIB              writes lines to its standard output
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 1 << 20, LINE = 64, ROOM = 256 << 10 };
static char block[BLOCK];

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/// Lines of the same length.
static void fill(void) {
  for (int at = 0; at < BLOCK; at += LINE) {
    for (int i = 0; i < LINE - 1; i++) block[at + i] = i % 8 == 7 ? ' ' : (char)('a' + (at / LINE + i) % 26);
    block[at + LINE - 1] = '\n';
  }
}

static int give(int file, const char *from, size_t count) {
  for (size_t at = 0; at < count;) {
    ssize_t put = write(file, from + at, count - at);
    if (put <= 0) return 1;
    at += (size_t)put;
  }
  return 0;
}

/// Runs a command with its output, or its input, at the other end of a pipe.
static int beside(char **command, int is_source, long mib) {
  int ends[2];
  if (pipe(ends)) return 1;
  double start = now();
  pid_t child = fork();
  if (child == 0) {
    dup2(ends[is_source], is_source);
    close(ends[0]), close(ends[1]);
    execvp(command[0], command);
    _exit(127);
  }
  close(ends[is_source]);
  long bytes = 0;
  static char room[ROOM];
  if (is_source) {
    for (ssize_t got; (got = read(ends[0], room, sizeof room)) > 0;) bytes += got;
  } else {
    for (; bytes < mib << 20; bytes += BLOCK)
      if (give(ends[1], block, BLOCK)) return 1;
  }
  close(ends[!is_source]);
  int status;
  waitpid(child, &status, 0);
  printf("{\"bytes\": %ld, \"seconds\": %.3f}\n", bytes, now() - start);
  return status != 0;
}

/// What is behind `key` in a call, as a number; 0 without one.
static long number(const char *call, const char *key) {
  const char *at = strstr(call, key);
  return at ? atol(at + strlen(key)) : 0;
}

static void say(const char *answer) { give(1, answer, strlen(answer)); }

static const char *const spec =
    "{\"ok\":{\"protocol\":1,\"connectors\":[{\"name\":\"lines\",\"summary\":\"Lines, or a place for them.\","
    "\"source\":{\"replayable\":true,\"options\":[{\"name\":\"blocks\",\"type\":\"integer\",\"summary\":\"MiB.\","
    "\"required\":true}]},\"sink\":{\"guarantee\":\"at-least-once\",\"options\":[]}}]}}\n";

static int speak(void) {
  static char call[1 << 16], room[ROOM], text[64];
  long blocks = 0;
  // Records must be read from where the call ends, so the library keeps the buffer.
  setvbuf(stdin, NULL, _IOFBF, ROOM);
  while (fgets(call, sizeof call, stdin)) {
    if (strstr(call, "\"call\":\"spec\"")) {
      say(spec);
      continue;
    }
    if (strstr(call, "\"call\":\"open\"")) blocks = number(call, "\"blocks\":");
    if (strstr(call, "\"call\":\"plan\"")) {
      long after = number(call, "\"after\":"), most = number(call, "\"bytes\":") >> 20;
      long end = most > 0 && after + most < blocks ? after + most : blocks;
      snprintf(text, sizeof text, "{\"ok\":{\"end\":%ld}}\n", end);
      say(text);
      continue;
    }
    if (strstr(call, "\"call\":\"read\"")) {
      for (long at = number(call, "\"after\":"); at < number(call, "\"end\":"); at++) {
        snprintf(text, sizeof text, "{\"records\":%d}\n", BLOCK / LINE);
        say(text);
        if (give(1, block, BLOCK)) return 1;
      }
    }
    if (strstr(call, "\"call\":\"write\"")) {
      for (long left = number(call, "\"records\":"); left > 0; left--)
        if (!fgets(room, sizeof room, stdin)) return 1;
    }
    say("{\"ok\":{}}\n");
  }
  return 0;
}

int main(int argc, char **argv) {
  fill();
  if (argc == 1) return speak();
  if (argc > 3 && !strcmp(argv[1], "drop")) return beside(argv + 3, 1, atol(argv[2]));
  if (argc > 3 && !strcmp(argv[1], "feed")) return beside(argv + 3, 0, atol(argv[2]));
  if (argc == 3 && !strcmp(argv[1], "write")) {
    for (long n = atol(argv[2]); n > 0; n--)
      if (give(1, block, BLOCK)) return 1;
    return 0;
  }
  fputs("usage: program | program drop MIB COMMAND... | program feed MIB COMMAND... | program write MIB\n", stderr);
  return 2;
}

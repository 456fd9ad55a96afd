// latency RATE SECONDS -- COMMAND...
// Measures a word count from the outside: line sent to row received, over loopback.
//
// Listens on two ports of its own, starts COMMAND with them in the environment (LINES_PORT: lines are sent to whoever connects,
// ROWS_PORT: rows are received), sends RATE lines a second and reads rows `word,count`. Every line has the word "the" once, so a row
// `the,N` shows the first N lines. Time is taken right before a send and right after a receive, on the same clock. The first second
// does not count. Prints one JSON object: microseconds, and what the sender could not keep.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

static int64_t now() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return int64_t(t.tv_sec) * 1000000000 + t.tv_nsec;
}

static void sleepUntil(int64_t time) {
  timespec t{time / 1000000000, time % 1000000000};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, nullptr);
}

[[noreturn]] static void fail(const char *what) {
  perror(what);
  exit(1);
}

/// A listening socket on a port that the system chooses; the port goes into the environment under `name`.
static int listening(const char *name) {
  int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(s, (sockaddr *)&address, size) || listen(s, 4) || getsockname(s, (sockaddr *)&address, &size)) fail("listening");
  setenv(name, std::to_string(ntohs(address.sin_port)).c_str(), 1);
  return s;
}

static int accepted(int listener) {
  int s = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  if (s < 0) fail("accepting");
  int one = 1;
  setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return s;
}

int main(int count, char **words) {
  if (count < 5 || strcmp(words[3], "--")) return fprintf(stderr, "usage: latency RATE SECONDS -- COMMAND...\n"), 2;
  const double rate = atof(words[1]), seconds = atof(words[2]);
  const int64_t total = int64_t(rate * seconds);
  signal(SIGPIPE, SIG_IGN);
  int lines = listening("LINES_PORT"), rows = listening("ROWS_PORT");

  const int64_t born = now();
  pid_t child = fork();
  if (child == 0) {
    execvp(words[4], words + 4);
    _exit(127);
  }
  // The order in which the two are connected is the command's affair.
  int to = -1, from = -1;
  std::thread acceptor([&] { from = accepted(rows); });
  to = accepted(lines);
  acceptor.join();

  std::vector<int64_t> sent(total), shown(total, 0);
  std::atomic<int64_t> visible{0};
  int64_t firstRow = 0;
  std::thread reader([&] {
    std::vector<char> buffer(1 << 20);
    std::string rest;
    while (true) {
      ssize_t got = recv(from, buffer.data(), buffer.size(), 0);
      int64_t time = now();
      if (got <= 0) return;
      if (!firstRow) firstRow = time;
      rest.append(buffer.data(), got);
      size_t at = 0, end;
      int64_t most = visible;
      while ((end = rest.find('\n', at)) != std::string::npos) {
        if (rest.compare(at, 4, "the,") == 0) most = std::max<int64_t>(most, strtoll(rest.c_str() + at + 4, nullptr, 10));
        at = end + 1;
      }
      rest.erase(0, at);
      for (int64_t line = visible; line < most && line < total; line++) shown[line] = time;
      visible = most;
    }
  });

  const char *vocabulary[] = {"alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"};
  uint64_t random = 7;
  std::vector<std::string> pool;
  for (int i = 0; i < 1000; i++) {
    std::string line = "the";
    for (int w = 0; w < 5; w++) {
      random = random * 6364136223846793005u + 1442695040888963407u;
      line += std::string(" ") + vocabulary[(random >> 33) % 10];
    }
    pool.push_back(line + "\n");
  }
  const int64_t start = now() + 1000000, step = std::max<int64_t>(int64_t(1e9 / rate), 200000);
  int64_t late = 0;
  std::string out;
  for (int64_t next = 0, tick = 0; next < total; tick++) {
    sleepUntil(start + tick * step);
    int64_t due = std::min<int64_t>(total, int64_t(double(now() - start) * rate / 1e9) + 1);
    if (due <= next) continue;
    out.clear();
    int64_t first = next;
    for (; next < due; next++) out += pool[next % 1000];
    int64_t time = now();
    late = std::max(late, time - (start + int64_t(double(first) / rate * 1e9)));
    std::fill(sent.begin() + first, sent.begin() + next, time);
    for (size_t done = 0; done < out.size();) {
      ssize_t put = send(to, out.data() + done, out.size() - done, MSG_NOSIGNAL);
      if (put < 0) fail("sending");
      done += put;
    }
  }
  const int64_t deadline = now() + 30000000000;
  while (visible < total && now() < deadline) sleepUntil(now() + 1000000);
  const int64_t ended = now();
  kill(child, SIGTERM);
  int status = 0;
  rusage used{};
  wait4(child, &status, 0, &used);
  shutdown(from, SHUT_RDWR);
  reader.join();

  std::vector<int64_t> latency;
  for (int64_t line = 0; line < total; line++)
    if (sent[line] >= start + 1000000000 && shown[line]) latency.push_back(shown[line] - sent[line]);
  std::sort(latency.begin(), latency.end());
  auto at = [&](double share) { return latency.empty() ? -1.0 : latency[std::min<size_t>(latency.size() - 1, size_t(double(latency.size()) * share))] / 1e3; };
  printf(
      "{\"rate\": %.0f, \"seconds\": %.0f, \"lines\": %lld, \"shown\": %lld, \"first_row_ms\": %.1f, \"min\": %.1f, \"p50\": %.1f, \"p90\": %.1f, "
      "\"p99\": %.1f, \"p999\": %.1f, \"max\": %.1f, \"sender_late_us\": %.1f, \"drain_ms\": %.1f, \"cpu_s\": %.2f, \"rss_mib\": %.1f, \"status\": %d}\n",
      rate, seconds, (long long)total, (long long)visible, (firstRow - born) / 1e6, at(0), at(.5), at(.9), at(.99), at(.999), at(1), late / 1e3,
      (ended - (total ? sent[total - 1] : ended)) / 1e6,
      used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6, used.ru_maxrss / 1024.0,
      WIFEXITED(status) ? WEXITSTATUS(status) : -1);
  return visible >= total ? 0 : 1;
}

#define _GNU_SOURCE
#include "ck_processes.h"

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

int ck_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int ck_spawn_in_folder(void *actions, const char *folder) {
  return posix_spawn_file_actions_addchdir_np((posix_spawn_file_actions_t *)actions, folder);
}

#ifndef CK_PROCESSES_H
#define CK_PROCESSES_H

// Calls for starting programs that Swift's Glibc module does not show.

/// A pipe whose ends other programs do not inherit: the end to read from, then the end to write to. Negative with errno set on failure.
int ck_pipe(int ends[2]);

/// Makes a program that is started with `actions`, a posix_spawn_file_actions_t, work in a folder. An error number, or 0.
int ck_spawn_in_folder(void *actions, const char *folder);

#endif

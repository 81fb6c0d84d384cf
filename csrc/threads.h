/* The pool of threads that share the work on large arrays. */
#ifndef RF_THREADS_H
#define RF_THREADS_H

#include "relu_fast.h"

/* Runs part(context, i) for i in 0 .. n_parts - 1, each once, in any order and by up to rf_get_num_threads()
 * threads, of which the caller is one. By the caller alone where the pool works for someone else already,
 * which it does when a part comes back here. A part must not fork. */
void rf_parallel(int n_parts, void (*part)(void *context, int index), void *context);

/* Processors that the cgroup of this process grants it, rounded up; INT_MAX: no limit. `root` stands before
 * /proc and /sys. */
int rf_cgroup_processors(const char *root);

#endif

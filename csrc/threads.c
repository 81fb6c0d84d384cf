/* The pool: workers that sleep until a caller shares its parts with them. Nothing starts before the first
 * call that needs it, and no result depends on how many came.
 *
 * A job stands on the stack of its caller. Workers join it under the lock while it is open, and take parts
 * from its counter; whoever finds the counter at its end closes the job. The caller waits only for workers
 * that joined: one that wakes too late finds nothing to do and holds nobody up. */
#define _GNU_SOURCE /* sched_getaffinity */
#include "threads.h"
#include "workspace.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- how many threads */

/* The contents of a file as a string that ends within `size`; 0 if there is no such file. */
static int read_text(const char *path, char *text, size_t size)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    size_t length = 0;
    ssize_t got;
    while ((got = read(file, text + length, size - 1 - length)) > 0 || (got < 0 && errno == EINTR))
        if (got > 0) length += (size_t)got;
    close(file);
    text[length] = 0;
    return 1;
}

static int processors(long long quota, long long period)
{
    if (quota <= 0 || period <= 0) return INT_MAX;
    long long n = quota / period + (quota % period != 0);
    return n < INT_MAX ? (int)n : INT_MAX;
}

enum { PATH_SIZE = 4096 };

/* What one cgroup grants: version 2 says "50000 100000" or "max 100000", version 1 has a file for each. */
static int granted(const char *folder, int version)
{
    char path[PATH_SIZE + 32], text[64];
    long long quota, period;
    if (version == 2) {
        snprintf(path, sizeof path, "%s/cpu.max", folder);
        if (!read_text(path, text, sizeof text) || sscanf(text, "%lld %lld", &quota, &period) != 2)
            return INT_MAX;
        return processors(quota, period);
    }
    snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder);
    if (!read_text(path, text, sizeof text) || sscanf(text, "%lld", &quota) != 1) return INT_MAX;
    snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
    if (!read_text(path, text, sizeof text) || sscanf(text, "%lld", &period) != 1) return INT_MAX;
    return processors(quota, period);
}

/* The least that a cgroup and those above it grant. Inside a container the path may be the host's, of which
 * only the end of the walk, the mounted folder, exists. */
static int least_granted(const char *mount, const char *path, int version)
{
    char folder[PATH_SIZE];
    size_t top = strlen(mount);
    if (snprintf(folder, sizeof folder, "%s%s", mount, path) >= PATH_SIZE) folder[top] = 0;
    for (int least = INT_MAX;;) {
        int here = granted(folder, version);
        if (here < least) least = here;
        char *slash = strrchr(folder + top, '/');
        if (!slash) return least;
        *slash = 0;
    }
}

/* Whether "cpu" is one of the names between commas. */
static int lists_cpu(const char *controllers)
{
    for (const char *name = controllers; name; name = strchr(name, ',') ? strchr(name, ',') + 1 : NULL)
        if (strncmp(name, "cpu", 3) == 0 && (name[3] == ',' || name[3] == 0)) return 1;
    return 0;
}

int rf_cgroup_processors(const char *root)
{
    char path[PATH_SIZE], mount[PATH_SIZE], text[2 * PATH_SIZE];
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    if (!read_text(path, text, sizeof text)) return INT_MAX;
    int least = INT_MAX;
    /* "0::/user.slice" is version 2, "4:cpu,cpuacct:/user.slice" version 1 */
    for (char *line = text, *next; line && *line; line = next) {
        if ((next = strchr(line, '\n'))) *next++ = 0;
        char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group) continue;
        *group++ = 0, controllers++;
        if (*controllers && !lists_cpu(controllers)) continue;
        snprintf(mount, sizeof mount, "%s/sys/fs/cgroup%s", root, *controllers ? "/cpu" : "");
        int here = least_granted(mount, group, *controllers ? 1 : 2);
        if (here < least) least = here;
    }
    return least;
}

static int processors_allowed(void)
{
#if defined(__linux__)
    cpu_set_t
        set[32]; /* for 32Ki processors: the call fails where the kernel has more than there is room for */
    if (sched_getaffinity(0, sizeof set, set) == 0) return CPU_COUNT_S(sizeof set, set);
#endif
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int)online : 1;
}

static int least_of(int a, int b) { return a < b ? a : b; }

/* What the environment asks for; 0: nothing, -1: nonsense. */
static int environment(void)
{
    const char *given = getenv("RELU_FAST_NUM_THREADS");
    if (!given || !*given) return 0;
    char *end;
    errno = 0;
    long n = strtol(given, &end, 10);
    return *end == 0 && errno == 0 && n >= 1 && n <= RF_MAX_THREADS ? (int)n : -1;
}

rf_status rf_threads_environment(void) { return environment() < 0 ? RF_EINVAL : RF_OK; }

static atomic_int chosen; /* 0: not yet */

int rf_get_num_threads(void)
{
    int n = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (n) return n;
    int wanted = environment();
    if (wanted <= 0)
        wanted = least_of(least_of(processors_allowed(), rf_cgroup_processors("")), RF_MAX_THREADS);
    /* a choice by rf_set_num_threads wins */
    return atomic_compare_exchange_strong(&chosen, &n, wanted) ? wanted : n;
}

/* ---- the pool */

typedef struct {
    int n_parts;
    void (*part)(void *context, int index);
    void *context;
    atomic_int next; /* part that nobody has taken */
} job;

static struct {
    pthread_mutex_t lock; /* of all the others; held for moments only */
    pthread_cond_t wake;  /* workers: there is a job, or a reason to leave */
    pthread_cond_t done;  /* the caller: nobody is inside its job any more */
    pthread_cond_t gone;  /* shutdown: the last worker left */
    _Atomic(job *) open;
    atomic_int inside; /* workers in the job; spin_until looks at these two without the lock */
    int busy;          /* with a caller, from before its job opens until all have left it */
    int n_workers, n_asleep, n_stoppers;
    pid_t pid;
} pool = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .wake = PTHREAD_COND_INITIALIZER,
    .done = PTHREAD_COND_INITIALIZER,
    .gone = PTHREAD_COND_INITIALIZER,
};

static void take_parts(job *j)
{
    for (int i; (i = atomic_fetch_add_explicit(&j->next, 1, memory_order_relaxed)) < j->n_parts;)
        j->part(j->context, i);
}

enum { SPIN_NANOSECONDS = 50000 };

static int is_open(void) { return pool.open != NULL; }
static int nobody_inside(void) { return pool.inside == 0; }

/* Not longer than falling asleep and being woken costs (50 us on a virtual machine), and after anyone else
 * who wants the processor. */
static void spin_until(int (*over)(void))
{
    struct timespec start, now;
    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        if (over()) return;
        sched_yield();
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((now.tv_sec - start.tv_sec) * 1000000000L + now.tv_nsec - start.tv_nsec < SPIN_NANOSECONDS);
}

static int one_too_many(void) { return pool.n_stoppers || pool.n_workers > rf_get_num_threads() - 1; }

static void *work(void *unused)
{
    pthread_mutex_lock(&pool.lock);
    while (!one_too_many()) {
        job *j = pool.open;
        if (!j) {
            pool.n_asleep++;
            pthread_cond_wait(&pool.wake, &pool.lock);
            pool.n_asleep--;
            continue;
        }
        pool.inside++;
        pthread_mutex_unlock(&pool.lock);
        take_parts(j);
        pthread_mutex_lock(&pool.lock);
        pool.open = NULL;
        if (--pool.inside == 0) pthread_cond_signal(&pool.done);
        pthread_mutex_unlock(&pool.lock);
        spin_until(is_open);
        pthread_mutex_lock(&pool.lock);
    }
    if (--pool.n_workers == 0) pthread_cond_broadcast(&pool.gone);
    pthread_mutex_unlock(&pool.lock);
    return unused;
}

/* With every signal blocked: the program's handlers run in threads of its own. */
static int start_thread(void)
{
    sigset_t all, before;
    pthread_attr_t detached;
    pthread_t thread;
    if (pthread_attr_init(&detached)) return 0;
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&thread, &detached, work, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&detached);
    return !failed;
}

/* The lock is held, but not while a thread starts: `busy` keeps other callers away. Where threads cannot be
 * had, fewer do. Others may leave meanwhile: the number to start is fixed before. */
static void grow(int n_workers)
{
    int started = 1;
    for (int missing = n_workers - pool.n_workers; started && missing > 0; missing--) {
        pool.n_workers++;
        pthread_mutex_unlock(&pool.lock);
        started = start_thread();
        pthread_mutex_lock(&pool.lock);
        if (!started && --pool.n_workers == 0) pthread_cond_broadcast(&pool.gone);
    }
}

static void before_fork(void) { pthread_mutex_lock(&pool.lock); }
static void after_fork(void) { pthread_mutex_unlock(&pool.lock); }

/* Workers, and callers other than the one that forked, are not in the child. */
static void after_fork_in_child(void)
{
    pool.wake = pool.done = pool.gone = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    pool.open = NULL;
    pool.inside = 0;
    pool.busy = pool.n_workers = pool.n_asleep = pool.n_stoppers = 0;
    pool.pid = getpid();
    pthread_mutex_unlock(&pool.lock);
}

static void survive_forks(void)
{
    if (pthread_atfork(before_fork, after_fork, after_fork_in_child) == 0) pool.pid = getpid();
}

/* Whether the pool belongs to this process: not in a child of _Fork() or clone(), which run no handlers. */
static int is_ours(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, survive_forks);
    return pool.pid == getpid();
}

static int try_open(job *j, int n_helpers)
{
    pthread_mutex_lock(&pool.lock);
    int free = !pool.busy && !pool.n_stoppers, n_signals = 0;
    if (free) {
        pool.busy = 1;
        grow(n_helpers);
        pool.open = j;
        n_signals = n_helpers - (pool.n_workers - pool.n_asleep);
    }
    pthread_mutex_unlock(&pool.lock);
    for (int i = 0; i < n_signals; i++) pthread_cond_signal(&pool.wake);
    return free;
}

static void close_and_wait(void)
{
    pool.open = NULL;
    spin_until(nobody_inside);
    pthread_mutex_lock(&pool.lock); /* whoever still saw the job open has come inside by now */
    while (pool.inside) pthread_cond_wait(&pool.done, &pool.lock);
    pool.busy = 0;
    pthread_mutex_unlock(&pool.lock);
}

void rf_parallel(int n_parts, void (*part)(void *context, int index), void *context)
{
    job j = {.n_parts = n_parts, .part = part, .context = context};
    int n_helpers = n_parts > 1 ? least_of(n_parts, rf_get_num_threads()) - 1 : 0;
    int shared = n_helpers && is_ours() && try_open(&j, n_helpers);
    take_parts(&j);
    if (shared) close_and_wait();
}

rf_status rf_set_num_threads(int n)
{
    if (n < 1 || n > RF_MAX_THREADS) return RF_EINVAL;
    atomic_store_explicit(&chosen, n, memory_order_relaxed);
    if (!is_ours()) return RF_OK;
    pthread_mutex_lock(&pool.lock); /* a worker that has just looked at the number is asleep by now */
    pthread_cond_broadcast(&pool.wake);
    pthread_mutex_unlock(&pool.lock);
    return RF_OK;
}

void rf_threads_shutdown(void)
{
    rf_workspace_free();
    if (!is_ours()) return;
    pthread_mutex_lock(&pool.lock);
    pool.n_stoppers++;
    pthread_cond_broadcast(&pool.wake);
    while (pool.n_workers) pthread_cond_wait(&pool.gone, &pool.lock);
    pool.n_stoppers--;
    pthread_mutex_unlock(&pool.lock);
}

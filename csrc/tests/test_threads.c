/* The pool: every part runs once whatever callers, forks, shutdowns and missing threads do to it; how many
 * threads there are to be. */
#if !defined(__APPLE__)
#define _GNU_SOURCE /* pthread_setattr_default_np, sched_setaffinity, _Fork */
#endif
#include "check.h"
#include "threads.h"

#include <dirent.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Sanitizers hold locks of their own while a thread starts or ends; a fork would leave them locked. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif

/* ---- parts */

enum { MOST_PARTS = 1000, PATIENCE = 60 };

typedef struct {
    atomic_int runs[MOST_PARTS];
} tally;

static void count_run(void *context, int i) { ((tally *)context)->runs[i]++; }

static int each_ran_once(const tally *t, int n_parts)
{
    for (int i = 0; i < MOST_PARTS; i++)
        if (t->runs[i] != (i < n_parts)) return 0;
    return 1;
}

static int runs_every_part_once(int n_parts)
{
    tally t = {0};
    rf_parallel(n_parts, count_run, &t);
    return each_ran_once(&t, n_parts);
}

static int wait_for(int (*over)(void *), void *context)
{
    const struct timespec moment = {0, 100000};
    time_t end = time(NULL) + PATIENCE;
    while (!over(context)) {
        if (time(NULL) > end) return 0;
        nanosleep(&moment, NULL);
    }
    return 1;
}

/* Parts that end once all have begun: as many threads are needed. */
typedef struct {
    atomic_int begun, late, signals_let_through;
    int n;
    pthread_t caller;
} meeting;

static int all_have_begun(void *context)
{
    meeting *m = context;
    return m->begun >= m->n;
}

static int signal_gets_through(void)
{
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGALRM, SIGCHLD, SIGUSR1, SIGPROF, SIGSEGV};
    for (size_t i = 0; i < LENGTH_OF(signals); i++)
        if (!sigismember(&blocked, signals[i])) return 1;
    return 0;
}

static void attend(void *context, int i)
{
    (void)i;
    meeting *m = context;
    m->begun++;
    if (!pthread_equal(pthread_self(), m->caller)) m->signals_let_through += signal_gets_through();
    if (!wait_for(all_have_begun, m)) m->late++;
}

static meeting meet_once(int n)
{
    meeting m = {.n = n, .caller = pthread_self()};
    rf_parallel(n, attend, &m);
    return m;
}

static int threads_meet(int n)
{
    meeting m = meet_once(n);
    return m.late == 0;
}

/* ---- sharing */

static void test_parts(void)
{
    const int n_threads[] = {1, 2, 3, 8}, n_parts[] = {0, 1, 2, 3, 7, 64, MOST_PARTS};
    for (size_t t = 0; t < LENGTH_OF(n_threads); t++) {
        check(rf_set_num_threads(n_threads[t]) == RF_OK, "%d threads are refused", n_threads[t]);
        check(rf_get_num_threads() == n_threads[t], "%d threads are not remembered", n_threads[t]);
        for (size_t p = 0; p < LENGTH_OF(n_parts); p++)
            check(runs_every_part_once(n_parts[p]), "%d parts, %d threads: not every part ran once",
                  n_parts[p], n_threads[t]);
        check(threads_meet(n_threads[t]), "%d parts do not run at the same time", n_threads[t]);
    }
    meeting m = meet_once(4);
    check(m.late == 0 && m.signals_let_through == 0, "a worker does not block all signals");
}

static void share_again(void *context, int i)
{
    tally inner = {0};
    rf_parallel(7, count_run, &inner);
    if (each_ran_once(&inner, 7)) count_run(context, i);
}

static void test_nested(void)
{
    tally outer = {0};
    rf_set_num_threads(3);
    rf_parallel(20, share_again, &outer);
    check(each_ran_once(&outer, 20), "parts that share parts of their own: not every part ran once");
}

/* Work in the background until told to stop. */
typedef struct {
    pthread_t thread;
    void (*work)(void);
    atomic_int rounds, stop;
} background;

static void *repeat(void *context)
{
    background *b = context;
    while (!b->stop) b->work(), b->rounds++;
    return NULL;
}

static int has_worked(void *context) { return ((background *)context)->rounds > 0; }

static void start(background *b, void (*work)(void))
{
    *b = (background){.work = work};
    if (pthread_create(&b->thread, NULL, repeat, b) || !wait_for(has_worked, b)) abort();
}

static void stop(background *b)
{
    b->stop = 1;
    pthread_join(b->thread, NULL);
}

static void do_nothing(void) { sched_yield(); }

static atomic_int wrong_rounds;

static void share_parts(void) { wrong_rounds += !runs_every_part_once(50); }

static void change_number(void)
{
    static int n;
    rf_set_num_threads(1 + n++ % 6);
    sched_yield();
}

static void test_many_callers(void)
{
    background callers[6];
    rf_set_num_threads(3);
    wrong_rounds = 0;
    for (size_t i = 0; i < LENGTH_OF(callers); i++) start(&callers[i], share_parts);
    for (int round = 0; round < 300; round++) share_parts();
    for (size_t i = 0; i < LENGTH_OF(callers); i++) stop(&callers[i]);
    check(wrong_rounds == 0, "seven callers at once: not every part ran once");
}

static void test_changing_the_number_meanwhile(void)
{
    background changer, shutter;
    wrong_rounds = 0;
    start(&changer, change_number);
    start(&shutter, rf_threads_shutdown);
    for (int round = 0; round < 300; round++) share_parts();
    stop(&shutter);
    stop(&changer);
    check(wrong_rounds == 0, "while threads come and go: not every part ran once");
    rf_set_num_threads(4);
    check(threads_meet(4), "four parts do not run at the same time after the number changed often");
}

/* A call that holds the pool until it is let go. */
static atomic_int held, let_go;

static int is_held(void *unused) { return (void)unused, held == 2; }
static int is_let_go(void *unused) { return (void)unused, let_go; }

static void hold(void *unused, int i)
{
    (void)i;
    held++;
    wait_for(is_let_go, unused);
}

static void *hold_the_pool(void *unused)
{
    rf_parallel(2, hold, NULL);
    return unused;
}

typedef struct {
    pthread_t caller;
    atomic_int elsewhere;
} whereabouts;

static void note_thread(void *context, int i)
{
    (void)i;
    whereabouts *w = context;
    w->elsewhere += !pthread_equal(pthread_self(), w->caller);
}

static void test_busy_pool(void)
{
    rf_set_num_threads(2);
    pthread_t holder;
    held = let_go = 0;
    if (pthread_create(&holder, NULL, hold_the_pool, NULL)) abort();
    check(wait_for(is_held, NULL), "two parts do not run at the same time");
    whereabouts w = {.caller = pthread_self()};
    rf_parallel(100, note_thread, &w);
    check(w.elsewhere == 0, "a busy pool does not leave the parts to their caller");
    let_go = 1;
    pthread_join(holder, NULL);
    check(threads_meet(2), "a pool that was busy is not free again");
}

/* ---- large arrays */

enum { LARGE = 200003, STREAMED = (1 << 20) + 77 };

typedef struct {
    rf_dtype dtype;
    size_t n;
    void *x, *g, *y, *gx;
} arrays;

static arrays make_arrays(rf_dtype dtype, size_t n)
{
    size_t bytes = n * dtype_size(dtype);
    arrays a = {dtype, n, malloc(bytes), malloc(bytes), malloc(bytes), malloc(bytes)};
    if (!a.x || !a.g || !a.y || !a.gx) abort();
    sample_inputs(dtype, a.x, n);
    sample_gradients(dtype, a.g, n);
    memset(a.y, 0, bytes);
    memset(a.gx, 0, bytes);
    return a;
}

static void free_arrays(arrays *a) { free(a->x), free(a->g), free(a->y), free(a->gx); }

static int same_results(const arrays *a, const arrays *b)
{
    return first_difference(a->dtype, a->y, b->y, a->n) == a->n &&
           first_difference(a->dtype, a->gx, b->gx, a->n) == a->n;
}

static void compute(rf_activation row, const arrays *a)
{
    double params[RF_MAX_PARAMS];
    for (int k = 0; k < RF_MAX_PARAMS; k++) {
        double value = k < rf_info(row)->n_params ? rf_info(row)->param_defaults[k] : 0;
        put(a->dtype, params, (size_t)k, value == value ? value : 0.25);
    }
    check(rf_forward(row, a->dtype, a->n, a->x, params, a->y) == RF_OK &&
              rf_backward(row, a->dtype, a->n, a->g, a->x, params, a->gx) == RF_OK,
          "%s of %zu numbers is refused", rf_info(row)->name, a->n);
}

static void test_large_arrays(void)
{
    const size_t lengths[] = {LARGE, STREAMED};
    for (size_t i = 0; i < LENGTH_OF(lengths); i++)
        FOR_EACH_DTYPE(dtype) {
            arrays alone = make_arrays(dtype, lengths[i]), shared = make_arrays(dtype, lengths[i]);
            FOR_EACH_ROW(row) {
                rf_set_num_threads(1);
                compute(row, &alone);
                rf_set_num_threads(3);
                compute(row, &shared);
                check(same_results(&alone, &shared), "%s of %zu %s: three threads differ from one",
                      rf_info(row)->name, lengths[i], dtype_name(dtype));
            }
            free_arrays(&alone), free_arrays(&shared);
        }
}

/* ---- coming and going */

/* Those of the program, and one that a sanitizer adds when the first is made. */
static int threads_at_first;

/* How many threads this process has; 0: this system does not tell. */
static int count_threads(void)
{
    DIR *tasks = opendir("/proc/self/task");
    if (!tasks) return 0;
    int n = 0;
    for (struct dirent *entry; (entry = readdir(tasks));) n += entry->d_name[0] != '.';
    closedir(tasks);
    return n;
}

void count_threads_at_first(void)
{
    background another;
    start(&another, do_nothing);
    threads_at_first = count_threads() - 1;
    stop(&another);
}

static int has_threads(void *n) { return !count_threads() || count_threads() == *(int *)n; }

static void test_shutdown(void)
{
    int before = threads_at_first, more = before + 3;
    rf_threads_shutdown();
    rf_threads_shutdown();
    check(wait_for(has_threads, &before), "threads are left after a shutdown");
    rf_set_num_threads(4);
    check(has_threads(&before), "a number of threads starts some before there is work");
    check(runs_every_part_once(1), "a single part did not run");
    check(has_threads(&before), "a single part starts threads");
    check(threads_meet(4) && has_threads(&more), "after a shutdown, four parts do not run at the same time");
    int fewer = before + 1;
    rf_set_num_threads(2);
    check(wait_for(has_threads, &fewer), "threads that are not wanted any more do not leave");
    rf_threads_shutdown();
    check(wait_for(has_threads, &before), "a thread is left after the last shutdown");
}

#if defined(__GLIBC__)
/* Stacks larger than the address space cannot be had. */
static void allow_threads(int allowed)
{
    static pthread_attr_t usual;
    if (!allowed) pthread_getattr_default_np(&usual);
    pthread_attr_t attributes;
    pthread_getattr_default_np(&attributes);
    size_t size;
    pthread_attr_getstacksize(&usual, &size);
    pthread_attr_setstacksize(&attributes, allowed ? size : (size_t)PTRDIFF_MAX / 2);
    if (pthread_setattr_default_np(&attributes)) abort();
    pthread_attr_destroy(&attributes);
    if (allowed) pthread_attr_destroy(&usual);
}

static void test_threads_that_cannot_be_had(void)
{
    int none = threads_at_first;
    rf_threads_shutdown();
    wait_for(has_threads, &none);
    rf_set_num_threads(4);
    allow_threads(0);
    check(runs_every_part_once(100), "no thread can be had: not every part ran once");
    check(has_threads(&none), "threads were had all the same: the test shows nothing");
    rf_threads_shutdown();
    allow_threads(1);
    rf_set_num_threads(2);
    check(threads_meet(2), "threads can be had again, but are not used");
    rf_set_num_threads(4);
    allow_threads(0);
    check(threads_meet(2), "the one thread that there is is not used where others cannot be had");
    check(runs_every_part_once(100), "few threads can be had: not every part ran once");
    allow_threads(1);
    check(threads_meet(4), "threads can be had again, but are not used");
}
#endif

/* ---- forks */

static int child_says(pid_t child)
{
    int status;
    return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* What `body` returns in a child; -1 if it does not return. */
static int in_a_child(int (*body)(void *), void *context)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        alarm(2 * PATIENCE);
        _exit(body(context));
    }
    return child_says(child);
}

static int computes(void *unused)
{
    (void)unused;
    rf_set_num_threads(3);
    return runs_every_part_once(100) && threads_meet(3);
}

static int computes_and_shuts_down(void *unused)
{
    int right = computes(unused);
    rf_threads_shutdown();
    return right && computes(unused);
}

static int shuts_down(void *unused) { return (void)unused, rf_threads_shutdown(), 1; }
static int has_a_grandchild(void *unused) { return computes(unused) && in_a_child(computes, NULL) == 1; }

static const struct {
    const char *what;
    int (*body)(void *);
} children[] = {
    {"computes", computes},
    {"computes, shuts down and computes", computes_and_shuts_down},
    {"shuts down", shuts_down},
    {"computes and has a child that does", has_a_grandchild},
};

static void test_fork_after_a_call(void)
{
    rf_set_num_threads(3);
    for (size_t i = 0; i < LENGTH_OF(children); i++) {
        check(threads_meet(3), "three parts do not run at the same time in a parent");
        check(in_a_child(children[i].body, NULL) == 1, "forked after a call: no child %s", children[i].what);
    }
    check(threads_meet(3), "three parts do not run at the same time after a fork");
}

static void test_fork_during_calls(void)
{
    background callers[2], shutter;
    rf_set_num_threads(3);
    check(threads_meet(3), "three parts do not run at the same time before a fork"); /* all have started */
    wrong_rounds = 0;
#if defined(SANITIZED)
    start(&shutter, do_nothing);
#else
    start(&shutter, rf_threads_shutdown);
#endif
    for (size_t i = 0; i < LENGTH_OF(callers); i++) start(&callers[i], share_parts);
    int right = 0, forks = 40;
    for (int i = 0; i < forks; i++)
        right += in_a_child(children[(size_t)i % LENGTH_OF(children)].body, NULL) == 1;
    for (size_t i = 0; i < LENGTH_OF(callers); i++) stop(&callers[i]);
    stop(&shutter);
    check(right == forks, "forked while others call: %d of %d children are right", right, forks);
    check(wrong_rounds == 0, "while others fork: not every part ran once");
    check(threads_meet(3), "three parts do not run at the same time after forks");
}

#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34) && !defined(SANITIZED)
/* No handler runs in such a child: nothing is left of the pool but its memory. */
static void test_fork_without_handlers(void)
{
    rf_set_num_threads(3);
    check(threads_meet(3), "three parts do not run at the same time");
    pid_t child = _Fork();
    if (child == 0) {
        alarm(2 * PATIENCE);
        int right = runs_every_part_once(100) && rf_set_num_threads(2) == RF_OK && runs_every_part_once(100);
        rf_threads_shutdown();
        _exit(right);
    }
    check(child_says(child) == 1, "a child of _Fork() does not compute");
}
#endif

/* ---- how many */

static const struct {
    const char *value;
    int n; /* 0: what it would be without */
} environments[] = {
    {NULL, 0},   {"", 0},   {"1", 1},   {"3", 3},  {"1024", 1024}, {"0", 0},
    {"1025", 0}, {"-1", 0}, {"abc", 0}, {"2x", 0}, {"1.5", 0},     {"99999999999999999999", 0},
};

static int number_under(void *value)
{
    value ? setenv("RELU_FAST_NUM_THREADS", value, 1) : unsetenv("RELU_FAST_NUM_THREADS");
    return rf_get_num_threads() % 251; /* exit codes are small */
}

static int is_refused(void *value)
{
    value ? setenv("RELU_FAST_NUM_THREADS", value, 1) : unsetenv("RELU_FAST_NUM_THREADS");
    return rf_threads_environment() == RF_EINVAL;
}

#if defined(__linux__)
static int number_on_one_processor(void *unused)
{
    cpu_set_t one;
    if (sched_getaffinity(0, sizeof one, &one)) return 1; /* more processors than fit: nothing to learn */
    for (size_t cpu = 0, kept = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &one) && kept++) CPU_CLR(cpu, &one);
    if (sched_setaffinity(0, sizeof one, &one)) return 1;
    return number_under(unused);
}
#endif

void test_thread_environment(void)
{
    int usual = in_a_child(number_under, NULL);
    check(usual > 0, "without RELU_FAST_NUM_THREADS there are %d threads", usual);
    for (size_t i = 0; i < LENGTH_OF(environments); i++) {
        void *value = (void *)environments[i].value;
        const char *shown = value ? value : "unset";
        int want = environments[i].n ? environments[i].n % 251 : usual, got = in_a_child(number_under, value);
        check(got == want, "RELU_FAST_NUM_THREADS %s: %d threads, expected %d", shown, got, want);
        int wrong = environments[i].n == 0 && value && *(char *)value;
        check(in_a_child(is_refused, value) == wrong, "RELU_FAST_NUM_THREADS %s: wrong status", shown);
    }
#if defined(__linux__)
    check(in_a_child(number_on_one_processor, NULL) == 1, "on one processor there is more than one thread");
#endif
}

static void test_bad_numbers(void)
{
    const int bad[] = {0, -1, INT_MIN, RF_MAX_THREADS + 1, INT_MAX};
    rf_set_num_threads(2);
    for (size_t i = 0; i < LENGTH_OF(bad); i++) {
        check(rf_set_num_threads(bad[i]) == RF_EINVAL, "%d threads are not refused", bad[i]);
        check(rf_get_num_threads() == 2, "%d threads: refused, but the number changed", bad[i]);
    }
}

/* Files of a /proc and /sys, by path; "groups" is what stands in /proc/self/cgroup. */
static const struct {
    const char *what, *groups;
    struct {
        const char *path, *text;
    } files[4];
    int want;
} trees[] = {
    {"no cgroups", NULL, {{0}}, INT_MAX},
    {"version 2, no limit", "0::/a\n", {{"a/cpu.max", "max 100000\n"}}, INT_MAX},
    {"version 2, whole", "0::/a\n", {{"a/cpu.max", "300000 100000\n"}}, 3},
    {"version 2, rounded up", "0::/a\n", {{"a/cpu.max", "210000 100000\n"}}, 3},
    {"version 2, less than one", "0::/a\n", {{"a/cpu.max", "1000 100000\n"}}, 1},
    {"version 2, a parent grants less",
     "0::/a/b/c\n",
     {{"a/cpu.max", "200000 100000\n"}, {"a/b/c/cpu.max", "400000 100000\n"}},
     2},
    {"version 2, a container that sees its host's path", "0::/docker/x\n", {{"cpu.max", "50000 25000\n"}}, 2},
    {"version 2, nonsense", "0::/a\n", {{"a/cpu.max", "many\n"}}, INT_MAX},
    {"version 2, nothing in it", "0::/a\n", {{"a/cpu.max", ""}}, INT_MAX},
    {"version 2, the root", "0::/\n", {{"cpu.max", "100000 100000"}}, 1},
    {"version 1, no limit",
     "3:cpuset:/x\n2:cpu,cpuacct:/a\n",
     {{"cpu/a/cpu.cfs_quota_us", "-1\n"}, {"cpu/a/cpu.cfs_period_us", "100000\n"}},
     INT_MAX},
    {"version 1, rounded up",
     "2:cpuacct,cpu:/a\n1:memory:/m\n",
     {{"cpu/a/cpu.cfs_quota_us", "150000\n"}, {"cpu/a/cpu.cfs_period_us", "100000\n"}},
     2},
    {"version 1, limits of other controllers' groups",
     "2:cpu:/a\n1:cpuset:/b\n",
     {{"cpu/b/cpu.cfs_quota_us", "100000\n"}, {"cpu/b/cpu.cfs_period_us", "100000\n"}},
     INT_MAX},
    {"both versions",
     "2:cpu:/a\n0::/a\n",
     {{"cpu/a/cpu.cfs_quota_us", "500000\n"},
      {"cpu/a/cpu.cfs_period_us", "100000\n"},
      {"a/cpu.max", "4 1\n"}},
     4},
    {"lines that are none", "nonsense\n:\n\n2:cpu\n0::/a", {{"a/cpu.max", "7 1\n"}}, 7},
};

/* With the folders above it. */
static void write_file(const char *root, const char *path, const char *text)
{
    char whole[512];
    snprintf(whole, sizeof whole, "%s/%s", root, path);
    for (char *slash = whole + strlen(root); (slash = strchr(slash + 1, '/')); *slash = '/') {
        *slash = 0;
        mkdir(whole, 0700);
    }
    FILE *file = fopen(whole, "w");
    if (!file) abort();
    fputs(text, file);
    fclose(file);
}

static void remove_tree(const char *path)
{
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        char inner[512];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name) < (int)sizeof inner)
            remove_tree(inner);
    }
    if (folder) closedir(folder);
    remove(path);
}

static void test_cgroups(void)
{
    const char *temporary = getenv("TMPDIR");
    for (size_t i = 0; i < LENGTH_OF(trees); i++) {
        char root[256], path[512];
        snprintf(root, sizeof root, "%s/relu_fast_XXXXXX", temporary && *temporary ? temporary : "/tmp");
        if (!mkdtemp(root)) abort();
        if (trees[i].groups) write_file(root, "proc/self/cgroup", trees[i].groups);
        for (size_t f = 0; f < LENGTH_OF(trees[i].files) && trees[i].files[f].path; f++) {
            snprintf(path, sizeof path, "sys/fs/cgroup/%s", trees[i].files[f].path);
            write_file(root, path, trees[i].files[f].text);
        }
        int got = rf_cgroup_processors(root);
        check(got == trees[i].want, "cgroup, %s: %d processors, expected %d", trees[i].what, got,
              trees[i].want);
        remove_tree(root);
    }
}

void test_threads(void)
{
    test_bad_numbers();
    test_cgroups();
    test_parts();
    test_nested();
    test_many_callers();
    test_changing_the_number_meanwhile();
    test_busy_pool();
    test_large_arrays();
    test_shutdown();
#if defined(__GLIBC__)
    test_threads_that_cannot_be_had();
#endif
    rf_threads_shutdown();
}

void test_forks(void)
{
    test_fork_after_a_call();
    test_fork_during_calls();
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34) && !defined(SANITIZED)
    test_fork_without_handlers();
#endif
    rf_threads_shutdown();
}

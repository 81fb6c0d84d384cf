/* A few slots, each taken and refilled by one atomic exchange: nothing to lock, so nothing that a fork could
 * leave locked. */
#include "workspace.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

enum { N_SLOTS = 64, LINE = 64 };

typedef struct {
    size_t bytes;
} header;

static _Atomic(void *) slots[N_SLOTS];

static header *header_of(void *memory) { return (header *)((char *)memory - LINE); }

void *rf_workspace_take(size_t bytes)
{
    for (int i = 0; i < N_SLOTS; i++) {
        void *memory = atomic_exchange_explicit(&slots[i], NULL, memory_order_acquire);
        if (!memory) continue;
        if (header_of(memory)->bytes >= bytes) return memory;
        free(header_of(memory));
        break;
    }
    if (bytes > SIZE_MAX - 2 * LINE) return NULL;
    size_t all = (bytes + 2 * LINE - 1) / LINE * LINE;
    header *h = aligned_alloc(LINE, all);
    if (!h) return NULL;
    h->bytes = all - LINE;
    return (char *)h + LINE;
}

void rf_workspace_give(void *memory)
{
    if (!memory) return;
    for (int i = 0; i < N_SLOTS; i++) {
        void *empty = NULL;
        if (atomic_compare_exchange_strong_explicit(&slots[i], &empty, memory, memory_order_release,
                                                    memory_order_relaxed))
            return;
    }
    free(header_of(memory));
}

void rf_workspace_free(void)
{
    for (int i = 0; i < N_SLOTS; i++) {
        void *memory = atomic_exchange_explicit(&slots[i], NULL, memory_order_acquire);
        if (memory) free(header_of(memory));
    }
}

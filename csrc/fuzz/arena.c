#include "fuzz.h"

#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define POISONS
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POISONS
#endif
#endif
#if defined(POISONS)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

enum { LINE = 64, GAP = 2 * LINE };

char arena[ARENA] __attribute__((aligned(LINE))), before[ARENA] __attribute__((aligned(LINE)));
static size_t used;

void arena_clear(void) { used = 0; }

static size_t distance(ptrdiff_t step) { return step < 0 ? 0 - (size_t)step : (size_t)step; }

/* Bytes from the lowest to the end of the highest. */
static size_t reach(const operand *o)
{
    return o->count && o->bytes ? (o->count - 1) * distance(o->step) + o->bytes : 0;
}

static char *first_byte(const operand *o)
{
    return o->step < 0 && o->count ? o->at - (o->count - 1) * distance(o->step) : o->at;
}

static void put_at(operand *o, char *low)
{
    o->at = low + (o->step < 0 && reach(o) ? (o->count - 1) * distance(o->step) : 0);
}

operand *place(fuzz_call *c, input *in, operand o, size_t alignment)
{
    static const ptrdiff_t shifts[] = {0, 0, 0, 1, -1, 2, 16, -16};
    operand *new = &c->operands[c->n++];
    *new = o;
    const size_t how = choose(in, 64);
    if (how == 63) { /* NULL */
        new->at = NULL;
        return new;
    }
    if (how >= 56 && c->n > 1) { /* over another */
        const operand *other = &c->operands[choose(in, (size_t)c->n - 1)];
        if (other->at && choose(in, 2)) new->step = other->count == new->count ? other->step : new->step;
        put_at(new, (other->at ? first_byte(other) : arena) + CHOICE(in, shifts) * (ptrdiff_t)alignment);
        char *low = first_byte(new);
        if (low >= arena && low + reach(new) <= arena + ARENA) {
            size_t end = (size_t)(low - arena) + reach(new);
            if (end > used) used = end;
            return new;
        }
        *new = o;
    }
    size_t low = (used + GAP + LINE - 1) / LINE * LINE + choose(in, 16) * alignment + (how == 62);
    if (low + reach(new) + GAP > ARENA) { /* full: too many large ones */
        new->at = NULL;
        return new;
    }
    put_at(new, arena + low);
    used = low + reach(new);
    return new;
}

int misplaced(const operand *o, size_t alignment) { return (uintptr_t)o->at % alignment != 0; }

static char *block(const operand *o, size_t k) { return o->at + (ptrdiff_t)k * o->step; }

int overlap(const operand *a, const operand *b)
{
    static uint8_t taken[ARENA];
    if (!a->at || !b->at || !reach(a) || !reach(b)) return 0;
    if (first_byte(a) + reach(a) <= first_byte(b) || first_byte(b) + reach(b) <= first_byte(a)) return 0;
    int found = 0;
    for (size_t k = 0; k < a->count; k++) memset(taken + (block(a, k) - arena), 1, a->bytes);
    for (size_t k = 0; k < b->count && !found; k++)
        found = memchr(taken + (block(b, k) - arena), 1, b->bytes) != NULL;
    for (size_t k = 0; k < a->count; k++) memset(taken + (block(a, k) - arena), 0, a->bytes);
    return found;
}

static size_t extent(void) { return used + GAP < ARENA ? used + GAP : ARENA; }

static void poison(const fuzz_call *c)
{
    static int begun;
    if (!begun++) ASAN_POISON_MEMORY_REGION(arena, ARENA);
    ASAN_POISON_MEMORY_REGION(arena, extent());
    for (int i = 0; i < c->n; i++)
        for (size_t k = 0; k < c->operands[i].count && c->operands[i].at; k++)
            ASAN_UNPOISON_MEMORY_REGION(block(&c->operands[i], k), c->operands[i].bytes);
}

void arena_ready(const fuzz_call *c, input *in)
{
    ASAN_UNPOISON_MEMORY_REGION(arena, extent());
    memset(arena, 0xA5, extent());
    for (int i = 0; i < c->n; i++) {
        const operand *o = &c->operands[i];
        if (!o->at || o->role != READ) continue;
        for (size_t k = 0; k < o->count; k++)
            fill_numbers(o->content == BITS ? RF_N_DTYPES : c->dtype, block(o, k), o->bytes, in);
        if (o->content != PARAMS || !rf_dtype_size(c->dtype) || misplaced(o, size_of(c->dtype))) continue;
        for (size_t k = 0; k < o->bytes / size_of(c->dtype); k++)
            put_number(c->dtype, o->at, k, choose_param(c->activation, o->param < 0 ? (int)k : o->param, in));
    }
    for (int i = 0; i < c->n; i++) {
        const operand *o = &c->operands[i];
        if (!o->at || o->role != ADDED_TO || (uintptr_t)o->at % sizeof(double)) continue;
        for (size_t k = 0; k < o->bytes / sizeof(double); k++) {
            int small = (int)(k * 7 + (size_t)i) % 50;
            if (o->content == COUNTS)
                ((int64_t *)(void *)o->at)[k] = small;
            else
                ((double *)(void *)o->at)[k] = small - 25;
        }
    }
    memcpy(before, arena, extent());
    poison(c);
}

void arena_copy(char *to) { memcpy(to, arena, extent()); }

void arena_restore(const fuzz_call *c)
{
    ASAN_UNPOISON_MEMORY_REGION(arena, extent());
    memcpy(arena, before, extent());
    poison(c);
}

void arena_judge(const fuzz_call *c, rf_status status)
{
    static char untouched[ARENA];
    ASAN_UNPOISON_MEMORY_REGION(arena, extent());
    const size_t n = extent();
    memcpy(untouched, arena, n);
    for (int i = 0; i < c->n && status == RF_OK; i++) {
        const operand *o = &c->operands[i];
        for (size_t k = 0; k < o->count && o->at && o->role != READ; k++) {
            size_t offset = (size_t)(block(o, k) - arena);
            memcpy(untouched + offset, before + offset, o->bytes);
        }
    }
    expect(memcmp(untouched, before, n) == 0, c, "status \"%s\", and memory changed that it must not touch",
           rf_strerror(status));
}

void same_as(const fuzz_call *c, const char *other, int bits)
{
    for (int i = 0; i < c->n; i++) {
        const operand *o = &c->operands[i];
        if (!o->at || o->role == READ || (!bits && (o->content == NUMBERS || o->content == DOUBLES)))
            continue;
        rf_dtype dtype = o->content == NUMBERS ? c->dtype : RF_FLOAT64;
        size_t size = size_of(dtype);
        for (size_t k = 0; k < o->count; k++) {
            const char *here = block(o, k), *there = other + (here - arena);
            if (memcmp(here, there, o->bytes) == 0) continue;
            expect(o->content == NUMBERS || o->content == DOUBLES, c,
                   "operand %d, block %zu: other %s under %s", i, k, o->content == BITS ? "bits" : "counts",
                   rf_isa_active());
            for (size_t j = 0; j < o->bytes / size; j++)
                expect(same_number(dtype, here + j * size, there + j * size), c,
                       "operand %d, block %zu, number %zu: %a under %s and %d threads, %a otherwise", i, k, j,
                       number_at(dtype, here, j), rf_isa_active(), rf_get_num_threads(),
                       number_at(dtype, there, j));
        }
    }
}

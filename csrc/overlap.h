/* What arguments are checked for before anything is written: alignment, and memory that overlaps. */
#ifndef RF_OVERLAP_H
#define RF_OVERLAP_H

#include <stddef.h>
#include <stdint.h>

/* `size` is a power of two: a division would cost more than the call of a small array otherwise does. */
static inline int misaligned(const void *p, size_t size) { return ((uintptr_t)p & (size - 1)) != 0; }

/* Blocks of `bytes` bytes each, `jump` apart. */
typedef struct {
    uintptr_t low;
    size_t count, bytes, jump;
} blocks;

static inline blocks one_block(const void *p, size_t bytes) { return (blocks){(uintptr_t)p, 1, bytes, 0}; }

/* Whether any block of `a` overlaps one of `b`. */
static inline int meet(blocks a, blocks b)
{
    if (!a.low || !b.low || !a.bytes || !b.bytes) return 0;
    uintptr_t a_end = a.low + (a.count - 1) * a.jump + a.bytes,
              b_end = b.low + (b.count - 1) * b.jump + b.bytes;
    if (a.low >= b_end || b.low >= a_end) return 0;
    /* columns side by side: the first and the last block of a meet whatever the others would */
    size_t every = a.jump == b.jump && a.count == b.count && a.count > 1 ? a.count - 1 : 1;
    for (size_t i = 0; i < a.count; i += every) {
        uintptr_t here = a.low + i * a.jump;
        if (here + a.bytes <= b.low) continue;
        /* of the blocks of b that start before this one's end, the last reaches farthest */
        size_t last = b.count - 1, reached = b.jump ? (here + a.bytes - 1 - b.low) / b.jump : last;
        if (reached < last) last = reached;
        if (b.low + last * b.jump + b.bytes > here) return 1;
    }
    return 0;
}

/* Overlap other than being the same. */
static inline int partly(const void *a, const void *b, size_t bytes)
{
    return a != b && bytes && meet(one_block(a, bytes), one_block(b, bytes));
}

#endif

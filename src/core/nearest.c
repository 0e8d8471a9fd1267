#include "core/nearest.h"

enum { CHANGES_MAX = 3 };

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

// How many single-character changes lead from a to b (Levenshtein).
static size_t distance(struct str a, struct str b)
{
    size_t row[NEAREST_BYTES_MAX + 1];
    for (size_t j = 0; j <= b.len; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t changed = diagonal + (lower(a.ptr[i - 1]) != lower(b.ptr[j - 1]));
            diagonal = row[j];
            row[j] = MIN(changed, MIN(row[j], row[j - 1]) + 1);
        }
    }
    return row[b.len];
}

struct nearest nearest_to(struct str typed)
{
    return (struct nearest){.typed = typed,
                            .distance = MIN(typed.len / 2, (size_t)CHANGES_MAX) + 1};
}

void nearest_offer(struct nearest *n, struct str name)
{
    if (n->typed.len > NEAREST_BYTES_MAX || name.len > NEAREST_BYTES_MAX) {
        return;
    }
    size_t d = distance(n->typed, name);
    if (d < n->distance) {
        n->distance = d;
        n->best = name;
    }
}

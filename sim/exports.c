#include "sim/exports.h"

#include <stdlib.h>

enum { FIRST_ID = 5100001 };

static const int64_t day_ms = INT64_C(86400000);

void exports_done(struct exports *s)
{
    free(s->items);
    *s = (struct exports){0};
}

struct export_order *exports_find(const struct exports *s, uint64_t id)
{
    return id >= FIRST_ID && id - FIRST_ID < s->n ? &s->items[id - FIRST_ID] : NULL;
}

size_t exports_recent(const struct exports *s, int64_t now_ms)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        n += now_ms - s->items[i].ordered_ms < day_ms ? 1 : 0;
    }
    return n;
}

struct export_order *exports_add(struct exports *s, const struct export_order *o, int64_t now_ms)
{
    if (s->n == EXPORTS_MAX) {
        return NULL;
    }
    if (!s->items) {
        s->items = calloc(EXPORTS_MAX, sizeof(*s->items));
        if (!s->items) {
            abort();
        }
    }
    struct export_order *fresh = &s->items[s->n];
    *fresh = *o;
    fresh->id = FIRST_ID + s->n;
    fresh->ordered_ms = now_ms;
    int64_t free_ms = s->n > 0 ? s->items[s->n - 1].done_ms : 0;
    fresh->starts_ms = MAX(now_ms + EXPORT_WAIT_MS, free_ms);
    fresh->done_ms = fresh->starts_ms + EXPORT_BASE_MS + o->records / EXPORT_PER_RECORDS;
    s->n++;
    return fresh;
}

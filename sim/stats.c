#include "sim/stats.h"

#include "sim/routes.h"

#include <pthread.h>

enum { STATUS_MAX = 600 };

struct stats {
    pthread_mutex_t lock;
    uint64_t total;
    uint64_t bytes;
    uint64_t faults;
    uint64_t counts[ROUTES_MAX][STATUS_MAX];
    uint64_t by_object[OBJECT_COUNT][ROUTES_MAX];
};

struct stats *stats_create(void)
{
    struct stats *s = calloc(1, sizeof(*s));
    if (!s) {
        abort();
    }
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

void stats_destroy(struct stats *s)
{
    if (s) {
        pthread_mutex_destroy(&s->lock);
        free(s);
    }
}

void stats_clear(struct stats *s)
{
    pthread_mutex_lock(&s->lock);
    s->total = 0;
    s->bytes = 0;
    s->faults = 0;
    memset(s->counts, 0, sizeof(s->counts));
    memset(s->by_object, 0, sizeof(s->by_object));
    pthread_mutex_unlock(&s->lock);
}

void stats_add(struct stats *s, size_t route, int status, enum object_type object, uint64_t bytes)
{
    assert(route < ROUTES_MAX && status >= 0 && status < STATUS_MAX);
    pthread_mutex_lock(&s->lock);
    s->total++;
    s->bytes += bytes;
    s->counts[route][status]++;
    if (object < OBJECT_COUNT) {
        s->by_object[object][route]++;
    }
    pthread_mutex_unlock(&s->lock);
}

void stats_add_fault(struct stats *s)
{
    pthread_mutex_lock(&s->lock);
    s->faults++;
    pthread_mutex_unlock(&s->lock);
}

static void write_status_counts(struct json_writer *w, const uint64_t *counts)
{
    json_begin_object(w);
    for (int status = 0; status < STATUS_MAX; status++) {
        if (counts[status] > 0) {
            char key[16];
            snprintf(key, sizeof(key), "%d", status);
            json_field_int(w, key, (int64_t)counts[status]);
        }
    }
    json_end_object(w);
}

static bool any(const uint64_t *counts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (counts[i] > 0) {
            return true;
        }
    }
    return false;
}

void stats_write(struct stats *s, struct json_writer *w)
{
    pthread_mutex_lock(&s->lock);
    json_key(w, STR("requests"));
    json_begin_object(w);
    json_field_int(w, "total", (int64_t)s->total);
    json_field_int(w, "bytes", (int64_t)s->bytes);
    json_key(w, STR("by_endpoint"));
    json_begin_object(w);
    for (size_t i = 0; i < ROUTES_MAX; i++) {
        if (any(s->counts[i], STATUS_MAX)) {
            json_key(w, str_from(route_name(i)));
            write_status_counts(w, s->counts[i]);
        }
    }
    json_end_object(w);
    json_key(w, STR("by_object"));
    json_begin_object(w);
    for (size_t t = 0; t < OBJECT_COUNT; t++) {
        if (!any(s->by_object[t], ROUTES_MAX)) {
            continue;
        }
        json_key(w, object_info((enum object_type)t)->plural);
        json_begin_object(w);
        for (size_t i = 0; i < ROUTES_MAX; i++) {
            if (s->by_object[t][i] > 0) {
                json_field_int(w, route_name(i), (int64_t)s->by_object[t][i]);
            }
        }
        json_end_object(w);
    }
    json_end_object(w);
    json_end_object(w);
    json_field_int(w, "faults", (int64_t)s->faults);
    pthread_mutex_unlock(&s->lock);
}

#include "sim/census.h"

void census_write_records(const struct portal *p, struct json_writer *w)
{
    json_key(w, STR("records"));
    json_begin_object(w);
    for (size_t t = 0; t < OBJECT_COUNT; t++) {
        const struct shelf *s = &p->shelves[t];
        if (!s->exists) {
            continue;
        }
        json_key(w, portal_object_name(p, (enum object_type)t));
        json_begin_object(w);
        json_field_int(w, "live", portal_live_count(s));
        json_field_int(w, "archived", s->n_archived);
        json_field_int(w, "gone", s->n_gone);
        json_field_int(w, "properties", (int64_t)s->properties.n_live);
        json_end_object(w);
    }
    json_end_object(w);
    json_key(w, STR("owners"));
    json_begin_object(w);
    size_t archived = 0;
    for (size_t i = 0; i < p->owners.n; i++) {
        archived += p->owners.items[i].archived ? 1 : 0;
    }
    json_field_int(w, "live", (int64_t)(p->owners.n - archived));
    json_field_int(w, "archived", (int64_t)archived);
    json_end_object(w);
}

static void write_direction(const struct portal *p, enum object_type from, enum object_type to,
                            struct neighbors *scratch, struct json_writer *w)
{
    const struct shelf *s = &p->shelves[from];
    int64_t pairs = 0;
    int64_t rows = 0;
    for (uint32_t slot = 0; slot < s->n; slot++) {
        associations_list(p, from, slot, to, scratch);
        pairs += (int64_t)scratch->n;
        for (size_t i = 0; i < scratch->n; i++) {
            rows += __builtin_popcount(scratch->items[i].mask);
        }
    }
    if (pairs > 0) {
        char key[64];
        snprintf(key, sizeof(key), "%.*s/%.*s", STR_ARG(object_info(from)->plural),
                 STR_ARG(object_info(to)->plural));
        json_key(w, str_from(key));
        json_begin_object(w);
        json_field_int(w, "pairs", pairs);
        json_field_int(w, "rows", rows);
        json_end_object(w);
    }
}

void census_write_associations(const struct portal *p, struct json_writer *w)
{
    struct neighbors scratch = {0};
    json_key(w, STR("associations"));
    json_begin_object(w);
    for (size_t i = 0; association_pair_at(&p->associations, i); i++) {
        const struct association_pair *pair = association_pair_at(&p->associations, i);
        write_direction(p, pair->a, pair->b, &scratch, w);
        if (pair->a != pair->b) {
            write_direction(p, pair->b, pair->a, &scratch, w);
        }
    }
    json_end_object(w);
    neighbors_done(&scratch);
}

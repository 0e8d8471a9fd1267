#include "sim/owners.h"

#include "core/random.h"
#include "sim/words.h"

static const struct team teams[] = {
    {48120, STR_INIT("Sales EMEA")},
    {48121, STR_INIT("Sales Americas")},
    {48177, STR_INIT("Customer Success")},
    {51904, STR_INIT("Support – 2nd level")},
};

static struct owner make_owner(size_t i, uint64_t id, uint64_t seed, struct arena *arena)
{
    uint64_t h = random_mix(seed ^ random_mix(0x6f776e00 + i));
    const struct word_name *first = &words_first_names[h % words_first_names_n];
    const struct word_name *last = &words_last_names[(h >> 16) % words_last_names_n];
    int64_t created_ms = INT64_C(1546300800000) + (int64_t)(h % 150000000) * 1000;
    struct owner o = {
        .id = id,
        .user_id = 8200000 + i * 37 + h % 37,
        .email = arena_printf(arena, "%.*s.%.*s%zu@ourcompany.example", STR_ARG(first->ascii),
                              STR_ARG(last->ascii), i),
        .first_name = first->name,
        .last_name = last->name,
        .created_ms = created_ms,
        .updated_ms = created_ms + (int64_t)(h >> 40) * 1000,
        .archived = i % 9 == 5,
        .queue = i % 13 == 11,
    };
    o.n_teams = o.queue ? 0 : (size_t)(h >> 8) % (OWNER_TEAMS_MAX + 1);
    for (size_t k = 0; k < o.n_teams; k++) {
        o.teams[k] = &teams[((h >> 24) + k) % ARRAY_LEN(teams)];
    }
    return o;
}

void owners_generate(struct owners *o, size_t n, uint64_t seed, struct arena *arena)
{
    o->items = ARENA_ARRAY(arena, struct owner, n);
    o->id_texts = ARENA_ARRAY(arena, struct str, n);
    o->n = n;
    uint64_t id = 412003001;
    for (size_t i = 0; i < n; i++) {
        id += 1 + random_mix(seed + i) % 9973;
        o->items[i] = make_owner(i, id, seed, arena);
        o->id_texts[i] = arena_printf(arena, "%llu", (unsigned long long)id);
    }
}

const struct owner *owners_find(const struct owners *o, uint64_t id)
{
    for (size_t i = 0; i < o->n; i++) {
        if (o->items[i].id == id) {
            return &o->items[i];
        }
    }
    return NULL;
}

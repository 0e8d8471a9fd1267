// Owners of a portal and the teams they are in. Made once from the seed; constant afterwards.
#pragma once

#include "core/arena.h"

enum { OWNER_TEAMS_MAX = 2 };

struct team {
    uint64_t id;
    struct str name;
};

struct owner {
    uint64_t id;
    uint64_t user_id;
    struct str email;
    struct str first_name;
    struct str last_name;
    int64_t created_ms;
    int64_t updated_ms;
    bool archived;
    bool queue; // type QUEUE instead of PERSON
    size_t n_teams;
    const struct team *teams[OWNER_TEAMS_MAX]; // the first is the primary one
};

struct owners {
    struct owner *items; // ascending ids
    size_t n;
    struct str *id_texts; // decimal ids, for values
};

// Everything lives in the arena.
void owners_generate(struct owners *o, size_t n, uint64_t seed, struct arena *arena);
const struct owner *owners_find(const struct owners *o, uint64_t id); // NULL when there is none

// Forms and their submissions: made up from the seed, nothing is stored. Pure; the portal is
// locked.
#pragma once

#include "sim/portal.h"

enum { FORMS_N = 14 };

struct form {
    struct str id; // a guid
    struct str name;
    struct str type; // "hubspot", "captured", "flow", "blog_comment"
    int64_t created_ms;
    int64_t updated_ms;
    bool archived;
    uint64_t salt;
    uint32_t n_submissions;
};

struct form form_at(const struct portal *p, struct arena *arena, size_t i); // i < FORMS_N
// The form of that id, in any case of its letters; false when there is none.
bool form_find(const struct portal *p, struct arena *arena, struct str id, struct form *ret);

struct form_submission {
    uint32_t contact; // slot of a contact
    int64_t at_ms;
    uint64_t number; // of it; what its id is made from
};
// The i-th submission, the newest first; i < n_submissions. Times fall strictly.
struct form_submission form_submission_at(const struct portal *p, const struct form *f, uint32_t i);

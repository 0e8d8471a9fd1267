// The pages that a user sees while an app is connected. Plain HTML, no script. One thread: the
// call's.
#pragma once

#include "sim/apps.h"
#include "sim/call.h"

// Asks for consent; the form is sent to `action`, a path.
void page_consent(struct call *c, const struct consent *consent, struct str form_token,
                  struct str action);
// Says why an app cannot be connected: a heading and pairs of what and its value.
struct page_fact {
    const char *what;
    struct str value;
};
void page_problem(struct call *c, int status, const char *heading, const struct page_fact *facts,
                  size_t n);

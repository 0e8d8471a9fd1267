// Scopes: lists of them as texts separated by spaces, and which of them a call needs.
#pragma once

#include "sim/call.h"

enum { SCOPES_ALTERNATIVES = 4, SCOPES_NEEDS = 2 };

// Scopes of which any one will do.
struct scope_need {
    struct str any_of[SCOPES_ALTERNATIVES];
    size_t n;
};

// Is `scope` one of the list?
bool scopes_have(struct str list, struct str scope);
// The list without what `out` names, and the list of what is in both; in the order of `list`.
struct str scopes_without(struct arena *arena, struct str list, struct str out);
struct str scopes_common(struct arena *arena, struct str list, struct str other);
// Any white space becomes one space, and each scope stands once.
struct str scopes_normal(struct arena *arena, struct str list);
struct str scopes_join(struct arena *arena, struct str a, struct str b);
// All scopes that the simulator knows of.
struct str scopes_known(void);
void scopes_write(struct json_writer *w, struct str list); // an array

// What a call needs: all of the needs, one of the alternatives of each.
size_t scopes_needed(const struct call *c, struct scope_need needs[SCOPES_NEEDS]);
// May the caller make this call? Otherwise answers 403 MISSING_SCOPES.
bool scopes_permit(struct call *c);
// The 403 itself.
void scopes_refuse(struct call *c);

// One request of a person who was sent here by a bridge: what it names, what protects it, and where
// it may lead. Internal to the web room.
//
// A form is accepted only with a value that belongs to a cookie of the same browser. A walk to
// HubSpot is bound to the browser that began it by a second cookie, named after the walk's state;
// it holds the bridge's token, so that the way back finds the page again.
// Threads: as api/api.h.
#pragma once

#include "api/connect.h"

struct visit {
    struct api_call *c;
    struct str token; // of the bridge; from the query, a form or a cookie
    struct bridge bridge;
    int64_t now_ms;
};

// A field of the form in the request's body; ptr NULL when absent.
struct str visit_field(const struct api_call *c, const char *name);
// The path of public_url with `path` behind it: what forms and links of our pages say.
struct str visit_path(const struct api_call *c, const char *path);

enum visit_state {
    VISIT_OPEN,
    VISIT_UNKNOWN, // no such bridge
    VISIT_EXPIRED,
    VISIT_USED, // completed or refused
    VISIT_STATES
};
// Finds the bridge. Errors: those of the store.
bool visit_find(struct api_call *c, struct str token, struct visit *ret,
                enum visit_state *ret_state, struct error *err) MUST_CHECK;

// ---- cookies

// What a form of this bridge must repeat; sets the cookie when there is none yet.
struct str visit_form_value(struct visit *v);
// Whether the form does.
bool visit_form_is_ours(const struct api_call *c, struct str token);
// The browser leaves for HubSpot with this state.
void visit_leave(struct visit *v, struct str state);
// The token of the bridge that this browser left for HubSpot with this state for; ptr NULL when it
// did not. The cookie ends.
struct str visit_come_back(struct api_call *c, struct str state);

// ---- where it leads

// redirect_uri of the bridge with the connection's id and the caller's state.
struct str visit_success_url(struct visit *v, struct str connection_id);
// The same with an error, as OAuth names it ("access_denied"), and its description.
struct str visit_failure_url(struct visit *v, const char *error, struct str description);
// What forms may lead to, for the Content-Security-Policy.
struct str visit_form_targets(struct visit *v);

// What a person sees on the way to a connection. Internal to the web room. Each function answers.
// Threads: as api/api.h.
#pragma once

#include "web/visit.h"

// Who asks, for what, and the ways to say yes or no. `alert` empty: the first look.
void authorize_ask(struct visit *v, int status, struct str alert);
// There is nothing to authorize (any more).
void authorize_over(struct visit *v, enum visit_state state);

// Something stands in the way.
struct trouble {
    int status;
    const char *title;
    struct str text;   // a sentence or two
    struct str scopes; // with a space between; empty: none are listed
    const char *error; // for the way back to redirect_uri, as OAuth names it; NULL: no such way
    bool again;        // the bridge is still open
};
void authorize_trouble(struct visit *v, const struct trouble *t);
// The same without a bridge.
void authorize_stray(struct api_call *c, int status, const char *title, struct str text);
// The same request is to be made again soon, by the browser itself.
void authorize_wait(struct api_call *c);
// A failure of ours, or of HubSpot's. `v` NULL: without a bridge.
void authorize_failed(struct api_call *c, struct visit *v, const struct error *err);

// Whether this server has an app of its own at HubSpot.
bool authorize_has_app(const struct api_site *site);

// Webhook settings and subscriptions of apps. Locked with the portal; a reset of the data forgets
// them.
#pragma once

#include "core/arena.h"
#include "sim/objects.h"

enum {
    WEBHOOK_APPS_MAX = 64,
    WEBHOOK_SUBSCRIPTIONS_MAX = 1000, // of one app
    WEBHOOK_CONCURRENT_DEFAULT = 10,
};

struct webhook_subscription {
    uint64_t id;
    const char *event;      // "contact.creation"
    struct str property;    // of propertyChange
    struct str object_type; // of object.*: "0-1"
    bool active;
    bool deleted;
    int64_t created_ms;
    int64_t updated_ms;
};

struct webhook_app {
    uint64_t app_id;
    struct str target_url; // len 0: none
    int64_t concurrent;
    int64_t created_ms;
    int64_t updated_ms;
    struct webhook_subscription *items; // deleted ones among them
    size_t n;
    size_t cap;
    size_t n_live;
};

struct webhooks {
    struct webhook_app apps[WEBHOOK_APPS_MAX];
    size_t n;
    uint64_t next_id;
};

void webhooks_done(struct webhooks *s); // a zeroed one is empty
// The app's place, made when it is not there; NULL when there are too many.
struct webhook_app *webhooks_app(struct webhooks *s, uint64_t app_id);
// Live ones only; NULL: there is none.
struct webhook_subscription *webhook_find(const struct webhook_app *a, uint64_t id);
// A fresh one with an id; NULL when the app has WEBHOOK_SUBSCRIPTIONS_MAX.
struct webhook_subscription *webhook_add(struct webhooks *s, struct webhook_app *a);
// The name as it is kept for good, or NULL: there is no such event.
const char *webhook_event(struct str name);
bool webhook_event_is_change(const char *event);  // of a property
bool webhook_event_is_generic(const char *event); // object.*

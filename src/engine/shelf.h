// Things that several threads use together, each under a key: opened by the first that asks for it,
// closed some time after the last has given it back. Internal to the engine.
//
// Opening happens once, outside the lock: those that ask meanwhile wait for the outcome, and share
// an error, except that one which was stopped while it opened leaves it to the next. Threads: any.
#pragma once

#include "core/cancel.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/str.h"

enum { SHELF_IDLE_MS = 60 * 1000 };

struct shelf;
struct shelf_options {
    // `how` is what shelf_take was given. INTERRUPTED when `cancel` ended it.
    bool (*open)(void *user, const void *how, const struct cancel *cancel, void **ret,
                 struct error *err);
    void (*close)(void *user, void *thing);
    // Whether a thing that is there may be used for this; NULL: always.
    bool (*fits)(void *user, const void *thing, const void *how);
    void *user;
    const struct clock *clock;
};
struct shelf *shelf_create(const struct shelf_options *options);
void shelf_destroy(struct shelf *s); // takes NULL; closes all; nothing may be in use
// The thing with this key; in use until shelf_give. INTERRUPTED when `cancel` is set.
bool shelf_take(struct shelf *s, struct str key, const void *how, const struct cancel *cancel,
                void **ret, struct error *err) MUST_CHECK;
// `broken`: nobody gets it again; it is closed when the last has given it back.
void shelf_give(struct shelf *s, void *thing, bool broken);
// Closes what nobody has used for SHELF_IDLE_MS.
void shelf_tidy(struct shelf *s);
// Looks at all that are open, under the lock: `look` must be short and not come back here.
void shelf_each(struct shelf *s, void (*look)(void *user, struct str key, void *thing), void *user);

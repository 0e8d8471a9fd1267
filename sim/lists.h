// Lists of records: some that every portal starts with, and those that users made. Locked with the
// portal; what a dynamic list holds is worked out when it is asked for, under a lock of its own.
#pragma once

#include "core/arena.h"
#include "sim/objects.h"

#include <pthread.h>

struct portal;

enum {
    LISTS_MAX = 1000,           // ever
    LIST_MEMBERS_MAX = 1000000, // of one list
    LIST_CHANGE_MAX = 100000,   // records added or removed by one call
};

enum list_processing { LIST_MANUAL, LIST_DYNAMIC, LIST_SNAPSHOT, LIST_PROCESSING_COUNT };
const char *list_processing_name(enum list_processing p); // "MANUAL", ...
bool list_processing_parse(struct str name, enum list_processing *ret);

struct list_member {
    uint64_t record_id;
    int64_t at_ms; // when it joined
};

struct list {
    uint64_t id;
    struct str name;
    enum object_type object;
    enum list_processing processing;
    struct str filter; // the filter branch, JSON; empty: none
    int64_t created_ms;
    int64_t updated_ms;
    int64_t filters_ms;
    int64_t deleted_ms; // 0: live
    int64_t version;
    struct list_member *members; // ascending ids
    size_t n_members;
    size_t cap_members;
    uint64_t worked_out; // of a dynamic list: the portal's version + 1 that members are of
};

struct lists {
    struct list *items; // LISTS_MAX places
    size_t n;
    pthread_mutex_t lock; // over members of dynamic lists
};

void lists_generate(struct lists *s, const struct portal *p);
void lists_done(struct lists *s);
// Whatever its state; NULL: there is none.
struct list *lists_find(const struct lists *s, uint64_t id);
// The live one of that name, without regard to case.
struct list *lists_find_name(const struct lists *s, enum object_type object, struct str name);
// A fresh list with an id; NULL when there were LISTS_MAX.
struct list *lists_add(struct lists *s);
// The place of a record in the list, or where it would be; false when it is not there.
bool list_position(const struct list *l, uint64_t record_id, size_t *ret);
// Behind all others: ids come ascending. False when the list is full.
bool list_append(struct list *l, uint64_t record_id, int64_t at_ms) MUST_CHECK;
// Adds records that are not in the list, ids ascending and distinct; false when they are too many.
bool list_add_members(struct list *l, const uint64_t *ids, size_t n, int64_t at_ms) MUST_CHECK;
// Takes out records that are in the list, ids ascending and distinct.
void list_remove_members(struct list *l, const uint64_t *ids, size_t n);
void list_clear(struct list *l);

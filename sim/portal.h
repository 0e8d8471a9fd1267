// struct portal: all records of a simulated HubSpot account.
//
// A generated record is a pure function of (seed, object type, slot): nothing of it is stored but
// its modification date and a byte of flags. What was changed, created, archived or merged by hand
// lies over it in an overlay. Slots are numbered in the order of ids; created records come behind
// the generated ones. Threads: readers hold the lock shared (portal_read), whoever changes anything
// holds it exclusively (portal_write). Functions here do not lock by themselves.
#pragma once

#include "core/buf.h"
#include "core/clock.h"
#include "sim/associations.h"
#include "sim/exports.h"
#include "sim/lag.h"
#include "sim/lists.h"
#include "sim/map.h"
#include "sim/owners.h"
#include "sim/pipelines.h"
#include "sim/properties.h"
#include "sim/schemas.h"
#include "sim/webhooks.h"

#include <pthread.h>

enum {
    RECORD_ARCHIVED = 1,
    RECORD_GONE = 2,    // merged away or deleted for good: seen nowhere
    RECORD_OVERLAY = 4, // has a struct overlay
    RECORD_LAGGING = 8, // the search index may know it otherwise, see lag.h
};

// One value set by hand. Newest last.
struct change {
    const struct property *property;
    struct str value; // in the portal's arena; ptr NULL: null
    int64_t at_ms;
    uint64_t app_id; // of the app that wrote it; 0: somebody at the user interface
};

struct overlay {
    uint64_t id;
    uint64_t basis; // the number that generated values come from; the slot unless made by a merge
    int64_t created_ms;
    int64_t settled_ms;
    int64_t archived_ms;
    struct change *changes;
    uint32_t n_changes;
    uint32_t cap_changes;
    uint64_t *merged_ids; // of records merged into this one, beyond generated ones
    uint32_t n_merged;
    uint32_t merged_into; // slot + 1; 0: not merged away
    bool blank;           // values that nobody set are missing instead of made up
};

// The records of one object type.
struct shelf {
    enum object_type type;
    bool exists;      // false: a custom object that the portal has not, or no more
    uint32_t n_base;  // generated slots
    uint32_t n_small; // those whose id is below 2^53
    uint32_t n;       // slots in use
    uint32_t cap;
    uint64_t salt;        // of this seed and type
    int64_t *modified_ms; // by slot
    uint8_t *flags;       // by slot, RECORD_*
    struct map overlays;  // slot -> struct overlay
    struct map uniques;   // hash of a value set by hand of a unique property -> lookup.h
    struct map blocked;   // hashes of e-mail addresses that nobody may use, lookup.h
    struct property_set properties;
    struct str searched; // properties that free text is looked for in, comma-separated
    struct lag lag;
    uint64_t next_id;
    uint32_t n_archived;
    uint32_t n_gone;
};

// One record as the rest sees it: a value made on the spot. Valid while the portal is locked.
struct record {
    const struct portal *portal;
    const struct shelf *shelf;
    const struct overlay *overlay; // NULL: untouched
    uint32_t slot;
    uint64_t id;
    uint64_t basis;
    uint64_t hash; // of the basis: where generated values start
    int64_t created_ms;
    int64_t modified_ms;
    int64_t settled_ms; // the date of modification before anybody touched it: generated values end
    bool archived;
    bool blank; // as in its overlay
};

struct portal_options {
    uint64_t portal_id;
    uint64_t seed;
    uint32_t counts[OBJECT_COUNT];
    struct str custom_objects[OBJECT_CUSTOM_MAX]; // names; their counts stand in counts
    size_t n_custom_objects;
    uint32_t properties; // of each main type, standard ones included
    uint32_t owners;
    bool clean; // no odd values: messy numbers, invisible characters, giant texts
};

struct portal {
    struct portal_options options;
    struct shelf shelves[OBJECT_COUNT];
    struct schemas schemas;
    struct pipelines pipelines;
    struct lists lists;
    struct exports exports;
    struct webhooks webhooks;
    struct owners owners;
    struct associations associations;
    struct str corpus;     // long text that pieces are cut from
    size_t *corpus_starts; // where its sentences start
    size_t n_corpus_starts;
    struct arena arena;      // owners, corpus, values set by hand
    uint64_t version;        // counts changes
    uint64_t schema_version; // counts changes of property definitions
    pthread_rwlock_t lock;
};

enum {
    PORTAL_RECORDS_MAX = 20 * 1000 * 1000,   // of one type
    PORTAL_ARENA_LIMIT = 1024 * 1024 * 1024, // values set by hand; mutate.h keeps below it
};

struct portal *portal_create(const struct portal_options *options);
void portal_destroy(struct portal *p); // takes NULL
// Back to how it was created: all changes by hand are forgotten.
void portal_reset(struct portal *p);

void portal_read(struct portal *p);
void portal_write(struct portal *p);
void portal_unlock(struct portal *p);

// The object type that a client names: plural name or type id; with `singular`, the singular name
// too; custom ones by type id, name, p{portal}_{name} or p_{name}. Where a custom object shares its
// name with a standard one, the plain name is the standard one's. The caller holds the lock.
bool portal_object(const struct portal *p, struct str name, bool singular, enum object_type *ret);
// How answers name a type: "contacts", or "p4711002_cars".
struct str portal_object_name(const struct portal *p, enum object_type t);
// Makes the shelf of a custom object that comes into being; its generated records are n_base.
void portal_open_shelf(struct portal *p, enum object_type t);

uint64_t portal_id_of(const struct shelf *s, uint32_t slot);
// The first slot whose id is at least `id`; s->n when there is none.
uint32_t portal_lower_bound(const struct shelf *s, uint64_t id);
// The slot of exactly this id, whatever its state; false when there is none.
bool portal_slot_of(const struct shelf *s, uint64_t id, uint32_t *ret_slot);
// Like portal_slot_of, and an id that was merged away leads to the survivor.
bool portal_resolve(const struct shelf *s, uint64_t id, uint32_t *ret_slot);
struct record portal_record(const struct portal *p, enum object_type type, uint32_t slot);
struct overlay *portal_overlay(const struct shelf *s, uint32_t slot); // NULL when untouched
static inline bool portal_is_live(const struct shelf *s, uint32_t slot)
{
    return (s->flags[slot] & (RECORD_ARCHIVED | RECORD_GONE)) == 0;
}
static inline uint32_t portal_live_count(const struct shelf *s)
{
    return s->n - s->n_archived - s->n_gone;
}
// Ids that were merged into this generated record: at most 2; returns how many.
size_t portal_generated_merges(const struct shelf *s, uint32_t slot, uint64_t ret_ids[2]);
// Generated dates lie between these two; bursts of equal stamps are among them.
int64_t portal_first_ms(void);
int64_t portal_last_ms(void);

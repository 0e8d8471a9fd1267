#include "sim/portal.h"

#include "core/random.h"
#include "sim/lookup.h"
#include "sim/words.h"

enum {
    ID_STRIDE = 8,       // ids are sparse: one in eight is taken
    BIG_IDS_FROM = 1000, // contacts from which on the last few have ids beyond 2^53
    BIG_IDS = 3,
    SURE_FROM = 20, // records from which on one is archived and one merged for sure
    BURSTS = 8,     // instants at which many records were changed at once
    CORPUS_BYTES = 192 * 1024,
    IMPORT_BLOCK = 256, // records of one import share a creation date
    CREATED_BY_HAND_MAX = 10 * 1000 * 1000,
};

#define BIG_ID_BASE UINT64_C(9007199254740993) // 2^53 + 1

int64_t portal_first_ms(void)
{
    return INT64_C(1546300800000); // 2019-01-01
}

int64_t portal_last_ms(void)
{
    return INT64_C(1782777600000); // 2026-06-30
}

static uint64_t mixed(const struct shelf *s, uint64_t n)
{
    return random_mix(s->salt ^ n);
}

static uint64_t base_id(const struct shelf *s, uint32_t slot)
{
    uint64_t base = object_info(s->type)->id_base;
    if (slot >= s->n_small) {
        return BIG_ID_BASE + (uint64_t)(slot - s->n_small) * ID_STRIDE;
    }
    return base + (uint64_t)slot * ID_STRIDE + (mixed(s, slot) & (ID_STRIDE - 1));
}

static uint64_t created_id(const struct shelf *s, uint32_t slot)
{
    const struct overlay *o = portal_overlay(s, slot);
    assert(o); // records made by hand have nothing but their overlay
    return o->id;
}

uint64_t portal_id_of(const struct shelf *s, uint32_t slot)
{
    assert(slot < s->n);
    return slot < s->n_base ? base_id(s, slot) : created_id(s, slot);
}

// Binary search among the created records.
static uint32_t lower_bound_created(const struct shelf *s, uint64_t id)
{
    uint32_t lo = s->n_base;
    uint32_t hi = s->n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (created_id(s, mid) < id) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

uint32_t portal_lower_bound(const struct shelf *s, uint64_t id)
{
    uint64_t base = object_info(s->type)->id_base;
    uint32_t slot = 0;
    if (s->n_base > s->n_small && id > base_id(s, s->n_small - 1)) {
        uint64_t over = id <= BIG_ID_BASE ? 0 : (id - BIG_ID_BASE + ID_STRIDE - 1) / ID_STRIDE;
        slot = (uint32_t)MIN(s->n_small + over, (uint64_t)s->n_base);
    } else if (id > base) {
        slot = (uint32_t)MIN((id - base) / ID_STRIDE, (uint64_t)s->n_small);
        slot += slot < s->n_small && base_id(s, slot) < id ? 1 : 0;
    }
    return slot < s->n_base ? slot : lower_bound_created(s, id);
}

bool portal_slot_of(const struct shelf *s, uint64_t id, uint32_t *ret_slot)
{
    uint32_t slot = portal_lower_bound(s, id);
    if (slot >= s->n || portal_id_of(s, slot) != id) {
        return false;
    }
    *ret_slot = slot;
    return true;
}

size_t portal_generated_merges(const struct shelf *s, uint32_t slot, uint64_t ret_ids[2])
{
    if (slot >= s->n_small || !object_info(s->type)->main_type || object_is_custom(s->type)) {
        return 0;
    }
    uint64_t h = mixed(s, slot + (UINT64_C(7) << 40));
    bool for_sure = s->n_base >= SURE_FROM && slot == s->n_base / 3;
    if (h % 400 != 0 && !for_sure) {
        return 0;
    }
    uint64_t own = base_id(s, slot);
    uint64_t first = own - (own - object_info(s->type)->id_base) % ID_STRIDE;
    size_t n = h / 400 % 3 == 0 ? 2 : 1;
    for (size_t i = 0; i < n; i++) {
        ret_ids[i] = first + (own - first + 1 + i) % ID_STRIDE; // from the gap around the own id
    }
    return n;
}

// The generated record that this id was merged into.
static bool slot_of_generated_merge(const struct shelf *s, uint64_t id, uint32_t *ret_slot)
{
    uint64_t base = object_info(s->type)->id_base;
    if (id < base || (id - base) / ID_STRIDE >= s->n_small) {
        return false;
    }
    uint32_t slot = (uint32_t)((id - base) / ID_STRIDE);
    uint64_t merged[2];
    size_t n = portal_generated_merges(s, slot, merged);
    for (size_t i = 0; i < n; i++) {
        if (merged[i] == id) {
            *ret_slot = slot;
            return true;
        }
    }
    return false;
}

bool portal_object(const struct portal *p, struct str name, bool singular, enum object_type *ret)
{
    enum object_type t;
    if (object_find(name, singular, &t) && p->shelves[t].exists) {
        *ret = t;
        return true;
    }
    const struct schema *s = schemas_find(&p->schemas, name);
    if (s) {
        *ret = s->object;
    }
    return s != NULL;
}

struct str portal_object_name(const struct portal *p, enum object_type t)
{
    return object_is_custom(t) ? p->schemas.items[t - OBJECT_CUSTOM_FIRST].qualified
                               : object_info(t)->plural;
}

bool portal_resolve(const struct shelf *s, uint64_t id, uint32_t *ret_slot)
{
    uint32_t slot;
    if (!portal_slot_of(s, id, &slot) && !slot_of_generated_merge(s, id, &slot)) {
        return false;
    }
    while (s->flags[slot] & RECORD_GONE) {
        const struct overlay *o = portal_overlay(s, slot);
        if (!o || o->merged_into == 0) {
            return false;
        }
        slot =
            o->merged_into - 1; // no circles: a survivor is live when the other is merged into it
    }
    *ret_slot = slot;
    return true;
}

struct overlay *portal_overlay(const struct shelf *s, uint32_t slot)
{
    return s->flags[slot] & RECORD_OVERLAY ? map_get(&s->overlays, slot) : NULL;
}

// Rises with the slot; imports share one stamp.
static int64_t generated_created_ms(const struct shelf *s, uint32_t slot)
{
    int64_t step = (portal_last_ms() - portal_first_ms()) / (s->n_base + 1);
    uint32_t block = slot / IMPORT_BLOCK;
    if (mixed(s, block + (UINT64_C(5) << 40)) % 8 == 0) {
        slot = block * IMPORT_BLOCK;
    }
    return portal_first_ms() + step * slot +
           (int64_t)(mixed(s, slot + (UINT64_C(3) << 40)) % (uint64_t)step);
}

static int64_t generated_modified_ms(const struct shelf *s, uint32_t slot)
{
    int64_t created = generated_created_ms(s, slot);
    uint64_t h = mixed(s, slot + (UINT64_C(4) << 40));
    if (h % 5 == 0) {
        return created;
    }
    int64_t span = portal_last_ms() - portal_first_ms();
    if (h % 4 == 1) {
        uint64_t burst = h / 64 % BURSTS;
        int64_t at = portal_first_ms() + span * (int64_t)(burst + 1) / (BURSTS + 1) +
                     (int64_t)(mixed(s, burst + (UINT64_C(6) << 40)) % 86400000);
        if (at > created) {
            return at;
        }
    }
    // Skewed to the recent: the larger of two draws.
    uint64_t draw = MAX((h >> 16) & 0xffffff, (h >> 40) & 0xffffff);
    return created + (int64_t)((uint64_t)(portal_last_ms() - created) / 0x1000000 * draw);
}

struct record portal_record(const struct portal *p, enum object_type type, uint32_t slot)
{
    const struct shelf *s = &p->shelves[type];
    assert(slot < s->n);
    const struct overlay *o = portal_overlay(s, slot);
    struct record r = {
        .portal = p,
        .shelf = s,
        .overlay = o,
        .slot = slot,
        .id = o ? o->id : base_id(s, slot),
        .basis = o ? o->basis : slot,
        .created_ms = o ? o->created_ms : generated_created_ms(s, slot),
        .modified_ms = s->modified_ms[slot],
        .settled_ms = o ? o->settled_ms : s->modified_ms[slot],
        .archived = (s->flags[slot] & RECORD_ARCHIVED) != 0,
        .blank = o && o->blank,
    };
    r.hash = mixed(s, r.basis + (UINT64_C(1) << 40));
    return r;
}

static void shelf_fill(struct shelf *s)
{
    s->n = s->n_base;
    s->n_archived = 0;
    s->n_gone = 0;
    for (uint32_t i = 0; i < s->n_base; i++) {
        s->modified_ms[i] = generated_modified_ms(s, i);
        bool for_sure = s->n_base >= SURE_FROM && i == s->n_base / 2;
        bool archived = mixed(s, i + (UINT64_C(2) << 40)) % 500 == 0 || for_sure;
        s->flags[i] = archived ? RECORD_ARCHIVED : 0;
        s->n_archived += archived ? 1 : 0;
    }
    uint64_t last = s->n_base > 0 ? base_id(s, s->n_base - 1) : object_info(s->type)->id_base;
    s->next_id = last + ID_STRIDE;
}

static void shelf_generate(struct shelf *s, enum object_type type, const struct portal_options *o)
{
    *s = (struct shelf){.type = type, .n_base = o->counts[type]};
    assert(s->n_base <= PORTAL_RECORDS_MAX);
    s->salt = random_mix(o->seed * 31 + (uint64_t)type);
    bool big = type == OBJECT_CONTACTS && s->n_base >= BIG_IDS_FROM;
    s->n_small = big ? s->n_base - BIG_IDS : s->n_base;
    s->cap = MAX(s->n_base, (uint32_t)16);
    s->modified_ms = malloc(s->cap * sizeof(*s->modified_ms));
    s->flags = calloc(s->cap, 1);
    if (!s->modified_ms || !s->flags) {
        abort();
    }
    shelf_fill(s);
    property_set_init(&s->properties);
}

static void shelf_open(struct shelf *s, const struct portal_options *o)
{
    const struct object_info *info = object_info(s->type);
    s->exists = true;
    s->searched = info->searched;
    property_set_generate(&s->properties, s->type, info->main_type ? o->properties : 0, o->seed,
                          o->clean);
}

void portal_open_shelf(struct portal *p, enum object_type t)
{
    assert(object_is_custom(t) && !p->shelves[t].exists);
    struct portal_options bare = p->options;
    bare.properties = 0;
    shelf_open(&p->shelves[t], &bare);
}

static void shelf_forget_changes(struct shelf *s)
{
    for (size_t i = 0; i < s->overlays.cap; i++) {
        struct overlay *o = s->overlays.entries[i].value;
        if (o) {
            free(o->changes);
            free(o->merged_ids);
            free(o);
        }
    }
    map_done(&s->overlays);
    lookup_forget(&s->uniques);
    map_done(&s->blocked);
    lag_done(&s->lag);
}

static void shelf_done(struct shelf *s)
{
    shelf_forget_changes(s);
    free(s->modified_ms);
    free(s->flags);
    property_set_done(&s->properties);
}

// One long text; pieces of it become notes, descriptions and bodies.
static void make_corpus(struct portal *p)
{
    struct buf b;
    buf_init(&b, CORPUS_BYTES * 2);
    p->corpus_starts = ARENA_ARRAY(&p->arena, size_t, CORPUS_BYTES);
    for (uint64_t i = 0; b.len < CORPUS_BYTES; i++) {
        p->corpus_starts[p->n_corpus_starts++] = b.len;
        buf_add(&b, words_sentences[random_mix(p->options.seed + i) % words_sentences_n]);
        buf_add_char(&b, random_mix(i) % 6 == 0 ? '\n' : ' ');
    }
    p->corpus = arena_dup(&p->arena, buf_str(&b));
    buf_done(&b);
}

static void generate(struct portal *p)
{
    const struct portal_options *o = &p->options;
    arena_init(&p->arena, PORTAL_ARENA_LIMIT);
    for (size_t t = 0; t < OBJECT_COUNT; t++) {
        shelf_generate(&p->shelves[t], (enum object_type)t, o);
        if (t < OBJECT_CUSTOM_FIRST + o->n_custom_objects) {
            shelf_open(&p->shelves[t], o);
        }
    }
    schemas_generate(&p->schemas, p);
    pipelines_generate(&p->pipelines, &p->arena);
    owners_generate(&p->owners, o->owners, o->seed, &p->arena);
    p->n_corpus_starts = 0;
    make_corpus(p);
    associations_generate(&p->associations, p);
    lists_generate(&p->lists, p);
}

static void discard(struct portal *p)
{
    for (size_t t = 0; t < OBJECT_COUNT; t++) {
        shelf_done(&p->shelves[t]);
    }
    associations_done(&p->associations);
    pipelines_done(&p->pipelines);
    lists_done(&p->lists);
    exports_done(&p->exports);
    webhooks_done(&p->webhooks);
    arena_done(&p->arena);
}

struct portal *portal_create(const struct portal_options *options)
{
    struct portal *p = calloc(1, sizeof(*p));
    if (!p) {
        abort();
    }
    p->options = *options;
    pthread_rwlockattr_t attr;
    pthread_rwlockattr_init(&attr);
    // Readers come without a pause under load; without this a change would never get its turn.
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&p->lock, &attr);
    pthread_rwlockattr_destroy(&attr);
    generate(p);
    return p;
}

void portal_destroy(struct portal *p)
{
    if (p) {
        discard(p);
        pthread_rwlock_destroy(&p->lock);
        free(p);
    }
}

void portal_reset(struct portal *p)
{
    discard(p);
    generate(p);
    p->version++;
    p->schema_version++;
}

void portal_read(struct portal *p)
{
    pthread_rwlock_rdlock(&p->lock);
}

void portal_write(struct portal *p)
{
    pthread_rwlock_wrlock(&p->lock);
}

void portal_unlock(struct portal *p)
{
    pthread_rwlock_unlock(&p->lock);
}

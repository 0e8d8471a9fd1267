#include "source/hubspot/catalog.h"

#include "core/limits.h"
#include "source/hubspot/fetch.h"

#include <pthread.h>

enum { OBJECTS_MAX = 32 };

struct entry {
    const char *object;
    pthread_mutex_t lock; // held while the definitions are read, so that they are read once
    bool loaded;
    struct json_doc *doc;
    struct property_def *items;
    size_t n;
};

struct catalog {
    int64_t created_ms;
    pthread_mutex_t lock; // of the list and of `users`
    size_t users;
    struct entry entries[OBJECTS_MAX];
    size_t n;
};

// Source: HubSpot's properties guide. What is not listed is text.
static const struct {
    const char *hubspot;
    enum column_type type;
} TYPES[] = {
    {"number", COL_DECIMAL},
    {"bool", COL_BOOL},
    {"date", COL_DATE},
    {"datetime", COL_TIMESTAMP},
};

struct catalog *catalog_create(int64_t now_ms)
{
    struct catalog *c = calloc(1, sizeof *c);
    if (!c) {
        abort();
    }
    pthread_mutex_init(&c->lock, NULL);
    c->created_ms = now_ms;
    c->users = 1;
    return c;
}

struct catalog *catalog_use(struct catalog *c)
{
    pthread_mutex_lock(&c->lock);
    c->users++;
    pthread_mutex_unlock(&c->lock);
    return c;
}

int64_t catalog_created_ms(const struct catalog *c)
{
    return c->created_ms;
}

void catalog_leave(struct catalog *c)
{
    if (!c) {
        return;
    }
    pthread_mutex_lock(&c->lock);
    assert(c->users > 0);
    size_t left = --c->users;
    pthread_mutex_unlock(&c->lock);
    if (left > 0) {
        return;
    }
    for (size_t i = 0; i < c->n; i++) {
        json_doc_destroy(c->entries[i].doc);
        free(c->entries[i].items);
        pthread_mutex_destroy(&c->entries[i].lock);
    }
    pthread_mutex_destroy(&c->lock);
    free(c);
}

static struct entry *find_entry(struct catalog *c, const char *object)
{
    pthread_mutex_lock(&c->lock);
    struct entry *found = NULL;
    for (size_t i = 0; i < c->n && !found; i++) {
        found = strcmp(c->entries[i].object, object) == 0 ? &c->entries[i] : NULL;
    }
    if (!found) {
        assert(c->n < OBJECTS_MAX);
        found = &c->entries[c->n++];
        found->object = object;
        pthread_mutex_init(&found->lock, NULL);
    }
    pthread_mutex_unlock(&c->lock);
    return found;
}

static enum column_type column_type_of(struct str hubspot_type)
{
    for (size_t i = 0; i < ARRAY_LEN(TYPES); i++) {
        if (str_eq(hubspot_type, str_from(TYPES[i].hubspot))) {
            return TYPES[i].type;
        }
    }
    return COL_TEXT;
}

static bool decode(struct entry *e, struct json root, struct error *err)
{
    struct json results;
    if (!json_get(root, STR("results"), &results) || json_type(results) != JSON_ARRAY) {
        return error_set(err, ERR_SOURCE_DATA, "properties of %s: the answer has no \"results\"",
                         e->object);
    }
    size_t count = json_count(results);
    if (count > LIMIT_PROPERTIES) {
        return error_set(err, ERR_LIMIT, "%s has %zu properties; the limit is %d", e->object, count,
                         LIMIT_PROPERTIES);
    }
    e->items = calloc(count + 1, sizeof *e->items);
    if (!e->items) {
        abort();
    }
    struct json_iter it = json_iter(results);
    struct json p;
    while (json_next(&it, &p)) {
        struct property_def d = {.json = p};
        if (!json_get_string(p, STR("name"), &d.name) || d.name.len == 0) {
            continue; // a definition without a name cannot be asked for
        }
        json_get_string(p, STR("type"), &d.type_name);
        d.type = column_type_of(d.type_name);
        e->items[e->n++] = d;
    }
    return true;
}

static bool load(struct entry *e, struct hubspot_client *client, struct error *err)
{
    struct hubspot_request r = {.endpoint = HUBSPOT_PROPERTIES, .args.type = str_from(e->object)};
    if (!e->doc) {
        e->doc = json_doc_create();
    }
    struct json root;
    if (!fetch_json(client, &r, e->doc, &root, NULL, err)) {
        return error_context(err, "properties of %s", e->object);
    }
    json_doc_trim(e->doc);
    return decode(e, root, err);
}

bool catalog_get(struct catalog *c, struct hubspot_client *client, const char *object,
                 struct property_defs *ret, struct error *err)
{
    struct entry *e = find_entry(c, object);
    pthread_mutex_lock(&e->lock);
    if (!e->loaded) {
        e->loaded = load(e, client, err);
    }
    bool ok = e->loaded;
    pthread_mutex_unlock(&e->lock);
    if (ok) {
        *ret = (struct property_defs){e->items, e->n};
    }
    return ok;
}

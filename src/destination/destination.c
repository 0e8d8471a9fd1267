#include "destination/driver.h"

#include "core/limits.h"

static const struct destination_driver *const DRIVERS[] = {&DESTINATION_SQLITE,
                                                           &DESTINATION_POSTGRES};

static const struct destination_driver *driver_of(struct str url)
{
    for (size_t i = 0; i < ARRAY_LEN(DRIVERS); i++) {
        for (const char *const *p = DRIVERS[i]->prefixes; *p; p++) {
            if (str_starts(url, str_from(*p))) {
                return DRIVERS[i];
            }
        }
    }
    return NULL;
}

bool destination_url_check(struct str url, struct error *err)
{
    return sql_url_check(url, err);
}

bool destination_metadata(struct str preset, struct metadata_columns *ret)
{
    static const struct {
        struct str name;
        struct metadata_columns columns;
    } PRESETS[] = {
        {STR_INIT("sluice"), {STR_INIT("_sluice_synced"), STR_INIT("_sluice_deleted")}},
        {STR_INIT("weld"), {STR_INIT("_weld_synced"), {NULL, 0}}},
        {STR_INIT("fivetran"), {STR_INIT("_fivetran_synced"), STR_INIT("_fivetran_deleted")}},
    };
    for (size_t i = 0; i < ARRAY_LEN(PRESETS); i++) {
        if (str_eq(preset, PRESETS[i].name)) {
            *ret = PRESETS[i].columns;
            return true;
        }
    }
    return false;
}

struct str destination_describe(const struct destination_options *options, struct arena *arena)
{
    return sql_url_mask(options->url, arena);
}

static bool check_options(const struct destination_options *o, struct error *err)
{
    assert(o->clock);
    if (!destination_url_check(o->url, err)) {
        return false;
    }
    if (o->schema.len == 0 || o->schema.len > LIMIT_IDENTIFIER_BYTES ||
        memchr(o->schema.ptr, '\0', o->schema.len)) {
        return error_set(err, ERR_CONFIG,
                         "the schema name '%.*s' has %zu bytes; it needs 1 to %d and no NUL",
                         STR_ARG(o->schema), o->schema.len, LIMIT_IDENTIFIER_BYTES);
    }
    return true;
}

static bool create_system_tables(struct destination *dest, struct error *err)
{
    static const struct table *const TABLES[] = {&TABLE_STATE, &TABLE_COLUMN, &TABLE_REJECT,
                                                 &TABLE_AUDIT};
    struct session *s = NULL;
    if (!session_connect(dest, &(struct session_options){0}, &s, err)) {
        return false;
    }
    bool ok = dest->driver->create_schema(s, err);
    for (size_t i = 0; i < ARRAY_LEN(TABLES) && ok; i++) {
        bool empty;
        ok = session_apply_schema(s, TABLES[i], &empty, err);
    }
    session_close(s);
    return ok;
}

bool destination_prepare(const struct destination_options *options, struct destination **ret,
                         struct error *err)
{
    if (!check_options(options, err)) {
        return false;
    }
    struct destination *d = calloc(1, sizeof(*d));
    assert(d);
    arena_init(&d->arena, 1U << 20);
    turn_init(&d->turn);
    d->driver = driver_of(options->url);
    assert(d->driver); // the room `sql` has the same forms
    d->url = arena_dup(&d->arena, options->url);
    d->schema = arena_dup(&d->arena, options->schema);
    d->metadata.synced = arena_dup(&d->arena, options->metadata.synced);
    d->metadata.deleted = arena_dup(&d->arena, options->metadata.deleted);
    d->clock = options->clock;
    d->cancel = options->cancel;
    d->cache_kib = options->cache_kib;
    *ret = d;
    return true;
}

bool destination_open(const struct destination_options *options, struct destination **ret,
                      struct error *err)
{
    struct destination *d = NULL;
    bool there = false;
    assert(options->metadata.synced.len > 0);
    if (!destination_prepare(options, &d, err)) {
        return false;
    }
    if (!d->driver->locate(d, true, &there, err) || !create_system_tables(d, err)) {
        destination_close(d);
        return false;
    }
    *ret = d;
    return true;
}

void destination_close(struct destination *dest)
{
    if (dest) {
        turn_done(&dest->turn);
        arena_done(&dest->arena);
        free(dest);
    }
}

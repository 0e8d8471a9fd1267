// POST /elt_syncs: what is checked before a sync is made.
#include "api/syncs.h"

#include "core/limits.h"
#include "engine/cron.h"
#include "engine/elt_settings.h"
#include "store/connections.h"
#include "store/destinations.h"

#include <sys/stat.h>

enum { START_AHEAD_MS = 24 * 3600 * 1000 };

bool sync_check_interval(struct api_call *c, struct str interval, struct str settings,
                         int64_t *ret_next_due_ms, struct error *err)
{
    struct elt_settings parsed;
    struct cron cron;
    int64_t now_ms;
    if (settings.len > SYNC_SETTINGS_TEXT_MAX) {
        return error_set(err, ERR_CONFIG, "elt_settings: %zu bytes are more than %d", settings.len,
                         SYNC_SETTINGS_TEXT_MAX);
    }
    if (!elt_settings_parse(settings, c->arena, &parsed, err)) {
        return false;
    }
    if (!cron_parse(interval, &cron, err)) {
        return error_context(err, "sync_interval");
    }
    if (!store_now_ms(c->store, &now_ms, err)) {
        return false;
    }
    struct str zone = parsed.time_zone.len > 0 ? parsed.time_zone : c->site->time_zone;
    if (!cron_next(&cron, zone, now_ms, ret_next_due_ms)) {
        return error_set(err, ERR_CONFIG, "sync_interval: '%.*s' never comes in the time zone %.*s",
                         STR_ARG(interval), STR_ARG(zone));
    }
    return true;
}

// Connections are one workspace's; those of `sluice login` belong to nobody until it has taken
// them over.
static bool check_connection(struct api_call *c, struct str id, struct error *err)
{
    struct connection found;
    struct error none = {.code = ERR_NOT_FOUND};
    bool known = store_check_name("connection_id", id, &none) &&
                 connection_find(c->store, id, c->arena, &found, &none);
    if (known && (found.account_id.len == 0 || str_eq(found.account_id, c->account_id))) {
        return true;
    }
    if (!known && none.code != ERR_USAGE && none.code != ERR_NOT_FOUND) {
        *err = none;
        return false;
    }
    return error_set(err, ERR_CONFIG,
                     "connection_id is '%.*s': there is no such connection; GET /connections lists "
                     "them",
                     STR_ARG(id));
}

static bool find_destination(struct api_call *c, struct str id, struct stored_destination *ret,
                             struct error *err)
{
    struct error none = {.code = ERR_NOT_FOUND};
    if (id.len == 0) {
        if (stored_destination_default(c->store, c->account_id, c->arena, ret, err)) {
            return true;
        }
        if (err->code == ERR_NOT_FOUND) {
            error_set(err, ERR_CONFIG,
                      "destination_id is missing, and there is no default destination; POST "
                      "/destinations makes one");
        }
        return false;
    }
    if (id_check(id) &&
        stored_destination_find(c->store, c->account_id, id, c->arena, ret, &none)) {
        return true;
    }
    if (none.code != ERR_NOT_FOUND) {
        *err = none;
        return false;
    }
    return error_set(err, ERR_CONFIG,
                     "destination_id is '%.*s': there is no such destination; GET /destinations "
                     "lists them",
                     STR_ARG(id));
}

// A schema that is a file of its own must be a name of a file; some names are the database's own.
static const struct {
    const char *integration;
    const char *start; // NULL: none
    const char *part;
    const char *rule;
} SCHEMA_RULES[] = {
    {"sqlite", ".", NULL, "it names a file there, so it must not begin with a dot"},
    {"sqlite", NULL, "/", "it names a file there, so it must not hold '/'"},
    {"sqlite", NULL, "..", "it names a file there, so it must not hold '..'"},
    {"postgres", "pg_", NULL, "names that begin with pg_ are the database's own"},
};

static bool check_schema(struct str name, struct str integration, struct error *err)
{
    if (name.len == 0 || name.len > LIMIT_IDENTIFIER_BYTES || memchr(name.ptr, '\0', name.len)) {
        return error_set(err, ERR_CONFIG,
                         "destination_schema_name is '%.*s', which has %zu bytes: it must have 1 "
                         "to %d",
                         STR_ARG(name), name.len, LIMIT_IDENTIFIER_BYTES);
    }
    for (size_t i = 0; i < ARRAY_LEN(SCHEMA_RULES); i++) {
        const char *start = SCHEMA_RULES[i].start;
        const char *part = SCHEMA_RULES[i].part;
        bool broken =
            start ? str_starts(name, str_from(start)) : str_find(name, str_from(part)) >= 0;
        if (broken && str_eq(integration, str_from(SCHEMA_RULES[i].integration))) {
            return error_set(err, ERR_CONFIG, "destination_schema_name is '%.*s': %s",
                             STR_ARG(name), SCHEMA_RULES[i].rule);
        }
    }
    return true;
}

// Whether every schema of the destination is the same tables: a SQLite file, not a directory of
// them.
static bool has_one_schema(const struct stored_destination *d, struct arena *arena)
{
    struct str path = str_sub(d->url_shown, STR("sqlite:").len, d->url_shown.len);
    struct stat st;
    return str_eq(d->integration_id, STR("sqlite")) && !str_ends(path, STR("/")) &&
           !(stat(arena_cstr(arena, path), &st) == 0 && S_ISDIR(st.st_mode));
}

bool sync_check_neighbours(struct api_call *c, const struct elt_sync *sync, struct error *err)
{
    struct elt_sync other;
    struct elt_settings ours;
    struct elt_settings theirs;
    bool found = false;
    if (!elt_sync_neighbour(c->store, sync, c->arena, &other, &found, err)) {
        return false;
    }
    if (!found) {
        return true;
    }
    if (!elt_settings_parse(sync->settings, c->arena, &ours, err) ||
        !elt_settings_parse(other.settings, c->arena, &theirs, err)) {
        return false;
    }
    const char *setting = elt_settings_differ(&ours, &theirs);
    return !setting || error_set(err, ERR_CONFLICT,
                                 "elt_settings.%s must be the same in all syncs that load into "
                                 "schema \"%.*s\", and sync %.*s has another value; give the same, "
                                 "or load into another schema",
                                 setting, STR_ARG(sync->schema_name), STR_ARG(other.id));
}

// Callers send their own "now" or "today", by clocks and in time zones that are ahead of ours.
static bool check_start(struct api_call *c, int64_t start_ms, struct error *err)
{
    int64_t now_ms;
    if (start_ms == 0) {
        return true;
    }
    if (!store_now_ms(c->store, &now_ms, err)) {
        return false;
    }
    return start_ms <= now_ms + START_AHEAD_MS ||
           error_set(err, ERR_CONFIG,
                     "start_date lies more than a day in the future, and nothing would be loaded "
                     "until then; give an earlier date, or leave it out to load everything");
}

static bool make(struct api_call *c, const struct sync_create_body *b, struct elt_sync *sync,
                 struct error *err)
{
    struct stored_destination destination = {0};
    int64_t next_due_ms;
    *sync = (struct elt_sync){
        .account_id = c->account_id,
        .connection_id = b->connection_id,
        .schema_name = str_trim(b->destination_schema_name),
        .sync_interval = str_trim(b->sync_interval),
        .settings = b->elt_settings.len > 0 ? b->elt_settings : STR("{}"),
        .start_ms = b->start_ms,
    };
    if (!check_connection(c, b->connection_id, err) ||
        !find_destination(c, b->destination_id, &destination, err) ||
        !check_schema(sync->schema_name, destination.integration_id, err) ||
        !sync_check_interval(c, sync->sync_interval, sync->settings, &next_due_ms, err) ||
        !check_start(c, b->start_ms, err)) {
        return false;
    }
    sync->destination_id = destination.id;
    sync->one_schema = has_one_schema(&destination, c->arena);
    return elt_sync_create(c->store, sync, c->arena, err) && sync_check_neighbours(c, sync, err);
}

void create_sync(struct api_call *c)
{
    struct elt_sync made;
    struct elt_sync sync;
    struct sync_view view;
    struct error err;
    // Read back: what it refers to is shown, too.
    bool ok = make(c, c->body, &made, &err) &&
              elt_sync_find(c->store, c->account_id, made.id, c->arena, &sync, &err) &&
              sync_view_fill(c, &sync, &view, &err) && sync_tell(c, "sync.created", &sync, &err);
    if (!ok) {
        api_fail(c, &err);
        return;
    }
    api_ok(c, 201, &ELT_SYNC_SHAPE, &view);
}

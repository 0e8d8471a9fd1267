// What EltSync and what makes and changes one look like.
#include "api/syncs.h"

#include "store/events.h"

#define FIELD(f) offsetof(struct sync_view, f)

static const struct api_field SYNC_FIELDS[] = {
    {.name = "id",
     .type = API_STRING,
     .offset = FIELD(id),
     .flags = API_REQUIRED,
     .help = "The sync's id.",
     .example = "\"X4ughggABSd3UY\""},
    {.name = "account_id",
     .type = API_STRING,
     .offset = FIELD(account_id),
     .flags = API_REQUIRED,
     .help = "The workspace."},
    {.name = "source_connection_id",
     .type = API_STRING,
     .offset = FIELD(source_connection_id),
     .flags = API_REQUIRED,
     .help = "The connection that is read."},
    {.name = "source_integration_id",
     .type = API_STRING,
     .offset = FIELD(source_integration_id),
     .flags = API_REQUIRED,
     .help = "Its integration.",
     .example = "\"hubspot-v2\""},
    {.name = "destination_connection_id",
     .type = API_STRING,
     .offset = FIELD(destination_connection_id),
     .flags = API_REQUIRED,
     .help = "The destination that is loaded."},
    {.name = "destination_integration_id",
     .type = API_STRING,
     .offset = FIELD(destination_integration_id),
     .flags = API_REQUIRED,
     .help = "Its kind.",
     .example = "\"postgres\""},
    {.name = "destination_schema_name",
     .type = API_STRING,
     .offset = FIELD(destination_schema_name),
     .flags = API_REQUIRED,
     .help = "The schema that holds the tables."},
    {.name = "config",
     .type = API_JSON,
     .offset = FIELD(config),
     .flags = API_REQUIRED,
     .help = "The settings, in sourceSettings.",
     .format = "object",
     .example = "{\"sourceSettings\":{}}"},
    {.name = "enabled",
     .type = API_BOOLEAN,
     .offset = FIELD(enabled),
     .flags = API_REQUIRED,
     .help = "Whether it runs by its interval."},
    {.name = "active",
     .type = API_BOOLEAN,
     .offset = FIELD(enabled),
     .flags = API_REQUIRED,
     .help = "The same as enabled, by its former name."},
    {.name = "status",
     .type = API_STRING,
     .offset = FIELD(status),
     .flags = API_REQUIRED,
     .choices = "NOT_STARTED|RUNNING|FAILED|PAUSED",
     .help = "NOT_STARTED: it was never enabled. RUNNING: it is enabled. FAILED: it is, and the "
             "last run of a stream failed. PAUSED: it was disabled, or its connection must be "
             "authorized again."},
    {.name = "sync_interval",
     .type = API_STRING,
     .offset = FIELD(sync_interval),
     .flags = API_REQUIRED,
     .help = "When it runs, as a cron expression.",
     .example = "\"0 */6 * * *\""},
    {.name = "start_date",
     .type = API_TIME,
     .offset = FIELD(start_ms),
     .flags = API_OMIT,
     .format = "date-time",
     .help = "Only records modified since are loaded; left out when all are."},
    {.name = "source_streams",
     .type = API_OBJECTS,
     .offset = FIELD(source_streams),
     .flags = API_REQUIRED,
     .shape = &ELT_STREAM_SHAPE,
     .help = "Its streams, in the order in which they were added."},
    {.name = "next_run_at",
     .type = API_TIME,
     .offset = FIELD(next_run_ms),
     .flags = API_OMIT,
     .format = "date-time",
     .help = "When it runs next; left out when it is not scheduled."},
    {.name = "created_at",
     .type = API_TIME,
     .offset = FIELD(created_ms),
     .flags = API_REQUIRED,
     .format = "date-time",
     .help = "When it was made."},
    {.name = "updated_at",
     .type = API_TIME,
     .offset = FIELD(updated_ms),
     .flags = API_REQUIRED,
     .format = "date-time",
     .help = "When it was changed last."},
};
const struct api_shape ELT_SYNC_SHAPE = {
    .name = "EltSync",
    .help = "What is loaded from a connection into a schema, and how often.",
    .size = sizeof(struct sync_view),
    .fields = SYNC_FIELDS,
    .n_fields = ARRAY_LEN(SYNC_FIELDS),
};

#undef FIELD
#define FIELD(f) offsetof(struct sync_create_body, f)

enum { INTERVAL_MAX = 255, SCHEMA_TEXT_MAX = 255 };

static const struct api_field CREATE_FIELDS[] = {
    {.name = "connection_id",
     .type = API_STRING,
     .offset = FIELD(connection_id),
     .flags = API_REQUIRED,
     .help = "The connection to read."},
    {.name = "destination_schema_name",
     .type = API_STRING,
     .offset = FIELD(destination_schema_name),
     .flags = API_REQUIRED,
     .min = 1,
     .max = SCHEMA_TEXT_MAX,
     .help = "The schema to load into: 1 to 63 bytes, white space around it does not count; it is "
             "made when it is missing, and no two syncs of a destination may share one.",
     .example = "\"hubspot\""},
    {.name = "sync_interval",
     .type = API_STRING,
     .offset = FIELD(sync_interval),
     .flags = API_REQUIRED,
     .min = 1,
     .max = INTERVAL_MAX,
     .help = "When to run: a cron expression of five fields, or @hourly and the like; in the time "
             "zone of the settings, else of the server.",
     .example = "\"0 */6 * * *\""},
    {.name = "elt_settings",
     .type = API_JSON,
     .offset = FIELD(elt_settings),
     .flags = API_EMPTY_UNSET,
     .format = "object",
     .help = "As GET /connections/{id}/settings describes."},
    {.name = "start_date",
     .type = API_TIME,
     .offset = FIELD(start_ms),
     .flags = API_EMPTY_UNSET,
     .help = "Only records modified since are to be loaded: a date (midnight UTC) or a date and "
             "time, at most a day ahead of this server's clock.",
     .example = "\"2024-01-31\""},
    {.name = "destination_id",
     .type = API_STRING,
     .offset = FIELD(destination_id),
     .flags = API_EMPTY_UNSET,
     .help = "Where to load into, of GET /destinations; the default one when it is left out."},
};
const struct api_shape ELT_SYNC_CREATE_SHAPE = {
    .name = "EltSyncCreate",
    .help = "A sync to be made.",
    .size = sizeof(struct sync_create_body),
    .fields = CREATE_FIELDS,
    .n_fields = ARRAY_LEN(CREATE_FIELDS),
};

#undef FIELD
#define FIELD(f) offsetof(struct sync_update_body, f)

static const struct api_field UPDATE_FIELDS[] = {
    {.name = "sync_interval",
     .type = API_STRING,
     .offset = FIELD(sync_interval),
     .flags = API_EMPTY_UNSET,
     .min = 1,
     .max = INTERVAL_MAX,
     .help = "When to run from now on.",
     .example = "\"0 0 * * *\""},
    {.name = "elt_settings",
     .type = API_JSON,
     .offset = FIELD(elt_settings),
     .flags = API_EMPTY_UNSET,
     .format = "object",
     .help = "All settings from now on, in place of those of before."},
    {.name = "connection_id",
     .type = API_STRING,
     .offset = FIELD(connection_id),
     .flags = API_EMPTY_UNSET,
     .help = "Cannot be changed: only what it is already is accepted."},
    {.name = "destination_schema_name",
     .type = API_STRING,
     .offset = FIELD(destination_schema_name),
     .flags = API_EMPTY_UNSET,
     .help = "Cannot be changed: only what it is already is accepted."},
};
const struct api_shape ELT_SYNC_UPDATE_SHAPE = {
    .name = "EltSyncUpdate",
    .help = "Changes to a sync.",
    .size = sizeof(struct sync_update_body),
    .fields = UPDATE_FIELDS,
    .n_fields = ARRAY_LEN(UPDATE_FIELDS),
};

// ---- filling

static const char *status_of(const struct elt_sync *s)
{
    if (!s->started) {
        return "NOT_STARTED";
    }
    if (!s->enabled || s->needs_reauthorization) {
        return "PAUSED";
    }
    return s->failing ? "FAILED" : "RUNNING";
}

static void fill(const struct elt_sync *sync, const struct stream_list *streams,
                 struct arena *arena, struct sync_view *ret)
{
    *ret = (struct sync_view){
        .id = sync->id,
        .account_id = sync->account_id,
        .source_connection_id = sync->connection_id,
        .source_integration_id = sync->source_integration_id,
        .destination_connection_id = sync->destination_id,
        .destination_integration_id = sync->destination_integration_id,
        .destination_schema_name = sync->schema_name,
        .config = arena_printf(arena, "{\"sourceSettings\":%.*s}", STR_ARG(sync->settings)),
        .enabled = sync->enabled,
        .status = str_from(status_of(sync)),
        .sync_interval = sync->sync_interval,
        .start_ms = sync->start_ms,
        .source_streams = stream_views(streams->items, streams->n, arena),
        .next_run_ms = sync->enabled ? sync->next_due_ms : 0,
        .created_ms = sync->created_ms,
        .updated_ms = sync->updated_ms,
    };
}

// Those of one sync, which follow each other.
static struct stream_list streams_of(const struct stream_list *all, struct str sync_id)
{
    size_t begin = 0;
    while (begin < all->n && !str_eq(all->items[begin].sync_id, sync_id)) {
        begin++;
    }
    size_t end = begin;
    while (end < all->n && str_eq(all->items[end].sync_id, sync_id)) {
        end++;
    }
    return (struct stream_list){end > begin ? &all->items[begin] : NULL, end - begin};
}

bool sync_views(struct api_call *c, const struct elt_sync *syncs, size_t n, struct sync_view **ret,
                struct error *err)
{
    struct stream_list all;
    if (!elt_stream_of_syncs(c->store, syncs, n, c->arena, &all, err)) {
        return false;
    }
    *ret = ARENA_ARRAY(c->arena, struct sync_view, n);
    for (size_t i = 0; i < n; i++) {
        struct stream_list streams = streams_of(&all, syncs[i].id);
        fill(&syncs[i], &streams, c->arena, &(*ret)[i]);
    }
    return true;
}

bool sync_view_fill(struct api_call *c, const struct elt_sync *sync, struct sync_view *ret,
                    struct error *err)
{
    struct sync_view *view = NULL;
    if (!sync_views(c, sync, 1, &view, err)) {
        return false;
    }
    *ret = *view;
    return true;
}

bool sync_tell(struct api_call *c, const char *kind, const struct elt_sync *sync, struct error *err)
{
    struct stored_event e = {
        .account_id = c->account_id,
        .kind = str_from(kind),
        .connection_id = sync->connection_id,
        .sync_id = sync->id,
        .data = STR("{}"),
    };
    return event_add(c->store, &e, err);
}

// GET /elt_syncs/{id}/available_source_streams: what a sync may load.
#include "api/source_streams.h"
#include "api/syncs.h"

#include "engine/grant.h"
#include "source/hubspot/source_hubspot.h"
#include "store/connections.h"

struct available_stream_view {
    struct str name, description, table;
    bool is_selectable, preselect, retired;
    struct str elt_sync_id;
    struct api_strings sub_streams, missing_scopes;
};
struct available_streams_view {
    bool has_more;
    struct api_objects data, source_streams;
};

#define FIELD(f) offsetof(struct available_stream_view, f)

static const struct api_field AVAILABLE_FIELDS[] = {
    {.name = "name",
     .type = API_STRING,
     .offset = FIELD(name),
     .flags = API_REQUIRED,
     .help = "What source_streams takes.",
     .example = "\"contacts\""},
    {.name = "is_selectable",
     .type = API_BOOLEAN,
     .offset = FIELD(is_selectable),
     .flags = API_REQUIRED,
     .help = "Whether it can be added: not when another sync loads it into the same schema."},
    {.name = "elt_sync_id",
     .type = API_STRING,
     .offset = FIELD(elt_sync_id),
     .flags = API_OMIT,
     .help = "The other sync that loads it into the same schema; left out when there is none."},
    {.name = "preselect",
     .type = API_BOOLEAN,
     .offset = FIELD(preselect),
     .flags = API_REQUIRED,
     .help = "Whether to propose it to users."},
    {.name = "sub_streams",
     .type = API_STRINGS,
     .offset = FIELD(sub_streams),
     .flags = API_REQUIRED,
     .help = "Tables that it fills beside its main one; excluded_substreams takes their names."},
    {.name = "retired",
     .type = API_BOOLEAN,
     .offset = FIELD(retired),
     .flags = API_REQUIRED,
     .help = "Whether it will go away."},
    {.name = "description",
     .type = API_STRING,
     .offset = FIELD(description),
     .flags = API_OMIT,
     .help = "What it holds."},
    {.name = "table",
     .type = API_STRING,
     .offset = FIELD(table),
     .flags = API_OMIT,
     .help = "Its main table."},
    {.name = "missing_scopes",
     .type = API_STRINGS,
     .offset = FIELD(missing_scopes),
     .flags = API_OMIT,
     .help = "Scopes that it needs and the connection does not have; left out when there are none, "
             "or when HubSpot does not tell what was granted."},
};
const struct api_shape AVAILABLE_STREAM_SHAPE = {
    .name = "AvailableStream",
    .help = "A stream that a sync may have.",
    .size = sizeof(struct available_stream_view),
    .fields = AVAILABLE_FIELDS,
    .n_fields = ARRAY_LEN(AVAILABLE_FIELDS),
};

// As the list was before: under both names.
static const struct api_field FORMER_FIELDS[] = {
    {.name = "has_more",
     .type = API_BOOLEAN,
     .offset = offsetof(struct available_streams_view, has_more),
     .flags = API_REQUIRED,
     .help = "Always false."},
    {.name = "data",
     .type = API_OBJECTS,
     .offset = offsetof(struct available_streams_view, data),
     .flags = API_REQUIRED,
     .shape = &AVAILABLE_STREAM_SHAPE,
     .help = "All."},
    {.name = "source_streams",
     .type = API_OBJECTS,
     .offset = offsetof(struct available_streams_view, source_streams),
     .flags = API_REQUIRED,
     .shape = &AVAILABLE_STREAM_SHAPE,
     .help = "The same."},
};
static const struct api_shape FORMER_LIST = {
    .name = "AvailableStreams",
    .help = "The streams that a sync may have.",
    .size = sizeof(struct available_streams_view),
    .fields = FORMER_FIELDS,
    .n_fields = ARRAY_LEN(FORMER_FIELDS),
};

static struct api_strings words_of(struct str text, struct arena *arena)
{
    struct str *items = ARENA_ARRAY(arena, struct str, text.len + 1);
    size_t n = 0;
    struct str word;
    while (str_next(&text, ' ', &word)) {
        if (word.len > 0) {
            items[n++] = word;
        }
    }
    return (struct api_strings){items, n};
}

// The other sync that has the stream; empty: none.
static struct str loaded_by(const struct stream_list *others, const char *name)
{
    for (size_t i = 0; i < others->n; i++) {
        if (str_eq(others->items[i].name, str_from(name))) {
            return others->items[i].sync_id;
        }
    }
    return (struct str){NULL, 0};
}

static struct api_objects available(const struct connection *connection,
                                    const struct stream_list *others, struct arena *arena)
{
    size_t n;
    const struct source_stream_info *all = source_hubspot_streams(&n);
    struct available_stream_view *views = ARENA_ARRAY(arena, struct available_stream_view, n);
    for (size_t i = 0; i < n; i++) {
        views[i] = (struct available_stream_view){
            .name = str_from(all[i].name),
            .description = str_from(all[i].description),
            .table = str_from(all[i].table),
            .elt_sync_id = loaded_by(others, all[i].name),
            .preselect = source_stream_is_preselected(&all[i]),
            .sub_streams = source_stream_sub_tables(&all[i], arena),
        };
        views[i].is_selectable = views[i].elt_sync_id.len == 0;
        if (connection->scopes.len > 0) {
            struct str needed = source_stream_scopes(&all[i], arena);
            views[i].missing_scopes =
                words_of(grant_missing_scopes(needed, connection->scopes, arena), arena);
        }
    }
    return (struct api_objects){views, n};
}

static bool list_all(struct api_call *c, struct api_objects *ret)
{
    struct elt_sync sync;
    struct connection connection;
    struct stream_list others;
    struct error err;
    if (!call_sync(c, &sync)) {
        return false;
    }
    if (!connection_find(c->store, sync.connection_id, c->arena, &connection, &err) ||
        !elt_stream_of_neighbours(c->store, &sync, c->arena, &others, &err)) {
        api_fail(c, &err);
        return false;
    }
    *ret = available(&connection, &others, c->arena);
    return true;
}

void list_available_streams(struct api_call *c)
{
    struct api_objects all;
    if (list_all(c, &all)) {
        api_list(c, &AVAILABLE_STREAM_SHAPE, all.items, all.n, (struct str){NULL, 0});
    }
}

void list_available_streams_as_before(struct api_call *c)
{
    struct api_objects all;
    if (list_all(c, &all)) {
        struct available_streams_view view = {.data = all, .source_streams = all};
        api_ok(c, 200, &FORMER_LIST, &view);
    }
}

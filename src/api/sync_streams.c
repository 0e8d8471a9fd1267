// POST /elt_syncs/{id}/source_streams: what a sync loads.
#include "api/source_streams.h"
#include "api/syncs.h"

#include "core/nearest.h"

enum { COLUMN_NAME_MAX = 255, SOURCE_STREAMS_MAX = 200 };

struct source_stream_body {
    struct str name, incremental_pointer_id;
    bool full_sync_always, full_sync_at_midnight, protected_from_full_sync, enabled_history_table;
    struct api_strings excluded_columns, hashed_columns, excluded_substreams;
    // Whether the request said so.
    bool has_pointer, has_always, has_midnight, has_protected;
    bool has_excluded, has_hashed, has_substreams, has_history;
};
struct source_streams_body {
    struct api_objects source_streams;
};
struct stream_list_view {
    struct api_objects source_streams, streams;
};

#define FIELD(f) offsetof(struct source_stream_body, f)
#define GIVEN(f) (offsetof(struct source_stream_body, f) + 1)

static const struct api_field SOURCE_STREAM_FIELDS[] = {
    {.name = "name",
     .type = API_STRING,
     .offset = FIELD(name),
     .flags = API_REQUIRED,
     .help = "Of available_source_streams; singular or plural, in any case.",
     .example = "\"contacts\""},
    {.name = "incremental_pointer_id",
     .type = API_STRING,
     .offset = FIELD(incremental_pointer_id),
     .given = GIVEN(has_pointer),
     .help = "The property by which changed records are found: the stream's own, or \"\"."},
    {.name = "excluded_columns",
     .type = API_STRINGS,
     .offset = FIELD(excluded_columns),
     .max = STREAM_LIST_MAX,
     .given = GIVEN(has_excluded),
     .help = "Columns or properties that are not loaded; keys must be."},
    {.name = "hashed_columns",
     .type = API_STRINGS,
     .offset = FIELD(hashed_columns),
     .max = STREAM_LIST_MAX,
     .given = GIVEN(has_hashed),
     .help = "Columns or properties that are loaded as SHA-256 hashes, salted by workspace."},
    {.name = "full_sync_always",
     .type = API_BOOLEAN,
     .offset = FIELD(full_sync_always),
     .given = GIVEN(has_always),
     .help = "Every run is to load everything anew."},
    {.name = "full_sync_at_midnight",
     .type = API_BOOLEAN,
     .offset = FIELD(full_sync_at_midnight),
     .given = GIVEN(has_midnight),
     .help = "The first run of a day, in the sync's time zone, is to load everything anew."},
    {.name = "protected_from_full_sync",
     .type = API_BOOLEAN,
     .offset = FIELD(protected_from_full_sync),
     .given = GIVEN(has_protected),
     .help = "No run but the first may load everything."},
    {.name = "excluded_substreams",
     .type = API_STRINGS,
     .offset = FIELD(excluded_substreams),
     .max = STREAM_LIST_MAX,
     .given = GIVEN(has_substreams),
     .help = "Of its sub_streams, those that are not loaded."},
    {.name = "enabled_history_table",
     .type = API_BOOLEAN,
     .offset = FIELD(enabled_history_table),
     .given = GIVEN(has_history),
     .help = "All versions of rows are to be kept from the next run on, in a table "
             "<table>__history beside each table. False: the history stays as it is."},
};
static const struct api_shape SOURCE_STREAM = {
    .name = "SourceStream",
    .help = "A stream to be added or changed.",
    .size = sizeof(struct source_stream_body),
    .fields = SOURCE_STREAM_FIELDS,
    .n_fields = ARRAY_LEN(SOURCE_STREAM_FIELDS),
};
static const struct api_field SOURCE_STREAMS_FIELDS[] = {
    {.name = "source_streams",
     .type = API_OBJECTS,
     .offset = offsetof(struct source_streams_body, source_streams),
     .flags = API_REQUIRED,
     .shape = &SOURCE_STREAM,
     .min = 1,
     .max = SOURCE_STREAMS_MAX,
     .help = "One or more; of entries with one name the later one wins where both say something."},
};
const struct api_shape SOURCE_STREAMS_SHAPE = {
    .name = "SourceStreams",
    .help = "Streams to be added or changed.",
    .size = sizeof(struct source_streams_body),
    .fields = SOURCE_STREAMS_FIELDS,
    .n_fields = ARRAY_LEN(SOURCE_STREAMS_FIELDS),
};

static const struct api_field STREAM_LIST_FIELDS[] = {
    {.name = "source_streams",
     .type = API_OBJECTS,
     .offset = offsetof(struct stream_list_view, source_streams),
     .flags = API_REQUIRED,
     .shape = &ELT_STREAM_SHAPE,
     .help = "All streams of the sync, in the order in which they were added."},
    {.name = "streams",
     .type = API_OBJECTS,
     .offset = offsetof(struct stream_list_view, streams),
     .flags = API_REQUIRED,
     .shape = &ELT_STREAM_SHAPE,
     .help = "The same, by the name that the list had before."},
};
const struct api_shape ELT_STREAM_LIST_SHAPE = {
    .name = "EltStreamList",
    .help = "The streams of a sync.",
    .size = sizeof(struct stream_list_view),
    .fields = STREAM_LIST_FIELDS,
    .n_fields = ARRAY_LEN(STREAM_LIST_FIELDS),
};

// ---- checks

// Where in the request an entry is, for errors.
struct entry {
    size_t index;
    const struct source_stream_body *body;
    const struct source_stream_info *info;
};

static bool find_info(struct entry *e, struct error *err)
{
    e->info = source_stream_named(e->body->name);
    if (e->info) {
        return true;
    }
    struct str near = source_stream_nearest(e->body->name);
    return error_set(err, ERR_CONFIG,
                     "source_streams[%zu].name is '%.*s': there is no such stream%s%.*s%s; "
                     "GET available_source_streams lists them",
                     e->index, STR_ARG(e->body->name), near.len > 0 ? ", did you mean '" : "",
                     STR_ARG(near), near.len > 0 ? "'?" : "");
}

static bool check_pointer(const struct entry *e, struct error *err)
{
    struct str wanted = e->body->incremental_pointer_id;
    if (wanted.len == 0 || source_stream_is_cursor(e->info, wanted)) {
        return true;
    }
    struct str own = source_stream_cursor(e->info);
    return error_set(err, ERR_CONFIG,
                     "source_streams[%zu].incremental_pointer_id is '%.*s': %s %s%.*s; or leave it "
                     "out",
                     e->index, STR_ARG(wanted), e->info->name,
                     own.len > 0 ? "finds what changed by " : "is read whole in every run",
                     STR_ARG(own));
}

static bool check_columns(const struct entry *e, const char *field, struct api_strings names,
                          struct error *err)
{
    for (size_t i = 0; i < names.n; i++) {
        struct str name = names.items[i];
        if (name.len == 0 || name.len > COLUMN_NAME_MAX || memchr(name.ptr, '\0', name.len)) {
            return error_set(err, ERR_CONFIG,
                             "source_streams[%zu].%s[%zu] is no name of a column: 1 to %d bytes",
                             e->index, field, i, COLUMN_NAME_MAX);
        }
        if (source_stream_is_key(e->info, name)) {
            return error_set(err, ERR_CONFIG,
                             "source_streams[%zu].%s[%zu] is '%.*s': it is part of a key of %s, "
                             "which rows are told apart by; take it off the list",
                             e->index, field, i, STR_ARG(name), e->info->name);
        }
    }
    return true;
}

static bool check_substreams(const struct entry *e, struct arena *arena, struct error *err)
{
    struct api_strings known = source_stream_sub_tables(e->info, arena);
    struct api_strings wanted = e->body->excluded_substreams;
    for (size_t i = 0; i < wanted.n; i++) {
        struct nearest near = nearest_to(wanted.items[i]);
        bool found = false;
        for (size_t j = 0; j < known.n; j++) {
            found = found || str_eq(known.items[j], wanted.items[i]);
            nearest_offer(&near, known.items[j]);
        }
        if (!found) {
            return error_set(err, ERR_CONFIG,
                             "source_streams[%zu].excluded_substreams[%zu] is '%.*s': %s has no "
                             "such sub-stream%s%.*s%s",
                             e->index, i, STR_ARG(wanted.items[i]), e->info->name,
                             near.best.len > 0 ? ", did you mean '" : "", STR_ARG(near.best),
                             near.best.len > 0 ? "'?" : "");
        }
    }
    return true;
}

static bool check_entry(const struct entry *e, struct arena *arena, struct error *err)
{
    return check_pointer(e, err) &&
           check_columns(e, "excluded_columns", e->body->excluded_columns, err) &&
           check_columns(e, "hashed_columns", e->body->hashed_columns, err) &&
           check_substreams(e, arena, err);
}

// Of what the stream would be, not only of what was given.
static bool check_flags(const struct entry *e, const struct elt_stream *stream, struct error *err)
{
    const struct {
        const char *name;
        bool set;
    } full[] = {{"full_sync_always", stream->full_sync_always},
                {"full_sync_at_midnight", stream->full_sync_at_midnight}};
    for (size_t i = 0; i < ARRAY_LEN(full); i++) {
        if (full[i].set && stream->protected_from_full_sync) {
            return error_set(err, ERR_CONFIG,
                             "source_streams[%zu]: %s and protected_from_full_sync contradict each "
                             "other for %s; set one of them to false",
                             e->index, full[i].name, e->info->name);
        }
    }
    return true;
}

// ---- putting

static struct text_list list_of(struct api_strings l, struct arena *arena)
{
    struct str *items = ARENA_ARRAY(arena, struct str, l.n);
    for (size_t i = 0; i < l.n; i++) {
        items[i] = l.items[i];
    }
    return (struct text_list){items, l.n};
}

static void put_flag(bool *to, bool given, bool value)
{
    *to = given ? value : *to;
}

static void put_list(struct text_list *to, bool given, struct api_strings value,
                     struct arena *arena)
{
    *to = given ? list_of(value, arena) : *to;
}

static void apply(const struct source_stream_body *b, struct arena *arena,
                  struct elt_stream *stream)
{
    put_flag(&stream->full_sync_always, b->has_always, b->full_sync_always);
    put_flag(&stream->full_sync_at_midnight, b->has_midnight, b->full_sync_at_midnight);
    put_flag(&stream->protected_from_full_sync, b->has_protected, b->protected_from_full_sync);
    put_flag(&stream->enabled_history_table, b->has_history, b->enabled_history_table);
    put_list(&stream->excluded_columns, b->has_excluded, b->excluded_columns, arena);
    put_list(&stream->hashed_columns, b->has_hashed, b->hashed_columns, arena);
    put_list(&stream->excluded_substreams, b->has_substreams, b->excluded_substreams, arena);
    if (b->has_pointer) {
        stream->incremental_pointer_id = b->incremental_pointer_id;
    }
}

static bool find_stream(const struct elt_stream *all, size_t n, struct str name,
                        struct elt_stream *ret)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(all[i].name, name)) {
            *ret = all[i];
            return true;
        }
    }
    return false;
}

static bool request_first_run(struct api_call *c, struct str stream_id, struct error *err)
{
    struct run_wish wish = {.account_id = c->account_id, .stream_id = stream_id};
    struct stream_run_row run;
    bool made;
    return stream_run_request(c->store, &wish, c->arena, &run, &made, err);
}

// *ret_id: of the stream, if it is new.
static bool put_entry(struct api_call *c, const struct elt_sync *sync, struct entry *e,
                      struct str *ret_id, struct error *err)
{
    struct elt_stream *all = NULL;
    size_t n = 0;
    if (!find_info(e, err) || !check_entry(e, c->arena, err) ||
        !elt_stream_of_sync(c->store, sync->id, c->arena, &all, &n, err)) {
        return false;
    }
    struct elt_stream stream = {
        .account_id = c->account_id, .sync_id = sync->id, .name = str_from(e->info->name)};
    bool known = find_stream(all, n, stream.name, &stream);
    apply(e->body, c->arena, &stream);
    if (!check_flags(e, &stream, err)) {
        return false;
    }
    if (!elt_stream_put(c->store, &stream, c->arena, err)) {
        return error_context(err, "source_streams[%zu]", e->index);
    }
    *ret_id = known ? STR("") : stream.id;
    return true;
}

static bool put_all(struct api_call *c, const struct elt_sync *sync, struct stream_list_view *ret,
                    struct error *err)
{
    const struct source_streams_body *body = c->body;
    const struct source_stream_body *entries = body->source_streams.items;
    struct elt_stream *all = NULL;
    size_t n = 0;
    struct str *made = ARENA_ARRAY(c->arena, struct str, body->source_streams.n);
    for (size_t i = 0; i < body->source_streams.n; i++) {
        struct entry e = {.index = i, .body = &entries[i]};
        if (!put_entry(c, sync, &e, &made[i], err)) {
            return false;
        }
    }
    // Behind all of them: the store locks streams before what runs write.
    for (size_t i = 0; sync->enabled && i < body->source_streams.n; i++) {
        if (made[i].len > 0 && !request_first_run(c, made[i], err)) {
            return false;
        }
    }
    if (!elt_stream_of_sync(c->store, sync->id, c->arena, &all, &n, err)) {
        return false;
    }
    ret->source_streams = stream_views(all, n, c->arena);
    ret->streams = ret->source_streams;
    return true;
}

void put_source_streams(struct api_call *c)
{
    struct elt_sync sync;
    struct stream_list_view view;
    struct error err;
    if (!call_sync(c, &sync)) {
        return;
    }
    if (!put_all(c, &sync, &view, &err)) {
        api_fail(c, &err);
        return;
    }
    api_wake(c);
    api_ok(c, 201, &ELT_STREAM_LIST_SHAPE, &view);
}

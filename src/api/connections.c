// /connections: the accounts that may be loaded from.
#include "api/connect.h"
#include "engine/elt_settings.h"
#include "source/hubspot/source_hubspot.h"
#include "store/budgets.h"
#include "store/events.h"
#include "store/syncs.h"

#include <math.h>

enum { SYNCS_NAMED = 5, SCHEMA_BYTES = 256 * 1024 };

struct window_view {
    double max, allowed, used, foreign;
};
struct daily_view {
    double max, allowed, used;
    int64_t ends_ms;
};
struct limits_view {
    int64_t at_ms;
    struct window_view *window;
    struct daily_view *daily;
    int64_t waiting;
    struct str waiting_for;
    int64_t waiting_until_ms;
    int64_t calls, retries, refused;
};
struct stream_view {
    struct str name;
    struct api_strings missing;
};
struct connection_view {
    struct str id, integration_id, label, status, kind, user;
    int64_t portal_id, created_ms, updated_ms;
    struct api_strings scopes;
    struct api_objects streams;
    struct limits_view *budget;
};
struct connection_create {
    struct str integration_id, label, token;
};

#define VIEW(f)   offsetof(struct connection_view, f)
#define BUDGET(f) offsetof(struct limits_view, f)
#define WINDOW(f) offsetof(struct window_view, f)
#define DAILY(f)  offsetof(struct daily_view, f)
#define CREATE(f) offsetof(struct connection_create, f)

// A figure that may not be known: null then.
#define FIGURE(name_, offset_, help_)                                                              \
    {                                                                                              \
        .name = (name_), .type = API_NUMBER, .offset = (offset_), .flags = API_NULLABLE,           \
        .help = (help_)                                                                            \
    }

static const struct api_field WINDOW_FIELDS[] = {
    FIGURE("max", WINDOW(max), "Calls that HubSpot allows."),
    FIGURE("allowed", WINDOW(allowed), "Of those, the share that sluice uses at most."),
    FIGURE("used", WINDOW(used), "Calls of sluice in the window that ends now."),
    FIGURE("foreign", WINDOW(foreign), "Calls of other programs, as HubSpot's counts tell."),
};
static const struct api_shape WINDOW_SHAPE = {.name = "BudgetWindow",
                                              .help = "The limit of calls in some seconds.",
                                              .size = sizeof(struct window_view),
                                              .fields = WINDOW_FIELDS,
                                              .n_fields = ARRAY_LEN(WINDOW_FIELDS)};

static const struct api_field DAILY_FIELDS[] = {
    FIGURE("max", DAILY(max), "Calls that HubSpot allows."),
    FIGURE("allowed", DAILY(allowed), "Of those, the share that sluice uses at most."),
    FIGURE("used", DAILY(used), "Calls of the whole account today."),
    {.name = "reset_at",
     .type = API_TIME,
     .offset = DAILY(ends_ms),
     .flags = API_NULLABLE,
     .help = "When the day ends."},
};
static const struct api_shape DAILY_SHAPE = {.name = "BudgetDay",
                                             .help = "The limit of calls in a day.",
                                             .size = sizeof(struct daily_view),
                                             .fields = DAILY_FIELDS,
                                             .n_fields = ARRAY_LEN(DAILY_FIELDS)};

static const struct api_field BUDGET_FIELDS[] = {
    {.name = "at", .type = API_TIME, .offset = BUDGET(at_ms), .help = "When it was so."},
    {.name = "window",
     .type = API_OBJECT,
     .offset = BUDGET(window),
     .flags = API_NULLABLE,
     .shape = &WINDOW_SHAPE},
    {.name = "daily",
     .type = API_OBJECT,
     .offset = BUDGET(daily),
     .flags = API_NULLABLE,
     .shape = &DAILY_SHAPE},
    {.name = "waiting",
     .type = API_INTEGER,
     .offset = BUDGET(waiting),
     .help = "Streams that wait for a limit."},
    {.name = "waiting_for", .type = API_STRING, .offset = BUDGET(waiting_for), .flags = API_OMIT},
    {.name = "waiting_until",
     .type = API_TIME,
     .offset = BUDGET(waiting_until_ms),
     .flags = API_OMIT},
    {.name = "calls",
     .type = API_INTEGER,
     .offset = BUDGET(calls),
     .help = "Sent by the worker that serves the connection, since it opened it."},
    {.name = "retries",
     .type = API_INTEGER,
     .offset = BUDGET(retries),
     .help = "Of those, repeats."},
    {.name = "rate_limited",
     .type = API_INTEGER,
     .offset = BUDGET(refused),
     .help = "Of those, answered with 429."},
};
static const struct api_shape BUDGET_SHAPE = {.name = "ConnectionBudget",
                                              .help = "HubSpot's limits, as last seen.",
                                              .size = sizeof(struct limits_view),
                                              .fields = BUDGET_FIELDS,
                                              .n_fields = ARRAY_LEN(BUDGET_FIELDS)};

static const struct api_field STREAM_FIELDS[] = {
    {.name = "name",
     .type = API_STRING,
     .offset = offsetof(struct stream_view, name),
     .flags = API_REQUIRED},
    {.name = "scopes_missing",
     .type = API_STRINGS,
     .offset = offsetof(struct stream_view, missing),
     .flags = API_REQUIRED,
     .help = "What HubSpot has not granted and this stream needs."},
};
static const struct api_shape STREAM_SHAPE = {.name = "ConnectionStream",
                                              .help = "Whether a stream could be loaded.",
                                              .size = sizeof(struct stream_view),
                                              .fields = STREAM_FIELDS,
                                              .n_fields = ARRAY_LEN(STREAM_FIELDS)};

// The first FIELDS_LISTED of them are what a list shows.
static const struct api_field CONNECTION[] = {
    {.name = "id", .type = API_STRING, .offset = VIEW(id), .flags = API_REQUIRED},
    {.name = "integration_id",
     .type = API_STRING,
     .offset = VIEW(integration_id),
     .flags = API_REQUIRED},
    {.name = "label", .type = API_STRING, .offset = VIEW(label), .flags = API_REQUIRED},
    {.name = "status",
     .type = API_STRING,
     .offset = VIEW(status),
     .flags = API_REQUIRED,
     .choices = "active|needs_reauthorization"},
    {.name = "portal_id",
     .type = API_INTEGER,
     .offset = VIEW(portal_id),
     .flags = API_OMIT,
     .help = "The HubSpot account's id."},
    {.name = "created_at", .type = API_TIME, .offset = VIEW(created_ms), .flags = API_REQUIRED},
    {.name = "updated_at", .type = API_TIME, .offset = VIEW(updated_ms), .flags = API_REQUIRED},
    {.name = "kind",
     .type = API_STRING,
     .offset = VIEW(kind),
     .flags = API_REQUIRED,
     .choices = "oauth|token",
     .help = "oauth: a person has authorized it; token: that of a private app."},
    {.name = "user",
     .type = API_STRING,
     .offset = VIEW(user),
     .flags = API_OMIT,
     .help = "Who has authorized it."},
    {.name = "scopes",
     .type = API_STRINGS,
     .offset = VIEW(scopes),
     .flags = API_REQUIRED,
     .help = "What HubSpot has granted; empty where it does not say."},
    {.name = "streams",
     .type = API_OBJECTS,
     .offset = VIEW(streams),
     .flags = API_REQUIRED,
     .shape = &STREAM_SHAPE},
    {.name = "budget",
     .type = API_OBJECT,
     .offset = VIEW(budget),
     .flags = API_NULLABLE,
     .shape = &BUDGET_SHAPE,
     .help = "null until a run has called HubSpot."},
};
enum { FIELDS_LISTED = 7 };
static const struct api_shape LISTED_SHAPE = {.name = "Connection",
                                              .help = "An account that may be loaded from.",
                                              .size = sizeof(struct connection_view),
                                              .fields = CONNECTION,
                                              .n_fields = FIELDS_LISTED};
static const struct api_shape CONNECTION_SHAPE = {
    .name = "ConnectionDetails",
    .help = "A connection, what it may do and what its limits are.",
    .size = sizeof(struct connection_view),
    .fields = CONNECTION,
    .n_fields = ARRAY_LEN(CONNECTION)};

static const struct api_field CONNECTION_CREATE[] = {
    {.name = "integration_id",
     .type = API_STRING,
     .offset = CREATE(integration_id),
     .flags = API_REQUIRED,
     .choices = CONNECTION_INTEGRATION,
     .example = "\"" CONNECTION_INTEGRATION "\""},
    {.name = "label",
     .type = API_STRING,
     .offset = CREATE(label),
     .flags = API_REQUIRED,
     .min = 1,
     .max = CONNECTION_LABEL_MAX,
     .help = "What the connection is called, for people."},
    {.name = "token",
     .type = API_STRING,
     .offset = CREATE(token),
     .flags = API_REQUIRED | API_SECRET,
     .min = 1,
     .max = CONNECT_TOKEN_MAX,
     .help = "The access token of a private app, or a service key."},
};
static const struct api_shape CONNECTION_CREATE_SHAPE = {
    .name = "ConnectionCreate",
    .help = "A connection with the token of a private app.",
    .size = sizeof(struct connection_create),
    .fields = CONNECTION_CREATE,
    .n_fields = ARRAY_LEN(CONNECTION_CREATE)};

// ---- what is shown

static struct api_strings words_of(struct str text, struct arena *arena)
{
    struct str rest = text;
    struct str word;
    size_t max = 1;
    for (size_t i = 0; i < text.len; i++) {
        max += text.ptr[i] == ' ';
    }
    struct str *words = ARENA_ARRAY(arena, struct str, max);
    size_t n = 0;
    while (str_next(&rest, ' ', &word)) {
        if (word.len > 0) {
            words[n++] = word;
        }
    }
    return (struct api_strings){words, n};
}

static struct connection_view view_of(const struct connection *k)
{
    return (struct connection_view){.id = k->name,
                                    .integration_id = k->integration_id,
                                    .label = k->label.len > 0 ? k->label : k->name,
                                    .status = str_from(connection_state_name(k->state)),
                                    .kind = str_from(connection_kind_name(k->kind)),
                                    .user = k->user,
                                    .portal_id = k->portal_id,
                                    .created_ms = k->created_ms,
                                    .updated_ms = k->updated_ms};
}

static struct api_objects streams_of(const struct connection *k, struct arena *arena)
{
    size_t n = 0;
    const struct source_stream_info *all = source_hubspot_streams(&n);
    struct stream_view *views = ARENA_ARRAY(arena, struct stream_view, n + 1);
    for (size_t i = 0; i < n; i++) {
        views[i].name = str_from(all[i].name);
        if (k->scopes.len > 0) { // else nobody knows
            struct str needed = connect_stream_scopes(&all[i], arena);
            views[i].missing = words_of(grant_missing_scopes(needed, k->scopes, arena), arena);
        }
    }
    return (struct api_objects){views, n};
}

static double figure(int64_t n)
{
    return n < 0 ? (double)NAN : (double)n;
}

static struct limits_view *budget_of(const struct budget_row *r, struct arena *arena)
{
    struct limits_view *v = ARENA_NEW(arena, struct limits_view);
    v->at_ms = r->at_ms;
    if (r->window_max >= 0 || r->window_used >= 0) {
        v->window = ARENA_NEW(arena, struct window_view);
        *v->window = (struct window_view){figure(r->window_max), figure(r->window_allowed),
                                          figure(r->window_used), figure(r->window_foreign)};
    }
    if (r->daily_max >= 0 || r->daily_used >= 0) {
        v->daily = ARENA_NEW(arena, struct daily_view);
        *v->daily = (struct daily_view){figure(r->daily_max), figure(r->daily_allowed),
                                        figure(r->daily_used), r->day_ends_ms};
    }
    v->waiting = r->waiting;
    v->waiting_for = r->waiting_for;
    v->waiting_until_ms = r->waiting_until_ms;
    v->calls = r->calls;
    v->retries = r->retries;
    v->refused = r->refused;
    return v;
}

static void answer_with(struct api_call *c, int status, const struct connection *k)
{
    struct budget_row row;
    struct error err;
    bool known = false;
    struct connection_view view = view_of(k);
    if (!budget_row_find(c->store, k->name, c->arena, &row, &known, &err)) {
        api_fail(c, &err);
        return;
    }
    view.scopes = words_of(k->scopes, c->arena);
    view.streams = streams_of(k, c->arena);
    view.budget = known ? budget_of(&row, c->arena) : NULL;
    api_ok(c, status, &CONNECTION_SHAPE, &view);
}

// ---- the operations

static int newest_first(const void *a, const void *b)
{
    const struct connection *x = a;
    const struct connection *y = b;
    int order = (x->created_ms < y->created_ms) - (x->created_ms > y->created_ms);
    return order ? order : -str_cmp(x->name, y->name);
}

// Whether it stands behind the place of a page's end.
static bool is_after(const struct connection *k, const struct page_place *place)
{
    struct connection at = {.created_ms = place->at_ms, .name = place->id};
    return place->id.len == 0 || newest_first(k, &at) > 0;
}

static void list_connections(struct api_call *c)
{
    struct connection *all = NULL;
    size_t n = 0;
    size_t shown = 0;
    struct page_place place;
    struct str next = {NULL, 0};
    struct error err;
    if (!api_cursor_read(c, &place)) {
        return;
    }
    if (!connection_list(c->store, c->arena, &all, &n, &err)) {
        api_fail(c, &err);
        return;
    }
    qsort(all, n, sizeof(*all), newest_first);
    struct connection_view *views = ARENA_ARRAY(c->arena, struct connection_view, c->limit + 1);
    const struct connection *last = NULL;
    for (size_t i = 0; i < n; i++) {
        if ((all[i].account_id.len > 0 && !str_eq(all[i].account_id, c->account_id)) ||
            !is_after(&all[i], &place)) {
            continue;
        }
        if (shown == c->limit) {
            assert(last); // a page has room for one
            next = api_cursor_make(
                c, &(struct page_place){.at_ms = last->created_ms, .id = last->name});
            break;
        }
        last = &all[i];
        views[shown++] = view_of(last);
    }
    api_list(c, &LISTED_SHAPE, views, shown, next);
}

static void get_connection(struct api_call *c)
{
    struct connection k;
    struct error err;
    if (connect_find(c, c->args[0], &k, &err)) {
        answer_with(c, 200, &k);
    } else {
        api_fail(c, &err);
    }
}

static void get_settings(struct api_call *c)
{
    struct connection k;
    struct error err;
    struct buf schema;
    struct json_writer w;
    if (!connect_find(c, c->args[0], &k, &err)) {
        api_fail(c, &err);
        return;
    }
    buf_init(&schema, SCHEMA_BYTES);
    json_writer_init(&w, &schema);
    elt_settings_schema(&w);
    assert(!schema.overflow);
    api_json(c, 200, buf_str(&schema));
    buf_done(&schema);
}

static void create_connection(struct api_call *c)
{
    const struct connection_create *in = c->body;
    struct connection *made = NULL;
    struct error err;
    if (connect_with_token(c, &(struct connect_token){.label = in->label, .token = in->token},
                           &made, &err)) {
        answer_with(c, 201, made);
        return;
    }
    // Whatever HubSpot says against the token, it is the request's field that is wrong.
    bool refused = err.code == ERR_CREDENTIALS || err.code == ERR_SCOPE ||
                   err.code == ERR_REAUTHORIZE || err.code == ERR_OAUTH_APP;
    if (refused) {
        api_refuse(c, 400, "credentials", "token: HubSpot does not accept it: %s", err.message);
    } else {
        api_fail(c, &err);
    }
}

// Answers when syncs still use it.
static bool is_unused(struct api_call *c, struct str name)
{
    struct elt_sync *syncs = NULL;
    size_t n = 0;
    struct error err;
    struct buf names;
    struct page_query q = {.account_id = c->account_id, .owner_id = name, .max = SYNCS_NAMED};
    if (!elt_sync_list(c->store, &q, c->arena, &syncs, &n, &err)) {
        api_fail(c, &err);
        return false;
    }
    if (n == 0) {
        return true;
    }
    buf_init(&names, 1024);
    for (size_t i = 0; i < MIN(n, (size_t)SYNCS_NAMED); i++) {
        buf_printf(&names, "%s%.*s", i > 0 ? ", " : "", STR_ARG(syncs[i].id));
    }
    api_refuse(c, 409, "conflict",
               "connection %.*s is used by elt sync%s %.*s%s; delete %s first "
               "(DELETE /elt_syncs/{id})",
               STR_ARG(name), n == 1 ? "" : "s", STR_ARG(buf_str(&names)),
               n > SYNCS_NAMED ? " and others" : "", n == 1 ? "it" : "them");
    buf_done(&names);
    return false;
}

static void delete_connection(struct api_call *c)
{
    struct connection k;
    struct error err;
    if (!connect_find(c, c->args[0], &k, &err)) {
        api_fail(c, &err);
    } else if (is_unused(c, k.name)) {
        if (connect_forget(c, &k, &err)) {
            api_none(c);
        } else {
            api_fail(c, &err);
        }
    }
}

static const struct api_route ROUTES[] = {
    {.method = "GET",
     .path = "/connections",
     .name = "listConnections",
     .tag = "Connections",
     .help = "Lists the workspace's connections, newest first.",
     .scope = API_KEY_READ,
     .flags = API_PAGED,
     .answers = {{200, &LISTED_SHAPE, true, "A page of connections."}},
     .handle = list_connections},
    {.method = "POST",
     .path = "/connections",
     .name = "createConnection",
     .tag = "Connections",
     .help = "Connects an account with the token of a private app, which is tried first. For OAuth "
             "make a connection bridge.",
     .scope = API_KEY_WRITE,
     .flags = API_CREATES | API_ALONE,
     .body = &CONNECTION_CREATE_SHAPE,
     .answers = {{201, &CONNECTION_SHAPE, false, "The new connection."},
                 {400, &API_ERROR_SHAPE, false, "HubSpot refuses the token, or a field is wrong."},
                 {502, &API_ERROR_SHAPE, false, "HubSpot does not answer."},
                 {503, &API_ERROR_SHAPE, false, "Too many connections are made at once."}},
     .handle = create_connection},
    {.method = "GET",
     .path = "/connections/{id}",
     .name = "getConnection",
     .tag = "Connections",
     .help = "Shows a connection: its state, what it may load, and HubSpot's limits now.",
     .scope = API_KEY_READ,
     .answers = {{200, &CONNECTION_SHAPE, false, "The connection."},
                 {404, &API_ERROR_SHAPE, false, "There is no such connection."}},
     .handle = get_connection},
    {.method = "GET",
     .path = "/connections/{id}/settings",
     .name = "getConnectionSettings",
     .tag = "Connections",
     .help = "Tells which elt_settings a sync of this connection may have, as a JSON Schema.",
     .scope = API_KEY_READ,
     .answers = {{200, NULL, false, "A JSON Schema (draft-07).", "application/json"},
                 {404, &API_ERROR_SHAPE, false, "There is no such connection."}},
     .handle = get_settings},
    {.method = "DELETE",
     .path = "/connections/{id}",
     .name = "deleteConnection",
     .tag = "Connections",
     .help = "Forgets a connection that no sync uses, and tells HubSpot to end the grant.",
     .scope = API_KEY_WRITE,
     .flags = API_ALONE,
     .answers = {{204, NULL, false, "It is forgotten."},
                 {404, &API_ERROR_SHAPE, false, "There is no such connection."},
                 {409, &API_ERROR_SHAPE, false, "Syncs use it; the message names them."}},
     .handle = delete_connection},
};
const struct api_routes API_ROUTES_CONNECTIONS = {ROUTES, ARRAY_LEN(ROUTES)};

// /connection_bridges: invitations to authorize a connection on our pages.
#include "api/connect.h"
#include "api/redirect_uri.h"

enum { STATE_MAX = 255 };

struct bridge_view {
    struct str id, integration_id, label, status, redirect_uri, connection_id, authorize_url;
    int64_t created_ms, expires_ms;
};
struct bridge_create_body {
    struct str redirect_uri, integration_id, label, connection_id, state;
};

#define VIEW(f)   offsetof(struct bridge_view, f)
#define CREATE(f) offsetof(struct bridge_create_body, f)

static const struct api_field BRIDGE[] = {
    {.name = "id", .type = API_STRING, .offset = VIEW(id), .flags = API_REQUIRED},
    {.name = "authorize_url",
     .type = API_STRING,
     .offset = VIEW(authorize_url),
     .flags = API_OMIT,
     .format = "uri",
     .help = "The page to send a person to. Who has it may authorize; it is only in the answer "
             "that makes the bridge."},
    {.name = "integration_id",
     .type = API_STRING,
     .offset = VIEW(integration_id),
     .flags = API_REQUIRED},
    {.name = "label", .type = API_STRING, .offset = VIEW(label), .flags = API_REQUIRED},
    {.name = "status",
     .type = API_STRING,
     .offset = VIEW(status),
     .flags = API_REQUIRED,
     .choices = "open|completed|refused"},
    {.name = "redirect_uri",
     .type = API_STRING,
     .offset = VIEW(redirect_uri),
     .flags = API_REQUIRED,
     .format = "uri"},
    {.name = "connection_id",
     .type = API_STRING,
     .offset = VIEW(connection_id),
     .flags = API_OMIT,
     .help = "The connection that is to be authorized anew."},
    {.name = "created_at", .type = API_TIME, .offset = VIEW(created_ms), .flags = API_REQUIRED},
    {.name = "expires_at", .type = API_TIME, .offset = VIEW(expires_ms), .flags = API_REQUIRED},
};
static const struct api_shape BRIDGE_SHAPE = {
    .name = "ConnectionBridge",
    .help = "An invitation to authorize a connection, good for a day.",
    .size = sizeof(struct bridge_view),
    .fields = BRIDGE,
    .n_fields = ARRAY_LEN(BRIDGE)};

static const struct api_field BRIDGE_CREATE[] = {
    {.name = "redirect_uri",
     .type = API_STRING,
     .offset = CREATE(redirect_uri),
     .flags = API_REQUIRED,
     .min = 1,
     .max = REDIRECT_URI_MAX,
     .format = "uri",
     .help = "Where the browser goes afterwards, with connectionId and connection_id, or error and "
             "error_description, and state. https without port, query and fragment; on localhost "
             "http and a port, too.",
     .example = "\"https://app.example.com/connected\""},
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
     .help = "What the connection is called, for people.",
     .example = "\"hubspot-production\""},
    {.name = "connection_id",
     .type = API_STRING,
     .offset = CREATE(connection_id),
     .flags = API_EMPTY_UNSET,
     .help = "An existing connection that is to be authorized anew."},
    {.name = "state",
     .type = API_STRING,
     .offset = CREATE(state),
     .flags = API_EMPTY_UNSET,
     .max = STATE_MAX,
     .help = "Handed back to redirect_uri as it is."},
};
static const struct api_shape BRIDGE_CREATE_SHAPE = {.name = "ConnectionBridgeCreate",
                                                     .help = "A bridge to be made.",
                                                     .size = sizeof(struct bridge_create_body),
                                                     .fields = BRIDGE_CREATE,
                                                     .n_fields = ARRAY_LEN(BRIDGE_CREATE)};

static struct bridge_view view_of(const struct bridge *b)
{
    return (struct bridge_view){.id = b->id,
                                .integration_id = b->integration_id,
                                .label = b->label,
                                .status = str_from(bridge_status_name(b->status)),
                                .redirect_uri = b->redirect_uri,
                                .connection_id = b->connection_id,
                                .created_ms = b->created_ms,
                                .expires_ms = b->expires_ms};
}

static void list_bridges(struct api_call *c)
{
    struct bridge *bridges = NULL;
    size_t n = 0;
    struct error err;
    if (!bridge_list(c->store, c->account_id, c->arena, &bridges, &n, &err)) {
        api_fail(c, &err);
        return;
    }
    struct bridge_view *views = ARENA_ARRAY(c->arena, struct bridge_view, n + 1);
    for (size_t i = 0; i < n; i++) {
        views[i] = view_of(&bridges[i]);
    }
    api_list(c, &BRIDGE_SHAPE, views, n, (struct str){NULL, 0});
}

static void create_bridge(struct api_call *c)
{
    const struct bridge_create_body *in = c->body;
    struct bridge bridge = {.account_id = c->account_id,
                            .integration_id = in->integration_id,
                            .label = in->label,
                            .redirect_uri = in->redirect_uri,
                            .state = in->state,
                            .connection_id = in->connection_id,
                            .reauthorizes = in->connection_id.len > 0};
    struct connection connection;
    struct secret *token = NULL;
    struct error err;
    if (!redirect_uri_check(in->redirect_uri, &err) ||
        (bridge.reauthorizes && !connect_find(c, in->connection_id, &connection, &err)) ||
        !bridge_create(c->store, &bridge, c->arena, &token, &err)) {
        api_fail(c, &err);
        return;
    }
    struct bridge_view view = view_of(&bridge);
    view.authorize_url = arena_printf(c->arena, "%.*s/authorize?token=%.*s",
                                      STR_ARG(c->site->public_url), STR_ARG(secret_reveal(token)));
    secret_destroy(token);
    api_ok(c, 201, &BRIDGE_SHAPE, &view);
}

static const struct api_route ROUTES[] = {
    {.method = "GET",
     .path = "/connection_bridges",
     .name = "listConnectionBridges",
     .tag = "Connection bridges",
     .help = "Lists the bridges that are open and have not expired, newest first.",
     .scope = API_KEY_READ,
     .answers = {{200, &BRIDGE_SHAPE, true, "The bridges, without their authorize_url."}},
     .handle = list_bridges},
    {.method = "POST",
     .path = "/connection_bridges",
     .name = "createConnectionBridge",
     .tag = "Connection bridges",
     .help = "Makes a bridge: open its authorize_url in a browser to connect an account.",
     .scope = API_KEY_WRITE,
     .flags = API_CHANGES | API_CREATES, // what is kept of the answer only the caller's key opens
     .body = &BRIDGE_CREATE_SHAPE,
     .answers = {{201, &BRIDGE_SHAPE, false, "The bridge, with its authorize_url."},
                 {400, &API_ERROR_SHAPE, false, "A field cannot be so."},
                 {404, &API_ERROR_SHAPE, false, "There is no such connection."}},
     .handle = create_bridge},
};
const struct api_routes API_ROUTES_BRIDGES = {ROUTES, ARRAY_LEN(ROUTES)};

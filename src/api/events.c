// Following what happens: server-sent events.
#include "store/events.h"
#include "api/followers.h"

static bool read_start(struct api_call *c, int64_t *ret)
{
    struct str after = str_trim(http_server_header(c->http, "last-event-id"));
    if (after.len == 0) {
        after = api_query(c, "after");
    }
    int64_t wanted = INT64_MAX;
    if (after.len > 0 && (!str_to_int64(after, &wanted) || wanted < 0)) {
        api_refuse(c, 400, "config",
                   "Last-Event-ID is no id of an event: send the one that came last, a number");
        return false;
    }
    struct error err;
    int64_t last = 0;
    if (!event_last(c->store, &last, &err)) {
        api_fail(c, &err);
        return false;
    }
    // Nobody has seen what is still to come, whatever a client says that knew another store, or
    // this one before a backup of it was restored.
    *ret = MIN(wanted, last);
    return true;
}

static void follow(struct api_call *c)
{
    struct follower_filter filter = {
        .connection_id = api_query(c, "connection_id"),
        .sync_id = api_query(c, "elt_sync_id"),
        .stream_id = api_query(c, "elt_stream_id"),
        .run_id = api_query(c, "run_id"),
    };
    int64_t after_id;
    if (!read_start(c, &after_id)) {
        return;
    }
    struct follower *f = followers_add(c->frame->api->followers, &filter, after_id, c);
    if (!f) {
        api_refuse(c, 503, "too_many_followers",
                   "%d clients follow events already: end one, or ask again later", FOLLOWERS_MAX);
        api_header(c, "Retry-After", STR("10"));
        return;
    }
    api_stream(c, follower_stream(f));
}

static const struct api_route ROUTES[] = {
    {
        .method = "GET",
        .path = "/events",
        .name = "followEvents",
        .tag = "Events",
        .help = "Follows what happens, as server-sent events: runs, connections, syncs and "
                "budgets. Goes on behind Last-Event-ID when it is sent, else from now; from now, "
                "too, behind an id that is yet to come.",
        .scope = API_KEY_READ,
        .query = {{.name = "after",
                   .type = API_INTEGER,
                   .min = 0,
                   .max = 9007199254740991.0,
                   .help = "The same as Last-Event-ID, for clients that cannot send headers."},
                  {.name = "connection_id", .type = API_STRING, .help = "Only of this connection."},
                  {.name = "elt_sync_id", .type = API_STRING, .help = "Only of this sync."},
                  {.name = "elt_stream_id", .type = API_STRING, .help = "Only of this stream."},
                  {.name = "run_id", .type = API_STRING, .help = "Only of this run."}},
        .answers = {{.status = 200,
                     .media_type = "text/event-stream",
                     .help = "One event after the other, each with its id, its kind and as data a "
                             "JSON object {\"kind\",\"at\",\"connection_id\",\"elt_sync_id\","
                             "\"elt_stream_id\",\"run_id\",\"data\"}; a comment every 15 s. Who "
                             "does not keep up is told where to go on, and ended."}},
        .handle = follow,
    },
};
const struct api_routes API_ROUTES_EVENTS = {ROUTES, ARRAY_LEN(ROUTES)};

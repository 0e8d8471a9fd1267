// /destinations: the databases that syncs load into.
#include "store/destinations.h"

#include "api/connect.h"
#include "api/destination_test.h"
#include "destination/destination.h"
enum { LABEL_MAX = 255 };

struct destination_view {
    struct str id, integration_id, label, url;
    bool is_default;
    int64_t created_ms, updated_ms;
};
struct destination_create {
    struct str label, url;
    bool is_default;
};
struct check_view {
    struct str name;
    bool ok;
    struct str message;
};
struct test_view {
    bool ok;
    struct api_objects checks;
    struct str error_code, message, hint;
};
struct test_body {
    struct str url;
};

#define VIEW(f)   offsetof(struct destination_view, f)
#define CREATE(f) offsetof(struct destination_create, f)
#define CHECK(f)  offsetof(struct check_view, f)
#define TEST(f)   offsetof(struct test_view, f)

#define URL_HELP                                                                                   \
    "postgres://user:password@host/database, sqlite:FILE, or sqlite:DIR/ for a file a schema. It " \
    "is stored sealed."

static const struct api_field DESTINATION[] = {
    {.name = "id", .type = API_STRING, .offset = VIEW(id), .flags = API_REQUIRED},
    {.name = "integration_id",
     .type = API_STRING,
     .offset = VIEW(integration_id),
     .flags = API_REQUIRED},
    {.name = "label", .type = API_STRING, .offset = VIEW(label), .flags = API_REQUIRED},
    {.name = "url",
     .type = API_STRING,
     .offset = VIEW(url),
     .flags = API_REQUIRED,
     .help = "Passwords are masked."},
    {.name = "is_default",
     .type = API_BOOLEAN,
     .offset = VIEW(is_default),
     .flags = API_REQUIRED,
     .help = "New syncs load into it."},
    {.name = "created_at", .type = API_TIME, .offset = VIEW(created_ms), .flags = API_REQUIRED},
    {.name = "updated_at", .type = API_TIME, .offset = VIEW(updated_ms), .flags = API_REQUIRED},
};
static const struct api_shape DESTINATION_SHAPE = {.name = "Destination",
                                                   .help = "A database that syncs load into.",
                                                   .size = sizeof(struct destination_view),
                                                   .fields = DESTINATION,
                                                   .n_fields = ARRAY_LEN(DESTINATION)};

static const struct api_field DESTINATION_CREATE[] = {
    {.name = "label",
     .type = API_STRING,
     .offset = CREATE(label),
     .flags = API_REQUIRED,
     .min = 1,
     .max = LABEL_MAX,
     .help = "What it is called, for people."},
    {.name = "url",
     .type = API_STRING,
     .offset = CREATE(url),
     .flags = API_REQUIRED | API_SECRET,
     .min = 1,
     .max = DESTINATION_URL_MAX,
     .help = URL_HELP},
    {.name = "is_default",
     .type = API_BOOLEAN,
     .offset = CREATE(is_default),
     .help = "Whether new syncs load into it; it takes the place of the former default."},
};
static const struct api_shape DESTINATION_CREATE_SHAPE = {.name = "DestinationCreate",
                                                          .help = "A destination to be stored.",
                                                          .size = sizeof(struct destination_create),
                                                          .fields = DESTINATION_CREATE,
                                                          .n_fields =
                                                              ARRAY_LEN(DESTINATION_CREATE)};

static const struct api_field TEST_BODY[] = {
    {.name = "url",
     .type = API_STRING,
     .offset = offsetof(struct test_body, url),
     .flags = API_REQUIRED | API_SECRET,
     .min = 1,
     .max = DESTINATION_URL_MAX,
     .help = "As in createDestination. It is not stored."},
};
static const struct api_shape TEST_BODY_SHAPE = {.name = "DestinationTestRequest",
                                                 .help = "A destination to be tried.",
                                                 .size = sizeof(struct test_body),
                                                 .fields = TEST_BODY,
                                                 .n_fields = ARRAY_LEN(TEST_BODY)};

static const struct api_field CHECK_FIELDS[] = {
    {.name = "name",
     .type = API_STRING,
     .offset = CHECK(name),
     .flags = API_REQUIRED,
     .choices = "connect|create_schema|write_rows"},
    {.name = "ok", .type = API_BOOLEAN, .offset = CHECK(ok), .flags = API_REQUIRED},
    {.name = "message",
     .type = API_STRING,
     .offset = CHECK(message),
     .flags = API_OMIT,
     .help = "Why not: the database's own words, or that it was not reached."},
};
static const struct api_shape CHECK_SHAPE = {.name = "DestinationCheck",
                                             .help = "One thing that a destination must allow.",
                                             .size = sizeof(struct check_view),
                                             .fields = CHECK_FIELDS,
                                             .n_fields = ARRAY_LEN(CHECK_FIELDS)};
static const struct api_field TEST_FIELDS[] = {
    {.name = "ok", .type = API_BOOLEAN, .offset = TEST(ok), .flags = API_REQUIRED},
    {.name = "checks",
     .type = API_OBJECTS,
     .offset = TEST(checks),
     .flags = API_REQUIRED,
     .shape = &CHECK_SHAPE},
    {.name = "error_code", .type = API_STRING, .offset = TEST(error_code), .flags = API_OMIT},
    {.name = "message", .type = API_STRING, .offset = TEST(message), .flags = API_OMIT},
    {.name = "hint", .type = API_STRING, .offset = TEST(hint), .flags = API_OMIT},
};
static const struct api_shape TEST_SHAPE = {.name = "DestinationTest",
                                            .help = "What works and what does not.",
                                            .size = sizeof(struct test_view),
                                            .fields = TEST_FIELDS,
                                            .n_fields = ARRAY_LEN(TEST_FIELDS)};

static struct destination_view view_of(const struct stored_destination *d)
{
    return (struct destination_view){.id = d->id,
                                     .integration_id = d->integration_id,
                                     .label = d->label,
                                     .url = d->url_shown,
                                     .is_default = d->is_default,
                                     .created_ms = d->created_ms,
                                     .updated_ms = d->updated_ms};
}

// NOT_FOUND answers with the API's own words.
static void fail(struct api_call *c, const struct error *err)
{
    if (err->code == ERR_NOT_FOUND) {
        api_missing(c, "destination", c->args[0]);
    } else {
        api_fail(c, err);
    }
}

static void list_destinations(struct api_call *c)
{
    struct stored_destination *all = NULL;
    size_t n = 0;
    struct error err;
    if (!stored_destination_list(c->store, c->account_id, c->arena, &all, &n, &err)) {
        api_fail(c, &err);
        return;
    }
    struct destination_view *views = ARENA_ARRAY(c->arena, struct destination_view, n + 1);
    for (size_t i = 0; i < n; i++) {
        views[i] = view_of(&all[i]);
    }
    api_list(c, &DESTINATION_SHAPE, views, n, (struct str){NULL, 0});
}

static void get_destination(struct api_call *c)
{
    struct stored_destination d;
    struct error err;
    if (!stored_destination_find(c->store, c->account_id, c->args[0], c->arena, &d, &err)) {
        fail(c, &err);
        return;
    }
    struct destination_view view = view_of(&d);
    api_ok(c, 200, &DESTINATION_SHAPE, &view);
}

static void create_destination(struct api_call *c)
{
    const struct destination_create *in = c->body;
    struct stored_destination d = {
        .account_id = c->account_id, .label = in->label, .is_default = in->is_default};
    struct error err;
    if (!destination_url_check(in->url, &err)) {
        error_context(&err, "url");
        api_fail(c, &err);
        return;
    }
    struct secret *url = secret_create(in->url);
    bool ok = stored_destination_create(c->store, c->sealing, url, &d, c->arena, &err);
    secret_destroy(url);
    if (!ok) {
        api_fail(c, &err);
        return;
    }
    struct destination_view view = view_of(&d);
    api_ok(c, 201, &DESTINATION_SHAPE, &view);
}

static void delete_destination(struct api_call *c)
{
    struct error err;
    if (stored_destination_remove(c->store, c->account_id, c->args[0], &err)) {
        api_none(c);
    } else {
        fail(c, &err);
    }
}

// Holds the thread while the database takes its time: a few at once are allowed.
static void answer_test(struct api_call *c, struct str url)
{
    static const char *const NAMES[DESTINATION_STEPS] = {"connect", "create_schema", "write_rows"};
    struct destination_verdict verdict;
    struct check_view checks[DESTINATION_STEPS];
    struct store_lock *slot = NULL;
    struct error err;
    if (!connect_enter(c, &slot, &err)) {
        api_fail(c, &err);
        return;
    }
    destination_try(url, c->site->clock, c->arena, &verdict);
    connect_leave(slot);
    for (size_t i = 0; i < DESTINATION_STEPS; i++) {
        checks[i] = (struct check_view){.name = str_from(NAMES[i]), .ok = i < verdict.passed};
        if (!checks[i].ok) {
            checks[i].message = i == verdict.passed ? str_from(verdict.error.message)
                                                    : STR("not tried, since the former failed");
        }
    }
    struct test_view view = {.ok = verdict.passed == DESTINATION_STEPS,
                             .checks = {checks, DESTINATION_STEPS}};
    if (!view.ok) {
        const struct error_info *info = error_info(verdict.error.code);
        view.error_code = api_error_name(c->arena, verdict.error.code);
        view.message = str_from(verdict.error.message);
        view.hint = str_from(info->hint);
    }
    api_ok(c, 200, &TEST_SHAPE, &view);
}

static void test_destination(struct api_call *c)
{
    struct stored_destination d;
    struct secret *url = NULL;
    struct error err;
    if (!stored_destination_find(c->store, c->account_id, c->args[0], c->arena, &d, &err) ||
        !stored_destination_url(c->store, c->sealing, d.id, &url, &err)) {
        fail(c, &err);
        return;
    }
    answer_test(c, secret_reveal(url));
    secret_destroy(url);
}

static void test_url(struct api_call *c)
{
    const struct test_body *in = c->body;
    answer_test(c, in->url);
}

// Who names a database names a file or a host of this machine's network: that is for admins.
static const struct api_route ROUTES[] = {
    {.method = "GET",
     .path = "/destinations",
     .name = "listDestinations",
     .tag = "Destinations",
     .help = "Lists the workspace's destinations, oldest first.",
     .scope = API_KEY_READ,
     .answers = {{200, &DESTINATION_SHAPE, true, "The destinations."}},
     .handle = list_destinations},
    {.method = "POST",
     .path = "/destinations",
     .name = "createDestination",
     .tag = "Destinations",
     .help = "Stores a destination. It is not connected to; see testDestination.",
     .scope = API_KEY_ADMIN,
     .flags = API_CHANGES | API_CREATES,
     .body = &DESTINATION_CREATE_SHAPE,
     .answers = {{201, &DESTINATION_SHAPE, false, "The new destination."},
                 {400, &API_ERROR_SHAPE, false, "A field cannot be so."}},
     .handle = create_destination},
    {.method = "POST",
     .path = "/destinations/test",
     .name = "testDestinationUrl",
     .tag = "Destinations",
     .help = "Tries a destination without storing it; leaves nothing behind.",
     .scope = API_KEY_ADMIN,
     .flags = API_ALONE,
     .body = &TEST_BODY_SHAPE,
     .answers = {{200, &TEST_SHAPE, false, "What works and what does not."}},
     .handle = test_url},
    {.method = "GET",
     .path = "/destinations/{id}",
     .name = "getDestination",
     .tag = "Destinations",
     .help = "Shows a destination.",
     .scope = API_KEY_READ,
     .answers = {{200, &DESTINATION_SHAPE, false, "The destination."},
                 {404, &API_ERROR_SHAPE, false, "There is no such destination."}},
     .handle = get_destination},
    {.method = "DELETE",
     .path = "/destinations/{id}",
     .name = "deleteDestination",
     .tag = "Destinations",
     .help = "Forgets a destination. What was loaded into it stays there.",
     .scope = API_KEY_ADMIN,
     .flags = API_CHANGES,
     .answers = {{204, NULL, false, "It is forgotten."},
                 {404, &API_ERROR_SHAPE, false, "There is no such destination."},
                 {409, &API_ERROR_SHAPE, false, "Syncs load into it, or it is the default."}},
     .handle = delete_destination},
    {.method = "POST",
     .path = "/destinations/{id}/test",
     .name = "testDestination",
     .tag = "Destinations",
     .help = "Connects, makes a schema and writes a row, then takes all of it back.",
     .scope = API_KEY_ADMIN,
     .flags = API_ALONE,
     .answers = {{200, &TEST_SHAPE, false, "What works and what does not."},
                 {404, &API_ERROR_SHAPE, false, "There is no such destination."}},
     .handle = test_destination},
};
const struct api_routes API_ROUTES_DESTINATIONS = {ROUTES, ARRAY_LEN(ROUTES)};

// /api_keys: who may call this API.
#include "api/api.h"

struct key_view {
    struct str id, name, prefix, scope, key;
    int64_t created_ms, expires_ms, last_used_ms, revoked_ms;
};
struct key_create {
    struct str name, scope;
    int64_t expires_ms;
};

#define VIEW(f)   offsetof(struct key_view, f)
#define CREATE(f) offsetof(struct key_create, f)
#define SCOPES    "read|write|admin"

static const struct api_field KEY[] = {
    {.name = "id", .type = API_STRING, .offset = VIEW(id), .flags = API_REQUIRED},
    {.name = "name", .type = API_STRING, .offset = VIEW(name), .flags = API_REQUIRED},
    {.name = "key",
     .type = API_STRING,
     .offset = VIEW(key),
     .flags = API_OMIT,
     .help = "The key itself, for the header x-api-key: only in the answer that makes it."},
    {.name = "prefix",
     .type = API_STRING,
     .offset = VIEW(prefix),
     .flags = API_REQUIRED,
     .help = "The key's first characters, by which it can be told."},
    {.name = "scope",
     .type = API_STRING,
     .offset = VIEW(scope),
     .flags = API_REQUIRED,
     .choices = SCOPES,
     .help = "What it may do; each scope includes those before it."},
    {.name = "created_at", .type = API_TIME, .offset = VIEW(created_ms), .flags = API_REQUIRED},
    {.name = "expires_at",
     .type = API_TIME,
     .offset = VIEW(expires_ms),
     .flags = API_NULLABLE,
     .help = "null: never."},
    {.name = "last_used_at",
     .type = API_TIME,
     .offset = VIEW(last_used_ms),
     .flags = API_NULLABLE,
     .help = "To the minute; null: not yet."},
    {.name = "revoked_at",
     .type = API_TIME,
     .offset = VIEW(revoked_ms),
     .flags = API_NULLABLE,
     .help = "null: it is not."},
};
static const struct api_field KEY_CREATE[] = {
    {.name = "name",
     .type = API_STRING,
     .offset = CREATE(name),
     .flags = API_REQUIRED,
     .min = 1,
     .max = API_KEY_NAME_MAX,
     .help = "What it is for.",
     .example = "\"nightly jobs\""},
    {.name = "scope",
     .type = API_STRING,
     .offset = CREATE(scope),
     .flags = API_EMPTY_UNSET,
     .choices = SCOPES,
     .help = "What it may do: read; write (the default): also change syncs and connections; admin: "
             "also API keys and destinations."},
    {.name = "expires_at",
     .type = API_TIME,
     .offset = CREATE(expires_ms),
     .flags = API_EMPTY_UNSET,
     .format = "date-time",
     .help = "When it ends; without it, never."},
};

static const struct api_shape KEY_SHAPE = {.name = "ApiKey",
                                           .help = "A key for this API.",
                                           .size = sizeof(struct key_view),
                                           .fields = KEY,
                                           .n_fields = ARRAY_LEN(KEY)};
static const struct api_shape KEY_CREATE_SHAPE = {.name = "ApiKeyCreate",
                                                  .help = "A key to be made.",
                                                  .size = sizeof(struct key_create),
                                                  .fields = KEY_CREATE,
                                                  .n_fields = ARRAY_LEN(KEY_CREATE)};

static struct key_view view_of(const struct api_key *k)
{
    return (struct key_view){.id = k->id,
                             .name = k->name,
                             .prefix = k->prefix,
                             .scope = str_from(api_key_scope_name(k->scope)),
                             .created_ms = k->created_ms,
                             .expires_ms = k->expires_ms,
                             .last_used_ms = k->last_used_ms,
                             .revoked_ms = k->revoked_ms};
}

static void list_keys(struct api_call *c)
{
    struct api_key *keys = NULL;
    size_t n = 0;
    struct error err;
    if (!api_key_list(c->store, c->account_id, c->arena, &keys, &n, &err)) {
        api_fail(c, &err);
        return;
    }
    struct key_view *views = ARENA_ARRAY(c->arena, struct key_view, n + 1);
    for (size_t i = 0; i < n; i++) {
        views[i] = view_of(&keys[i]);
    }
    api_list(c, &KEY_SHAPE, views, n, (struct str){NULL, 0});
}

static void create_key(struct api_call *c)
{
    const struct key_create *in = c->body;
    struct api_key key = {.account_id = c->account_id,
                          .name = in->name,
                          .scope = API_KEY_WRITE,
                          .expires_ms = in->expires_ms};
    struct secret *text = NULL;
    struct error err;
    int64_t now_ms = 0;
    if (in->scope.ptr) {
        bool known = api_key_scope_parse(in->scope, &key.scope);
        assert(known); // the shape admits only known ones
    }
    if (!store_now_ms(c->store, &now_ms, &err)) {
        api_fail(c, &err);
        return;
    }
    if (key.expires_ms != 0 && key.expires_ms <= now_ms) {
        api_refuse(c, 400, "config",
                   "expires_at is in the past: it must be a later instant; leave it out for a key "
                   "without an end");
        return;
    }
    if (!api_key_create(c->store, &key, c->arena, &text, &err)) {
        api_fail(c, &err);
        return;
    }
    struct key_view view = view_of(&key);
    view.key = secret_reveal(text);
    api_ok(c, 201, &KEY_SHAPE, &view);
    secret_destroy(text);
}

static void revoke_key(struct api_call *c)
{
    struct error err;
    if (api_key_revoke(c->store, c->account_id, c->args[0], &err)) {
        api_none(c);
    } else if (err.code == ERR_NOT_FOUND) {
        api_missing(c, "API key", c->args[0]);
    } else {
        api_fail(c, &err);
    }
}

static const struct api_route ROUTES[] = {
    {.method = "GET",
     .path = "/api_keys",
     .name = "listApiKeys",
     .tag = "API keys",
     .help = "Lists the workspace's API keys, newest first, revoked ones too.",
     .scope = API_KEY_ADMIN,
     .answers = {{200, &KEY_SHAPE, true, "The keys."}},
     .handle = list_keys},
    {.method = "POST",
     .path = "/api_keys",
     .name = "createApiKey",
     .tag = "API keys",
     .help = "Makes a key. The answer is the only place where it is ever shown.",
     .scope = API_KEY_ADMIN,
     .flags = API_CHANGES | API_CREATES, // what is kept of the answer only the caller's key opens
     .body = &KEY_CREATE_SHAPE,
     .answers = {{201, &KEY_SHAPE, false, "The new key."},
                 {400, &API_ERROR_SHAPE, false, "A field cannot be so."}},
     .handle = create_key},
    {.method = "DELETE",
     .path = "/api_keys/{id}",
     .name = "revokeApiKey",
     .tag = "API keys",
     .help = "Revokes a key: it is refused from now on. The last admin key cannot be revoked.",
     .scope = API_KEY_ADMIN,
     .flags = API_CHANGES,
     .answers = {{204, NULL, false, "It was revoked, or had been before."},
                 {404, &API_ERROR_SHAPE, false, "There is no such key."},
                 {409, &API_ERROR_SHAPE, false, "It is the last admin key that works."}},
     .handle = revoke_key},
};
const struct api_routes API_ROUTES_KEYS = {ROUTES, ARRAY_LEN(ROUTES)};

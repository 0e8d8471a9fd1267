#include "store/bridges.h"

#include "store/ids.h"
#include "store/secrets.h"

#include <sodium.h>

enum {
    TOKEN_BYTES = 32,
    TOKEN_LEN = 43, // in base64url
    HASH_BYTES = 32,
    TEXT_BYTES_MAX = 8192, // a URL or a caller's state
    KEEP_MS = 7 * 86400 * 1000,
    FORGET_MAX = 500,
};
static const char *const STATUS_NAMES[BRIDGE_STATUS_COUNT] = {"open", "completed", "refused"};
static const struct str VERIFIER = STR_INIT("verifier");
#define COLUMNS                                                                                    \
    "id, account_id, status, integration_id, label, redirect_uri, state, connection_id, "          \
    "reauthorizes, created_ms, expires_ms"
#define OLD "(SELECT id FROM bridge WHERE expires_ms < $1 ORDER BY expires_ms, id LIMIT $2)"

struct hash {
    unsigned char bytes[HASH_BYTES];
};

const char *bridge_status_name(enum bridge_status s)
{
    assert((size_t)s < BRIDGE_STATUS_COUNT);
    return STATUS_NAMES[s];
}

// Tokens and states are found by their hash: the time of a look-up says nothing about them.
static struct hash hash_of(struct str text)
{
    struct hash h;
    crypto_generichash(h.bytes, sizeof h.bytes, (const unsigned char *)text.ptr, text.len, NULL, 0);
    return h;
}

static struct sql_value hash_value(const struct hash *h)
{
    return sql_blob((struct str){(const char *)h->bytes, sizeof h->bytes});
}

static struct secret *random_text(struct hash *ret_hash)
{
    unsigned char random[TOKEN_BYTES];
    char text[TOKEN_LEN + 1];
    randombytes_buf(random, sizeof random);
    sodium_bin2base64(text, sizeof text, random, sizeof random,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    *ret_hash = hash_of((struct str){text, TOKEN_LEN});
    struct secret *s = secret_create((struct str){text, TOKEN_LEN});
    secret_wipe(random, sizeof random);
    secret_wipe(text, sizeof text);
    return s;
}

static struct seal_name verifier_of(struct str id, struct arena *arena)
{
    return (struct seal_name){arena_printf(arena, "bridge:%.*s", STR_ARG(id)), VERIFIER};
}

// ---- reading

static bool read_row(struct sql_stmt *st, struct arena *arena, struct bridge *ret,
                     struct error *err)
{
    struct bridge b = {.id = arena_dup(arena, sql_column_str(st, 0)),
                       .account_id = arena_dup(arena, sql_column_str(st, 1)),
                       .status = BRIDGE_STATUS_COUNT,
                       .integration_id = arena_dup(arena, sql_column_str(st, 3)),
                       .label = arena_dup(arena, sql_column_str(st, 4)),
                       .redirect_uri = arena_dup(arena, sql_column_str(st, 5)),
                       .state = arena_dup(arena, sql_column_str(st, 6)),
                       .connection_id = arena_dup(arena, sql_column_str(st, 7)),
                       .reauthorizes = sql_column(st, 8).num != 0,
                       .created_ms = sql_column(st, 9).num,
                       .expires_ms = sql_column(st, 10).num};
    for (size_t i = 0; i < BRIDGE_STATUS_COUNT; i++) {
        if (str_eq(sql_column_str(st, 2), str_from(STATUS_NAMES[i]))) {
            b.status = (enum bridge_status)i;
        }
    }
    if (b.status == BRIDGE_STATUS_COUNT) {
        return error_set(err, ERR_STORE, "bridge %.*s: its stored status is none that there is",
                         STR_ARG(b.id));
    }
    *ret = b;
    return true;
}

static bool find(struct store *s, struct str text, struct sql_value arg, struct arena *arena,
                 struct bridge *ret, struct error *err)
{
    struct sql_stmt *st = NULL;
    bool row = false;
    bool ok = (sql_once_query(store_sql(s), text, &arg, 1, &st, err) && sql_next(st, &row, err)) ||
              store_fail(err);
    if (ok && !row) {
        ok = error_set(err, ERR_NOT_FOUND,
                       "there is no connection bridge of this kind; it may "
                       "have been used or ended long ago: ask for a new one");
    }
    ok = ok && read_row(st, arena, ret, err);
    sql_finalize(st);
    return ok;
}

bool bridge_find_by_token(struct store *s, struct str token, struct arena *arena,
                          struct bridge *ret, struct error *err)
{
    struct hash h = hash_of(token);
    return find(s, STR("SELECT " COLUMNS " FROM bridge WHERE token_hash = $1"), hash_value(&h),
                arena, ret, err);
}

bool bridge_list(struct store *s, struct str account_id, struct arena *arena, struct bridge **ret,
                 size_t *ret_n, struct error *err)
{
    static const struct str TEXT =
        STR_INIT("SELECT " COLUMNS " FROM bridge WHERE account_id = $1 AND status = 'open' "
                 "AND expires_ms > $2 ORDER BY created_ms DESC, id DESC LIMIT $3");
    int64_t now_ms = 0;
    if (!store_now_ms(s, &now_ms, err)) {
        return false;
    }
    struct sql_value args[] = {sql_text(account_id), sql_int(now_ms), sql_int(BRIDGES_MAX)};
    struct bridge *all = NULL;
    struct sql_stmt *st = NULL;
    size_t n = 0;
    size_t room = 0;
    bool row = false;
    bool ok = sql_once_query(store_sql(s), TEXT, args, ARRAY_LEN(args), &st, err);
    while (ok && n < BRIDGES_MAX && (ok = sql_next(st, &row, err)) && row) {
        if (n == room) { // few are open at a time
            room = MIN(room > 0 ? room * 2 : 16, (size_t)BRIDGES_MAX);
            struct bridge *more = ARENA_ARRAY(arena, struct bridge, room);
            if (n > 0) {
                memcpy(more, all, n * sizeof *more);
            }
            all = more;
        }
        if (!read_row(st, arena, &all[n++], err)) {
            sql_finalize(st);
            return false;
        }
    }
    sql_finalize(st);
    if (!ok) {
        return store_fail(err);
    }
    *ret = all;
    *ret_n = n;
    return true;
}

// ---- making

static bool check_fields(const struct bridge *b, struct error *err)
{
    return store_check_text("integration_id", b->integration_id, TEXT_BYTES_MAX, err) &&
           store_check_text("label", b->label, TEXT_BYTES_MAX, err) &&
           store_check_text("redirect_uri", b->redirect_uri, TEXT_BYTES_MAX, err) &&
           store_check_text("state", b->state, TEXT_BYTES_MAX, err) &&
           store_check_text("connection_id", b->connection_id, TEXT_BYTES_MAX, err);
}

static bool check_room(struct store *s, const struct bridge *b, struct error *err)
{
    static const struct str TEXT = STR_INIT("SELECT count(*) FROM bridge WHERE account_id = $1 "
                                            "AND status = 'open' AND expires_ms > $2");
    struct sql_value args[] = {sql_text(b->account_id), sql_int(b->created_ms)};
    struct sql_value n = sql_null();
    if (!sql_once_int(store_sql(s), TEXT, args, ARRAY_LEN(args), &n, err)) {
        return store_fail(err);
    }
    return n.num < BRIDGES_MAX ||
           error_set(err, ERR_CONFLICT,
                     "%d connection bridges are open, more are not kept; each ends by itself after "
                     "a day",
                     BRIDGES_MAX);
}

static struct sql_value text_or_empty(struct str s)
{
    return sql_text(s.ptr ? s : STR(""));
}

static bool insert(struct store *s, const struct bridge *b, const struct hash *token,
                   struct error *err)
{
    static const struct str TEXT =
        STR_INIT("INSERT INTO bridge (" COLUMNS ", token_hash) "
                 "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)");
    struct sql_value args[] = {sql_text(b->id),
                               text_or_empty(b->account_id),
                               sql_text(str_from(bridge_status_name(b->status))),
                               text_or_empty(b->integration_id),
                               text_or_empty(b->label),
                               text_or_empty(b->redirect_uri),
                               text_or_empty(b->state),
                               text_or_empty(b->connection_id),
                               sql_int(b->reauthorizes),
                               sql_int(b->created_ms),
                               sql_int(b->expires_ms),
                               hash_value(token)};
    return sql_once(store_sql(s), TEXT, args, ARRAY_LEN(args), NULL, err) || store_fail(err);
}

bool bridge_create(struct store *s, struct bridge *b, struct arena *arena,
                   struct secret **ret_token, struct error *err)
{
    struct bridge made = *b;
    struct hash h;
    if (!check_fields(b, err) || !store_now_ms(s, &made.created_ms, err) || !store_begin(s, err)) {
        return false;
    }
    made.id = id_make(arena);
    made.status = BRIDGE_OPEN;
    made.expires_ms = made.created_ms + BRIDGE_LIFE_MS;
    struct secret *token = random_text(&h);
    if (!store_end(s, check_room(s, &made, err) && insert(s, &made, &h, err), err)) {
        secret_destroy(token);
        return false;
    }
    *b = made;
    *ret_token = token;
    return true;
}

// ---- the walk to HubSpot and back

static bool set_state(struct store *s, const struct bridge *b, const struct hash *state,
                      struct error *err)
{
    static const struct str TEXT = STR_INIT("UPDATE bridge SET oauth_state_hash = $1 WHERE "
                                            "id = $2 AND status = 'open' AND expires_ms > $3");
    int64_t now_ms = 0;
    uint64_t changed = 0;
    if (!store_now_ms(s, &now_ms, err)) {
        return false;
    }
    struct sql_value args[] = {hash_value(state), sql_text(b->id), sql_int(now_ms)};
    if (!sql_once(store_sql(s), TEXT, args, ARRAY_LEN(args), &changed, err)) {
        return store_fail(err);
    }
    return changed > 0 ||
           error_set(err, ERR_CONFLICT,
                     "this connection bridge has been used or has ended; ask for a new one");
}

bool bridge_begin_oauth(struct store *s, struct sealing *sealing, const struct bridge *b,
                        struct secret **ret_state, struct secret **ret_verifier, struct error *err)
{
    struct hash state_hash;
    struct hash ignored;
    struct arena arena;
    if (!store_begin(s, err)) {
        return false;
    }
    arena_init(&arena, 1024);
    struct secret *state = random_text(&state_hash);
    struct secret *verifier = random_text(&ignored);
    struct seal_name name = verifier_of(b->id, &arena);
    bool ok =
        set_state(s, b, &state_hash, err) && stored_secret_put(s, sealing, &name, verifier, err);
    ok = store_end(s, ok, err);
    arena_done(&arena);
    if (!ok) {
        secret_destroy(state);
        secret_destroy(verifier);
        return false;
    }
    *ret_state = state;
    *ret_verifier = verifier;
    return true;
}

// Of two who bring the same state at once, one finds it still there.
static bool use_state_up(struct store *s, const struct bridge *b, const struct hash *state,
                         struct error *err)
{
    static const struct str TEXT = STR_INIT("UPDATE bridge SET oauth_state_hash = NULL "
                                            "WHERE id = $1 AND oauth_state_hash = $2");
    struct sql_value args[] = {sql_text(b->id), hash_value(state)};
    uint64_t changed = 0;
    if (!sql_once(store_sql(s), TEXT, args, ARRAY_LEN(args), &changed, err)) {
        return store_fail(err);
    }
    return changed > 0 || error_set(err, ERR_NOT_FOUND, "this state has been used just now");
}

static bool take_verifier(struct store *s, struct sealing *sealing, const struct bridge *b,
                          struct secret **ret, struct error *err)
{
    struct arena arena;
    arena_init(&arena, 1024);
    struct seal_name name = verifier_of(b->id, &arena);
    bool ok = stored_secret_get(s, sealing, &name, ret, err) &&
              (*ret || error_set(err, ERR_STORE, "bridge %.*s: its verifier is not stored",
                                 STR_ARG(b->id))) &&
              stored_secret_remove(s, name.owner, err);
    arena_done(&arena);
    return ok;
}

bool bridge_take_oauth(struct store *s, struct sealing *sealing, struct str state,
                       struct arena *arena, struct bridge_walk *ret, struct error *err)
{
    struct hash h = hash_of(state);
    struct bridge b = {.created_ms = 0};
    struct secret *verifier = NULL;
    if (!store_begin(s, err)) {
        return false;
    }
    bool ok = find(s, STR("SELECT " COLUMNS " FROM bridge WHERE oauth_state_hash = $1"),
                   hash_value(&h), arena, &b, err) &&
              use_state_up(s, &b, &h, err) && take_verifier(s, sealing, &b, &verifier, err);
    if (!store_end(s, ok, err)) {
        secret_destroy(verifier);
        return false;
    }
    *ret = (struct bridge_walk){b, verifier};
    return true;
}

// ---- ending

static bool end(struct store *s, struct str id, enum bridge_status status, struct str connection_id,
                struct error *err)
{
    static const struct str TEXT =
        STR_INIT("UPDATE bridge SET status = $1, oauth_state_hash = NULL, connection_id = "
                 "CASE WHEN CAST($2 AS TEXT) = '' THEN connection_id ELSE CAST($3 AS TEXT) END "
                 "WHERE id = $4 AND status = 'open'");
    struct sql_value args[] = {sql_text(str_from(bridge_status_name(status))),
                               text_or_empty(connection_id), text_or_empty(connection_id),
                               sql_text(id)};
    struct sql_value found = sql_null();
    uint64_t changed = 0;
    if (!sql_once(store_sql(s), TEXT, args, ARRAY_LEN(args), &changed, err) ||
        !sql_once_int(store_sql(s), STR("SELECT 1 FROM bridge WHERE id = $1"), &args[3], 1, &found,
                      err)) {
        return store_fail(err);
    }
    if (found.type == SQL_NULL) {
        return error_set(err, ERR_NOT_FOUND, "there is no connection bridge %.*s", STR_ARG(id));
    }
    return changed > 0 || error_set(err, ERR_CONFLICT,
                                    "connection bridge %.*s has been used already", STR_ARG(id));
}

bool bridge_end(struct store *s, struct str id, enum bridge_status status, struct str connection_id,
                struct error *err)
{
    struct arena arena;
    assert(status != BRIDGE_OPEN);
    if (!store_begin(s, err)) {
        return false;
    }
    arena_init(&arena, 1024);
    bool ok = end(s, id, status, connection_id, err) &&
              stored_secret_remove(s, verifier_of(id, &arena).owner, err);
    arena_done(&arena);
    return store_end(s, ok, err);
}

static bool forget_old(struct store *s, int64_t before_ms, struct error *err)
{
    struct sql_value args[] = {sql_int(before_ms), sql_int(FORGET_MAX)};
    return store_exclude_others(s, "bridge", err) && // both statements see the same rows
           ((sql_once(store_sql(s),
                      STR("DELETE FROM secret WHERE connection IN (SELECT 'bridge:' || id FROM "
                          "bridge WHERE id IN " OLD ")"),
                      args, ARRAY_LEN(args), NULL, err) &&
             sql_once(store_sql(s), STR("DELETE FROM bridge WHERE id IN " OLD), args,
                      ARRAY_LEN(args), NULL, err)) ||
            store_fail(err));
}

bool bridge_forget_old(struct store *s, struct error *err)
{
    int64_t now_ms = 0;
    return store_now_ms(s, &now_ms, err) && store_begin(s, err) &&
           store_end(s, forget_old(s, now_ms - KEEP_MS, err), err);
}

#include "store/api_keys.h"

#include "store/ids.h"

#include <sodium.h>

enum {
    PREFIX_WORD = 8,
    PREFIX_LEN = 4 + PREFIX_WORD, // "slk_" in front
    RANDOM_BYTES = 32,
    RANDOM_LEN = 43, // in base64url
    KEY_LEN = PREFIX_LEN + 1 + RANDOM_LEN,
    HASH_BYTES = 32,
    TRIES = 3, // to find a prefix that is not taken
    MINUTE_MS = 60 * 1000,
};
static const char HEAD[] = "slk_";
static const char PREFIX_ALPHABET[] = "0123456789abcdefghijklmnopqrstuvwxyz";
static const char *const SCOPE_NAMES[API_KEY_SCOPE_COUNT] = {"read", "write", "admin"};
#define COLUMNS                                                                                    \
    "id, account_id, name, prefix, scope, created_ms, expires_ms, last_used_ms, revoked_ms"
enum { COLUMN_HASH = 9 }; // behind those, where it is asked for

const char *api_key_scope_name(enum api_key_scope s)
{
    assert((size_t)s < API_KEY_SCOPE_COUNT);
    return SCOPE_NAMES[s];
}

bool api_key_scope_parse(struct str s, enum api_key_scope *ret)
{
    for (size_t i = 0; i < API_KEY_SCOPE_COUNT; i++) {
        if (str_eq(s, str_from(SCOPE_NAMES[i]))) {
            *ret = (enum api_key_scope)i;
            return true;
        }
    }
    return false;
}

// A key has the full entropy of its hash, so nothing is to be slowed down or salted.
static void hash_of(struct str text, unsigned char out[HASH_BYTES])
{
    crypto_generichash(out, HASH_BYTES, (const unsigned char *)text.ptr, text.len, NULL, 0);
}

// ---- reading

static bool read_row(struct sql_stmt *st, struct arena *arena, struct api_key *ret,
                     struct error *err)
{
    struct api_key k = {.id = arena_dup(arena, sql_column_str(st, 0)),
                        .account_id = arena_dup(arena, sql_column_str(st, 1)),
                        .name = arena_dup(arena, sql_column_str(st, 2)),
                        .prefix = arena_dup(arena, sql_column_str(st, 3)),
                        .created_ms = sql_column(st, 5).num,
                        .expires_ms = sql_column(st, 6).num,
                        .last_used_ms = sql_column(st, 7).num,
                        .revoked_ms = sql_column(st, 8).num};
    if (!api_key_scope_parse(sql_column_str(st, 4), &k.scope)) {
        return error_set(err, ERR_STORE, "API key %.*s: its stored scope is none that there is",
                         STR_ARG(k.prefix));
    }
    *ret = k;
    return true;
}

bool api_key_list(struct store *s, struct str account_id, struct arena *arena, struct api_key **ret,
                  size_t *ret_n, struct error *err)
{
    static const struct str TEXT = STR_INIT("SELECT " COLUMNS " FROM api_key WHERE account_id = $1 "
                                            "ORDER BY created_ms DESC, id DESC LIMIT $2");
    struct sql_value args[] = {sql_text(account_id), sql_int(API_KEYS_MAX)};
    struct api_key *all = ARENA_ARRAY(arena, struct api_key, API_KEYS_MAX);
    struct sql_stmt *st = NULL;
    size_t n = 0;
    bool row = false;
    bool ok = sql_once_query(store_sql(s), TEXT, args, ARRAY_LEN(args), &st, err);
    while (ok && n < API_KEYS_MAX && (ok = sql_next(st, &row, err)) && row) {
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

static bool check_fields(const struct api_key *k, int64_t now_ms, struct error *err)
{
    if (k->name.len == 0) {
        return error_set(err, ERR_CONFIG, "name: an API key needs one, to be told from others");
    }
    return store_check_text("name", k->name, API_KEY_NAME_MAX, err) &&
           (k->expires_ms == 0 || k->expires_ms > now_ms ||
            error_set(err, ERR_CONFIG, "expires_at: this time has passed already"));
}

static bool check_room(struct store *s, struct str account_id, struct error *err)
{
    struct sql_value args[] = {sql_text(account_id)};
    struct sql_value n = sql_null();
    if (!sql_once_int(store_sql(s), STR("SELECT count(*) FROM api_key WHERE account_id = $1"), args,
                      1, &n, err)) {
        return store_fail(err);
    }
    return n.num < API_KEYS_MAX ||
           error_set(err, ERR_CONFLICT, "there are %d API keys already, more are not kept",
                     API_KEYS_MAX);
}

// "slk_" + prefix + "_" + random
static void make_text(char out[KEY_LEN + 1])
{
    unsigned char random[RANDOM_BYTES];
    memcpy(out, HEAD, sizeof HEAD - 1);
    for (size_t i = sizeof HEAD - 1; i < PREFIX_LEN; i++) {
        out[i] = PREFIX_ALPHABET[randombytes_uniform(sizeof PREFIX_ALPHABET - 1)];
    }
    out[PREFIX_LEN] = '_';
    randombytes_buf(random, sizeof random);
    sodium_bin2base64(out + PREFIX_LEN + 1, RANDOM_LEN + 1, random, sizeof random,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    secret_wipe(random, sizeof random);
}

static bool insert(struct store *s, const struct api_key *k, struct str text, bool *ret_made,
                   struct error *err)
{
    static const struct str TEXT = STR_INIT(
        "INSERT INTO api_key (id, account_id, name, prefix, hash, scope, created_ms, expires_ms, "
        "last_used_ms, revoked_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0) "
        "ON CONFLICT (prefix) DO NOTHING");
    unsigned char hash[HASH_BYTES];
    hash_of(text, hash);
    struct sql_value args[] = {sql_text(k->id),
                               sql_text(k->account_id),
                               sql_text(k->name),
                               sql_text(k->prefix),
                               sql_blob((struct str){(const char *)hash, sizeof hash}),
                               sql_text(str_from(api_key_scope_name(k->scope))),
                               sql_int(k->created_ms),
                               sql_int(k->expires_ms)};
    uint64_t changed = 0;
    bool ok = sql_once(store_sql(s), TEXT, args, ARRAY_LEN(args), &changed, err) || store_fail(err);
    *ret_made = changed > 0;
    return ok;
}

static bool create(struct store *s, struct api_key *k, struct arena *arena, struct secret **ret_key,
                   struct error *err)
{
    char text[KEY_LEN + 1];
    bool made = false;
    bool ok = check_room(s, k->account_id, err);
    for (int i = 0; ok && !made && i < TRIES; i++) {
        make_text(text);
        k->prefix = arena_dup(arena, (struct str){text, PREFIX_LEN});
        ok = insert(s, k, (struct str){text, KEY_LEN}, &made, err);
    }
    if (ok && !made) {
        ok = error_set(err, ERR_INTERNAL, "no prefix for an API key was free");
    }
    if (ok) {
        *ret_key = secret_create((struct str){text, KEY_LEN});
    }
    secret_wipe(text, sizeof text);
    return ok;
}

bool api_key_create(struct store *s, struct api_key *key, struct arena *arena,
                    struct secret **ret_key, struct error *err)
{
    struct secret *secret = NULL;
    struct api_key k = *key;
    k.created_ms = clock_now_ms(store_clock(s));
    k.last_used_ms = 0;
    k.revoked_ms = 0;
    if (!check_fields(&k, k.created_ms, err) || !store_begin(s, err)) {
        return false;
    }
    k.id = id_make(arena);
    if (!store_end(s, create(s, &k, arena, &secret, err), err)) {
        secret_destroy(secret);
        return false;
    }
    *key = k;
    *ret_key = secret;
    return true;
}

// ---- using

// The clock of this machine: a look at the database's would double the time of every request.
static enum api_key_verdict judge(const struct api_key *k, int64_t now_ms)
{
    return k->revoked_ms != 0                              ? API_KEY_REVOKED
           : k->expires_ms != 0 && k->expires_ms <= now_ms ? API_KEY_EXPIRED
                                                           : API_KEY_GOOD;
}

static bool note_use(struct store *s, struct api_key *k, int64_t now_ms, struct error *err)
{
    static const struct str TEXT =
        STR_INIT("UPDATE api_key SET last_used_ms = $1 WHERE id = $2 AND last_used_ms < $3");
    int64_t minute_ms = now_ms - now_ms % MINUTE_MS;
    struct sql_value args[] = {sql_int(minute_ms), sql_text(k->id), sql_int(minute_ms)};
    if (k->last_used_ms >= minute_ms) {
        return true;
    }
    if (!sql_once(store_sql(s), TEXT, args, ARRAY_LEN(args), NULL, err)) {
        return store_fail(err);
    }
    k->last_used_ms = minute_ms;
    return true;
}

// The row of that prefix, whatever its hash; *ret_hash all zeros when there is none.
static bool find_by_prefix(struct store *s, struct str prefix, struct arena *arena,
                           struct api_key *ret, unsigned char hash[HASH_BYTES], struct error *err)
{
    static const struct str TEXT =
        STR_INIT("SELECT " COLUMNS ", hash FROM api_key WHERE prefix = $1");
    struct sql_value args[] = {sql_text(prefix)};
    struct sql_stmt *st = NULL;
    bool row = false;
    bool ok = (sql_once_query(store_sql(s), TEXT, args, 1, &st, err) && sql_next(st, &row, err)) ||
              store_fail(err);
    memset(hash, 0, HASH_BYTES);
    if (ok && row) {
        struct str stored = sql_column_str(st, COLUMN_HASH);
        ok = read_row(st, arena, ret, err);
        memcpy(hash, stored.ptr, stored.len == HASH_BYTES ? HASH_BYTES : 0);
    }
    sql_finalize(st);
    return ok;
}

static bool is_prefix_word(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '\0' || !strchr(PREFIX_ALPHABET, s.ptr[i])) {
            return false;
        }
    }
    return true;
}

bool api_key_verify(struct store *s, struct str text, struct arena *arena, struct api_key *ret,
                    enum api_key_verdict *ret_verdict, struct error *err)
{
    unsigned char given[HASH_BYTES];
    unsigned char stored[HASH_BYTES];
    struct api_key k = {.expires_ms = 1};
    int64_t now_ms = clock_now_ms(store_clock(s));
    text = str_sub(text, 0, API_KEY_TEXT_MAX); // no key is longer
    bool form = text.len == KEY_LEN && str_starts(text, str_from(HEAD)) &&
                is_prefix_word(str_sub(text, sizeof HEAD - 1, PREFIX_WORD));
    // A text of another form is looked up too, under a prefix that no key has.
    struct str prefix = form ? str_sub(text, 0, PREFIX_LEN) : STR("slk_--------");
    hash_of(text, given);
    if (!find_by_prefix(s, prefix, arena, &k, stored, err)) {
        return false;
    }
    bool same = sodium_memcmp(given, stored, HASH_BYTES) == 0;
    enum api_key_verdict verdict = same ? judge(&k, now_ms) : API_KEY_UNKNOWN;
    // A full disk is no reason to refuse who only wants to read; within a transaction it is over.
    if (verdict == API_KEY_GOOD && !note_use(s, &k, now_ms, err) &&
        sql_transaction_state(store_sql(s)) != SQL_IDLE) {
        return false;
    }
    if (verdict != API_KEY_UNKNOWN) {
        *ret = k;
    }
    *ret_verdict = verdict;
    return true;
}

// ---- revoking

// By id or prefix.
static bool find(struct store *s, struct str account_id, struct str id, struct arena *arena,
                 struct api_key *ret, struct error *err)
{
    static const struct str TEXT = STR_INIT("SELECT " COLUMNS " FROM api_key WHERE account_id = $1 "
                                            "AND (id = $2 OR prefix = $3)");
    struct sql_value args[] = {sql_text(account_id), sql_text(id), sql_text(id)};
    struct sql_stmt *st = NULL;
    bool row = false;
    bool ok = (sql_once_query(store_sql(s), TEXT, args, ARRAY_LEN(args), &st, err) &&
               sql_next(st, &row, err)) ||
              store_fail(err);
    if (ok && !row) {
        // Not quoted: a whole key may stand here by mistake.
        ok = error_set(err, ERR_NOT_FOUND, "there is no API key of this id");
    }
    ok = ok && read_row(st, arena, ret, err);
    sql_finalize(st);
    return ok;
}

static bool check_not_last(struct store *s, const struct api_key *k, int64_t now_ms,
                           struct error *err)
{
    static const struct str TEXT =
        STR_INIT("SELECT count(*) FROM api_key WHERE account_id = $1 AND id <> $2 AND "
                 "scope = 'admin' AND revoked_ms = 0 AND (expires_ms = 0 OR expires_ms > $3)");
    struct sql_value args[] = {sql_text(k->account_id), sql_text(k->id), sql_int(now_ms)};
    struct sql_value n = sql_null();
    if (k->scope != API_KEY_ADMIN || judge(k, now_ms) != API_KEY_GOOD) {
        return true;
    }
    if (!sql_once_int(store_sql(s), TEXT, args, ARRAY_LEN(args), &n, err)) {
        return store_fail(err);
    }
    return n.num > 0 || error_set(err, ERR_CONFLICT,
                                  "%.*s is the last API key with scope admin; make another first",
                                  STR_ARG(k->prefix));
}

static bool revoke(struct store *s, struct str account_id, struct str id, struct error *err)
{
    struct api_key k = {.scope = API_KEY_READ};
    struct arena arena;
    int64_t now_ms = clock_now_ms(store_clock(s));
    arena_init(&arena, 64 * 1024);
    bool ok = store_exclude_others(s, "api_key", err) && // two may not each be the other's last
              find(s, account_id, id, &arena, &k, err);
    if (ok && k.revoked_ms == 0) {
        struct sql_value args[] = {sql_int(now_ms), sql_text(k.id)};
        ok = check_not_last(s, &k, now_ms, err) &&
             (sql_once(store_sql(s), STR("UPDATE api_key SET revoked_ms = $1 WHERE id = $2"), args,
                       ARRAY_LEN(args), NULL, err) ||
              store_fail(err));
    }
    arena_done(&arena);
    return ok;
}

bool api_key_revoke(struct store *s, struct str account_id, struct str id, struct error *err)
{
    if (memchr(id.ptr ? id.ptr : "", '\0', id.len)) {
        return error_set(err, ERR_NOT_FOUND, "there is no API key of this id");
    }
    return store_begin(s, err) && store_end(s, revoke(s, account_id, id, err), err);
}

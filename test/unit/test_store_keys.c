// API keys, kept answers and bridges; on a file and on a server.
#include "test_place_both.h"

#include "store/api_keys.h"
#include "store/bridges.h"
#include "store/idempotency.h"

enum { MINUTE_MS = 60 * 1000 };

static const struct str ACCOUNT = STR_INIT("account");

// ---- API keys

static struct secret *make_key(struct place *p, const char *name, enum api_key_scope scope,
                               struct api_key *ret)
{
    struct error err;
    struct secret *s = NULL;
    *ret = (struct api_key){.account_id = ACCOUNT, .name = str_from(name), .scope = scope};
    must(api_key_create(p->store, ret, &p->arena, &s, &err), &err);
    return s;
}

static enum api_key_verdict verify(struct place *p, struct str text, struct api_key *ret)
{
    struct error err;
    enum api_key_verdict verdict = API_KEY_GOOD;
    must(api_key_verify(p->store, text, &p->arena, ret, &verdict, &err), &err);
    return verdict;
}

static void test_a_key_works(struct place *p)
{
    struct api_key k;
    struct api_key found;
    struct secret *s = make_key(p, "first", API_KEY_WRITE, &k);
    struct str text = secret_reveal(s);
    assert_int_equal(text.len, 56);
    assert_true(str_starts(text, k.prefix) && k.prefix.len == 12 && text.ptr[12] == '_');
    assert_int_equal(verify(p, text, &found), API_KEY_GOOD);
    check_slice(found.id, k.id);
    check_str(found.name, "first");
    check_slice(found.account_id, ACCOUNT);
    assert_true(found.scope == API_KEY_WRITE && found.created_ms == 1000000);
    // Nothing of it but the prefix is stored.
    struct sql_stmt *st = NULL;
    struct error err;
    bool row = false;
    must(sql_once_query(store_sql(p->store), STR("SELECT hash FROM api_key"), NULL, 0, &st, &err) &&
             sql_next(st, &row, &err) && row,
         &err);
    assert_int_equal(sql_column_str(st, 0).len, 32);
    sql_finalize(st);
    if (!p->server) {
        struct str file = place_contents(p, place_file(p, "sluice.db-wal"));
        assert_true(str_find(file, k.prefix) >= 0);
        assert_true(str_find(file, str_sub(text, 13, 43)) < 0);
    }
    secret_destroy(s);
}

static void test_wrong_keys(struct place *p)
{
    struct api_key k;
    struct api_key found;
    struct secret *s = make_key(p, "first", API_KEY_ADMIN, &k);
    char wrong[200];
    struct str text = secret_reveal(s);
    memcpy(wrong, text.ptr, text.len);
    for (size_t i = 0; i < text.len; i++) { // every byte counts
        wrong[i] ^= 1;
        assert_int_equal(verify(p, (struct str){wrong, text.len}, &found), API_KEY_UNKNOWN);
        wrong[i] ^= 1;
    }
    assert_int_equal(verify(p, (struct str){wrong, text.len}, &found), API_KEY_GOOD);
    assert_int_equal(verify(p, (struct str){wrong, text.len - 1}, &found), API_KEY_UNKNOWN);
    memset(wrong + text.len, 'a', sizeof wrong - text.len);
    assert_int_equal(verify(p, (struct str){wrong, text.len + 1}, &found), API_KEY_UNKNOWN);
    assert_int_equal(verify(p, (struct str){wrong, sizeof wrong}, &found), API_KEY_UNKNOWN);
    assert_int_equal(verify(p, STR(""), &found), API_KEY_UNKNOWN);
    assert_int_equal(verify(p, STR("slk_\0\xff' OR 1=1 --"), &found), API_KEY_UNKNOWN);
    assert_int_equal(verify(p, k.prefix, &found), API_KEY_UNKNOWN);
    // One whose hash has been cut is nobody's.
    place_run(p, p->server ? "UPDATE api_key SET hash = ''" : "UPDATE api_key SET hash = x''");
    assert_int_equal(verify(p, text, &found), API_KEY_UNKNOWN);
    secret_destroy(s);
}

static void test_a_key_expires(struct place *p)
{
    struct error err = {0};
    struct api_key found;
    struct secret *s = NULL;
    struct api_key k = {
        .account_id = ACCOUNT, .name = STR("short"), .expires_ms = 1000000 + MINUTE_MS};
    must(api_key_create(p->store, &k, &p->arena, &s, &err), &err);
    virtual_clock_advance_us(&p->clock, (int64_t)(MINUTE_MS - 1) * 1000);
    assert_int_equal(verify(p, secret_reveal(s), &found), API_KEY_GOOD);
    virtual_clock_advance_us(&p->clock, 1000);
    assert_int_equal(verify(p, secret_reveal(s), &found), API_KEY_EXPIRED);
    check_slice(found.id, k.id); // who it was is told
    secret_destroy(s);
    struct api_key late = {.account_id = ACCOUNT, .name = STR("late"), .expires_ms = 1};
    assert_false(api_key_create(p->store, &late, &p->arena, &s, &err));
    assert_int_equal(err.code, ERR_CONFIG);
    check_contains(err.message, "expires_at");
}

static void test_a_key_is_revoked(struct place *p)
{
    struct error err = {0};
    struct api_key admin;
    struct api_key second;
    struct api_key reader;
    struct api_key found;
    struct secret *s[3] = {make_key(p, "admin", API_KEY_ADMIN, &admin),
                           make_key(p, "second", API_KEY_ADMIN, &second),
                           make_key(p, "reader", API_KEY_READ, &reader)};
    assert_false(api_key_revoke(p->store, ACCOUNT, STR("nobody"), &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_false(api_key_revoke(p->store, STR("another"), admin.id, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_false(api_key_revoke(p->store, ACCOUNT, STR("a\0b"), &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    must(api_key_revoke(p->store, ACCOUNT, second.id, &err), &err);
    assert_int_equal(verify(p, secret_reveal(s[1]), &found), API_KEY_REVOKED);
    must(api_key_revoke(p->store, ACCOUNT, second.id, &err), &err); // again: nothing
    assert_false(api_key_revoke(p->store, ACCOUNT, admin.prefix, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_int_equal(verify(p, secret_reveal(s[0]), &found), API_KEY_GOOD);
    must(api_key_revoke(p->store, ACCOUNT, reader.prefix, &err), &err);
    assert_int_equal(verify(p, secret_reveal(s[2]), &found), API_KEY_REVOKED);
    for (size_t i = 0; i < ARRAY_LEN(s); i++) {
        secret_destroy(s[i]);
    }
    // One that has expired does not count as one that works.
    struct api_key shortly = {
        .account_id = ACCOUNT, .name = STR("short"), .scope = API_KEY_ADMIN, .expires_ms = 1000001};
    must(api_key_create(p->store, &shortly, &p->arena, &s[0], &err), &err);
    secret_destroy(s[0]);
    virtual_clock_advance_us(&p->clock, 1000);
    assert_false(api_key_revoke(p->store, ACCOUNT, admin.id, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
}

static void test_keys_are_listed(struct place *p)
{
    struct error err = {0};
    struct api_key k;
    struct api_key *all = NULL;
    size_t n = 7;
    must(api_key_list(p->store, ACCOUNT, &p->arena, &all, &n, &err), &err);
    assert_int_equal(n, 0);
    secret_destroy(make_key(p, "old", API_KEY_ADMIN, &k));
    virtual_clock_advance_us(&p->clock, 1000);
    secret_destroy(make_key(p, "new", API_KEY_READ, &k));
    must(api_key_revoke(p->store, ACCOUNT, k.id, &err), &err);
    must(api_key_list(p->store, ACCOUNT, &p->arena, &all, &n, &err), &err);
    assert_int_equal(n, 2);
    check_str(all[0].name, "new");
    assert_int_equal(all[0].revoked_ms, 1000001);
    assert_true(all[1].revoked_ms == 0 && all[1].scope == API_KEY_ADMIN);
    must(api_key_list(p->store, STR("another"), &p->arena, &all, &n, &err), &err);
    assert_int_equal(n, 0);
}

static void test_names_of_keys(struct place *p)
{
    char longest[API_KEY_NAME_MAX + 1];
    memset(longest, 'a', sizeof longest);
    const struct {
        struct str name;
        bool ok;
    } ROWS[] = {
        {STR_INIT("a"), true},
        {STR_INIT("Zo\xc3\xab \xf0\x9f\x94\x91 \"'; --"), true},
        {{longest, API_KEY_NAME_MAX}, true},
        {STR_INIT(""), false},
        {{longest, sizeof longest}, false},
        {STR_INIT("a\0b"), false},
        {STR_INIT("a\nb"), false},
        {STR_INIT("\xff"), false},
        {STR_INIT("\xc3"), false},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct error err = {0};
        struct secret *s = NULL;
        struct api_key k = {.account_id = ACCOUNT, .name = ROWS[i].name};
        bool ok = api_key_create(p->store, &k, &p->arena, &s, &err);
        check_row(ok == ROWS[i].ok, ok ? "made" : err.message);
        check_row(ok || (err.code == ERR_CONFIG && strstr(err.message, "name")), err.message);
        secret_destroy(s);
    }
}

static void test_the_use_of_a_key_is_noted(struct place *p)
{
    struct api_key k;
    struct api_key found;
    struct secret *s = make_key(p, "first", API_KEY_READ, &k);
    const char *query = "SELECT last_used_ms FROM api_key";
    assert_int_equal(place_number(p, query), 0);
    assert_int_equal(verify(p, secret_reveal(s), &found), API_KEY_GOOD);
    assert_int_equal(place_number(p, query), 960000);
    place_run(p, "UPDATE api_key SET last_used_ms = 960001"); // it is not written again
    virtual_clock_advance_us(&p->clock, INT64_C(19999) * 1000);
    assert_int_equal(verify(p, secret_reveal(s), &found), API_KEY_GOOD);
    assert_int_equal(place_number(p, query), 960001);
    virtual_clock_advance_us(&p->clock, 1000);
    assert_int_equal(verify(p, secret_reveal(s), &found), API_KEY_GOOD);
    assert_int_equal(found.last_used_ms, 1020000);
    assert_int_equal(place_number(p, query), 1020000);
    // Where nothing can be written, the key is good all the same.
    virtual_clock_advance_us(&p->clock, (int64_t)MINUTE_MS * 1000);
    place_run(p, p->server ? "SET default_transaction_read_only = on" : "PRAGMA query_only=ON");
    assert_int_equal(verify(p, secret_reveal(s), &found), API_KEY_GOOD);
    assert_int_equal(place_number(p, query), 1020000);
    secret_destroy(s);
}

// ---- answers that are kept

static void test_answers_are_kept_for_a_day(struct place *p)
{
    static const char HASH[IDEMPOTENCY_HASH + 1] = "0123456789abcdef0123456789abcdef";
    struct error err = {0};
    struct idempotent_answer a = {
        .request_hash = {HASH, IDEMPOTENCY_HASH}, .status = 201, .body = STR("{\"id\":1}")};
    struct idempotent_answer found;
    must(idempotency_find(p->store, ACCOUNT, STR("k"), &p->arena, &found, &err), &err);
    assert_int_equal(found.status, 0);
    must(idempotency_put(p->store, ACCOUNT, STR("k"), &a, &err), &err);
    must(idempotency_find(p->store, ACCOUNT, STR("k"), &p->arena, &found, &err), &err);
    assert_int_equal(found.status, 201);
    check_slice(found.request_hash, a.request_hash);
    check_slice(found.body, a.body);
    must(idempotency_find(p->store, STR("another"), STR("k"), &p->arena, &found, &err), &err);
    assert_int_equal(found.status, 0);
    assert_false(idempotency_put(p->store, ACCOUNT, STR("k"), &a, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_false(idempotency_put(p->store, ACCOUNT, STR("a\nb"), &a, &err));
    assert_int_equal(err.code, ERR_CONFIG);
    check_contains(err.message, "Idempotency-Key");
    must(idempotency_forget_old(p->store, &err), &err);
    must(idempotency_find(p->store, ACCOUNT, STR("k"), &p->arena, &found, &err), &err);
    assert_int_equal(found.status, 201);
    place_run(p, "UPDATE idempotency SET created_ms = created_ms - 86400000");
    must(idempotency_find(p->store, ACCOUNT, STR("k"), &p->arena, &found, &err), &err);
    assert_int_equal(found.status, 0);
    a.body = (struct str){NULL, 0};
    must(idempotency_put(p->store, ACCOUNT, STR("k"), &a, &err), &err); // over the old one
    must(idempotency_find(p->store, ACCOUNT, STR("k"), &p->arena, &found, &err), &err);
    assert_true(found.status == 201 && found.body.len == 0);
    place_run(p, "UPDATE idempotency SET created_ms = created_ms - 86400000");
    must(idempotency_forget_old(p->store, &err), &err);
    assert_int_equal(place_number(p, "SELECT count(*) FROM idempotency"), 0);
}

// ---- bridges

static struct bridge make_bridge(struct place *p, struct secret **ret_token)
{
    struct error err;
    struct bridge b = {.account_id = ACCOUNT,
                       .integration_id = STR("hubspot-v2"),
                       .label = STR("Acme"),
                       .redirect_uri = STR("https://app.example/cb?a=b"),
                       .state = STR("theirs")};
    must(bridge_create(p->store, &b, &p->arena, ret_token, &err), &err);
    return b;
}

static void expire(struct place *p, int64_t ms)
{
    place_run(p, arena_printf(&p->arena, "UPDATE bridge SET expires_ms = expires_ms - %lld",
                              (long long)ms)
                     .ptr);
}

static void test_a_bridge_is_found_by_its_token(struct place *p)
{
    struct error err = {0};
    struct secret *token = NULL;
    struct bridge found;
    struct bridge *all = NULL;
    size_t n = 0;
    struct bridge b = make_bridge(p, &token);
    assert_int_equal(secret_len(token), 43);
    assert_int_equal(b.expires_ms - b.created_ms, BRIDGE_LIFE_MS);
    must(bridge_find_by_token(p->store, secret_reveal(token), &p->arena, &found, &err), &err);
    check_slice(found.id, b.id);
    check_str(found.label, "Acme");
    check_str(found.redirect_uri, "https://app.example/cb?a=b");
    check_str(found.state, "theirs");
    assert_true(found.status == BRIDGE_OPEN && !found.reauthorizes);
    static const struct str WRONG[] = {STR_INIT(""), STR_INIT("a"), STR_INIT("\0\xff' --")};
    for (size_t i = 0; i < ARRAY_LEN(WRONG); i++) {
        assert_false(bridge_find_by_token(p->store, WRONG[i], &p->arena, &found, &err));
        assert_int_equal(err.code, ERR_NOT_FOUND);
    }
    assert_false(bridge_find_by_token(p->store, str_sub(secret_reveal(token), 0, 42), &p->arena,
                                      &found, &err));
    struct secret *second = NULL;
    struct bridge newer = make_bridge(p, &second);
    place_run(p, "UPDATE bridge SET created_ms = created_ms - 5 WHERE label = 'Acme'");
    place_run(p, arena_printf(&p->arena,
                              "UPDATE bridge SET created_ms = created_ms + 5 WHERE "
                              "id = '%.*s'",
                              STR_ARG(newer.id))
                     .ptr);
    must(bridge_list(p->store, ACCOUNT, &p->arena, &all, &n, &err), &err);
    assert_int_equal(n, 2);
    check_slice(all[0].id, newer.id);
    must(bridge_list(p->store, STR("another"), &p->arena, &all, &n, &err), &err);
    assert_int_equal(n, 0);
    expire(p, BRIDGE_LIFE_MS + 1000);
    must(bridge_list(p->store, ACCOUNT, &p->arena, &all, &n, &err), &err);
    assert_int_equal(n, 0);
    must(bridge_find_by_token(p->store, secret_reveal(token), &p->arena, &found, &err), &err);
    secret_destroy(token);
    secret_destroy(second);
}

static void test_a_walk_to_hubspot_and_back(struct place *p)
{
    struct error err = {0};
    struct secret *token = NULL;
    struct secret *state[2] = {NULL, NULL};
    struct secret *verifier[2] = {NULL, NULL};
    struct bridge_walk walk;
    struct bridge b = make_bridge(p, &token);
    must(bridge_begin_oauth(p->store, p->sealing, &b, &state[0], &verifier[0], &err), &err);
    must(bridge_begin_oauth(p->store, p->sealing, &b, &state[1], &verifier[1], &err), &err);
    assert_true(secret_len(state[0]) == 43 && !secret_eq(state[0], state[1]));
    // The former one is not good any more.
    assert_false(
        bridge_take_oauth(p->store, p->sealing, secret_reveal(state[0]), &p->arena, &walk, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    must(bridge_take_oauth(p->store, p->sealing, secret_reveal(state[1]), &p->arena, &walk, &err),
         &err);
    check_slice(walk.bridge.id, b.id);
    assert_true(secret_eq(walk.verifier, verifier[1]));
    secret_destroy(walk.verifier);
    assert_int_equal(place_number(p, "SELECT count(*) FROM secret"), 0);
    // Nor is that one, now that it is used.
    assert_false(
        bridge_take_oauth(p->store, p->sealing, secret_reveal(state[1]), &p->arena, &walk, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    for (size_t i = 0; i < 2; i++) {
        secret_destroy(state[i]);
        secret_destroy(verifier[i]);
    }
    expire(p, BRIDGE_LIFE_MS + 1000);
    assert_false(bridge_begin_oauth(p->store, p->sealing, &b, &state[0], &verifier[0], &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_int_equal(place_number(p, "SELECT count(*) FROM secret"), 0);
    secret_destroy(token);
}

static void test_a_bridge_ends_once(struct place *p)
{
    struct error err = {0};
    struct secret *token = NULL;
    struct secret *state = NULL;
    struct secret *verifier = NULL;
    struct bridge_walk walk;
    struct bridge found;
    struct bridge b = make_bridge(p, &token);
    must(bridge_begin_oauth(p->store, p->sealing, &b, &state, &verifier, &err), &err);
    assert_false(bridge_end(p->store, STR("nobody"), BRIDGE_REFUSED, STR(""), &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    must(bridge_end(p->store, b.id, BRIDGE_COMPLETED, STR("connection-1"), &err), &err);
    must(bridge_find_by_token(p->store, secret_reveal(token), &p->arena, &found, &err), &err);
    assert_int_equal(found.status, BRIDGE_COMPLETED);
    check_str(found.connection_id, "connection-1");
    assert_false(bridge_end(p->store, b.id, BRIDGE_REFUSED, STR(""), &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_int_equal(place_number(p, "SELECT count(*) FROM secret"), 0);
    assert_false(
        bridge_take_oauth(p->store, p->sealing, secret_reveal(state), &p->arena, &walk, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    struct secret *none[2] = {NULL, NULL};
    assert_false(bridge_begin_oauth(p->store, p->sealing, &b, &none[0], &none[1], &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    secret_destroy(token);
    secret_destroy(state);
    secret_destroy(verifier);
    // Refusing keeps what was to be authorized anew.
    struct bridge again = {.account_id = ACCOUNT,
                           .integration_id = STR("hubspot-v2"),
                           .connection_id = STR("connection-1"),
                           .reauthorizes = true};
    must(bridge_create(p->store, &again, &p->arena, &token, &err), &err);
    must(bridge_end(p->store, again.id, BRIDGE_REFUSED, STR(""), &err), &err);
    must(bridge_find_by_token(p->store, secret_reveal(token), &p->arena, &found, &err), &err);
    assert_true(found.status == BRIDGE_REFUSED && found.reauthorizes);
    check_str(found.connection_id, "connection-1");
    secret_destroy(token);
}

static void test_old_bridges_are_forgotten(struct place *p)
{
    struct error err = {0};
    struct secret *token = NULL;
    struct secret *state = NULL;
    struct secret *verifier = NULL;
    struct bridge b = make_bridge(p, &token);
    must(bridge_begin_oauth(p->store, p->sealing, &b, &state, &verifier, &err), &err);
    must(place_put_token(p, "acme", MARK, &err), &err);
    expire(p, BRIDGE_LIFE_MS + INT64_C(6) * 86400000);
    must(bridge_forget_old(p->store, &err), &err);
    assert_int_equal(place_number(p, "SELECT count(*) FROM bridge"), 1);
    expire(p, INT64_C(2) * 86400000);
    must(bridge_forget_old(p->store, &err), &err);
    assert_int_equal(place_number(p, "SELECT count(*) FROM bridge"), 0);
    assert_int_equal(place_number(p, "SELECT count(*) FROM secret"), 1);
    place_check_token(p, "acme", MARK);
    secret_destroy(token);
    secret_destroy(state);
    secret_destroy(verifier);
}

int main(void)
{
    static const struct place_test TESTS[] = {
        PLACE_TEST(test_a_key_works),
        PLACE_TEST(test_wrong_keys),
        PLACE_TEST(test_a_key_expires),
        PLACE_TEST(test_a_key_is_revoked),
        PLACE_TEST(test_keys_are_listed),
        PLACE_TEST(test_names_of_keys),
        PLACE_TEST(test_the_use_of_a_key_is_noted),
        PLACE_TEST(test_answers_are_kept_for_a_day),
        PLACE_TEST(test_a_bridge_is_found_by_its_token),
        PLACE_TEST(test_a_walk_to_hubspot_and_back),
        PLACE_TEST(test_a_bridge_ends_once),
        PLACE_TEST(test_old_bridges_are_forgotten),
        PLACE_TESTS_END,
    };
    return place_run_both("store_keys", TESTS);
}

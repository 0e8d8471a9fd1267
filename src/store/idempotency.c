#include "store/idempotency.h"

enum { FORGET_MAX = 1000 };

bool idempotency_find(struct store *s, struct str account_id, struct str key, struct arena *arena,
                      struct idempotent_answer *ret, struct error *err)
{
    static const struct str TEXT =
        STR_INIT("SELECT request_hash, status, body FROM idempotency "
                 "WHERE account_id = $1 AND name = $2 AND created_ms > $3");
    int64_t now_ms = 0;
    struct sql_stmt *st = NULL;
    bool row = false;
    if (!store_now_ms(s, &now_ms, err)) {
        return false;
    }
    struct sql_value args[] = {sql_text(account_id), sql_text(key),
                               sql_int(now_ms - IDEMPOTENCY_KEEP_MS)};
    struct idempotent_answer found = {.status = 0};
    bool ok = sql_once_query(store_sql(s), TEXT, args, ARRAY_LEN(args), &st, err) &&
              sql_next(st, &row, err);
    if (ok && row) {
        found = (struct idempotent_answer){.request_hash = arena_dup(arena, sql_column_str(st, 0)),
                                           .status = (int)sql_column(st, 1).num,
                                           .body = arena_dup(arena, sql_column_str(st, 2))};
    }
    sql_finalize(st);
    if (!ok) {
        return store_fail(err);
    }
    *ret = found;
    return true;
}

bool idempotency_put(struct store *s, struct str account_id, struct str key,
                     const struct idempotent_answer *a, struct error *err)
{
    // Over one that is older than a day and has not been forgotten yet.
    static const struct str TEXT =
        STR_INIT("INSERT INTO idempotency (account_id, name, request_hash, status, body, "
                 "created_ms) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (account_id, name) "
                 "DO UPDATE SET request_hash = excluded.request_hash, status = excluded.status, "
                 "body = excluded.body, created_ms = excluded.created_ms "
                 "WHERE idempotency.created_ms <= $7");
    int64_t now_ms = 0;
    uint64_t changed = 0;
    assert(a->request_hash.len == IDEMPOTENCY_HASH && a->status > 0);
    if (!store_check_text("Idempotency-Key", key, IDEMPOTENCY_KEY_MAX, err) ||
        !store_now_ms(s, &now_ms, err)) {
        return false;
    }
    struct sql_value args[] = {sql_text(account_id),
                               sql_text(key),
                               sql_blob(a->request_hash),
                               sql_int(a->status),
                               sql_text(a->body.ptr ? a->body : STR("")),
                               sql_int(now_ms),
                               sql_int(now_ms - IDEMPOTENCY_KEEP_MS)};
    if (!sql_once(store_sql(s), TEXT, args, ARRAY_LEN(args), &changed, err)) {
        return store_fail(err);
    }
    return changed > 0 || error_set(err, ERR_CONFLICT,
                                    "another request with this Idempotency-Key came first; send "
                                    "this one again to get its answer");
}

bool idempotency_forget_old(struct store *s, struct error *err)
{
    static const struct str TEXT =
        STR_INIT("DELETE FROM idempotency WHERE (account_id, name) IN (SELECT account_id, name "
                 "FROM idempotency WHERE created_ms <= $1 ORDER BY created_ms LIMIT $2)");
    int64_t now_ms = 0;
    if (!store_now_ms(s, &now_ms, err)) {
        return false;
    }
    struct sql_value args[] = {sql_int(now_ms - IDEMPOTENCY_KEEP_MS), sql_int(FORGET_MAX)};
    return sql_once(store_sql(s), TEXT, args, ARRAY_LEN(args), NULL, err) || store_fail(err);
}

#include "store/secrets.h"

enum { ROW_MAX = 4 * SECRET_MAX, SEALED_MAX = 2 * SECRET_MAX, SMALL_MAX = 256 };

bool stored_secret_put(struct store *s, struct sealing *sealing, const struct seal_name *name,
                       const struct secret *plain, struct error *err)
{
    static const struct str TEXT =
        STR_INIT("INSERT INTO secret (connection, what, key_id, nonce, sealed) "
                 "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (connection, what) DO UPDATE SET "
                 "key_id = excluded.key_id, nonce = excluded.nonce, sealed = excluded.sealed");
    struct sealed x;
    struct arena arena;
    arena_init(&arena, ROW_MAX);
    bool ok = sealing_seal(sealing, name, plain, &arena, &x, err);
    if (ok) {
        struct sql_value args[] = {sql_text(name->owner), sql_text(name->what), sql_text(x.key_id),
                                   sql_blob(x.nonce), sql_blob(x.bytes)};
        ok = sql_once(store_sql(s), TEXT, args, ARRAY_LEN(args), NULL, err) || store_fail(err);
    }
    arena_done(&arena);
    return ok;
}

// A longer one than can be is cut here and found to be altered.
static struct str cell(struct sql_stmt *st, size_t column, size_t max, struct arena *arena)
{
    return arena_dup(arena, str_sub(sql_column_str(st, column), 0, max));
}

bool stored_secret_get(struct store *s, struct sealing *sealing, const struct seal_name *name,
                       struct secret **ret, struct error *err)
{
    static const struct str TEXT =
        STR_INIT("SELECT key_id, nonce, sealed FROM secret WHERE connection = $1 AND what = $2");
    struct sql_value args[] = {sql_text(name->owner), sql_text(name->what)};
    struct sql_stmt *st = NULL;
    struct arena arena;
    struct sealed sealed = {{NULL, 0}, {NULL, 0}, {NULL, 0}};
    bool row = false;
    arena_init(&arena, ROW_MAX);
    bool ok = (sql_once_query(store_sql(s), TEXT, args, 2, &st, err) && sql_next(st, &row, err)) ||
              store_fail(err);
    if (ok && row) {
        sealed = (struct sealed){cell(st, 0, SMALL_MAX, &arena), cell(st, 1, SMALL_MAX, &arena),
                                 cell(st, 2, SEALED_MAX, &arena)};
    }
    sql_finalize(st); // before the keys are looked for: that may ask the store
    if (ok && row) {
        ok = sealing_unseal(sealing, name, &sealed, ret, err);
    } else if (ok) {
        *ret = NULL;
    }
    arena_done(&arena);
    return ok;
}

bool stored_secret_remove(struct store *s, struct str owner, struct error *err)
{
    struct sql_value args[] = {sql_text(owner)};
    return sql_once(store_sql(s), STR("DELETE FROM secret WHERE connection = $1"), args, 1, NULL,
                    err) ||
           store_fail(err);
}

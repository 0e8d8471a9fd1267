#include "store/workspaces.h"

#include "store/ids.h"
#include "store/secrets.h"

#include <sodium.h>

enum { SALT_BYTES = 32 };

static bool find(struct store *s, struct arena *arena, struct workspace *ret, bool *ret_found,
                 struct error *err)
{
    struct sql_stmt *st = NULL;
    bool row = false;
    bool ok = sql_once_query(store_sql(s),
                             STR("SELECT id, name, created_ms FROM workspace "
                                 "ORDER BY created_ms, id LIMIT 1"),
                             NULL, 0, &st, err) &&
              sql_next(st, &row, err);
    if (ok && row) {
        *ret = (struct workspace){.id = arena_dup(arena, sql_column_str(st, 0)),
                                  .name = arena_dup(arena, sql_column_str(st, 1)),
                                  .created_ms = sql_column(st, 2).num};
    }
    sql_finalize(st);
    if (!ok) {
        return store_fail(err);
    }
    *ret_found = row;
    return true;
}

static bool make(struct store *s, struct arena *arena, struct workspace *ret, struct error *err)
{
    struct workspace w = {.id = id_make(arena), .name = STR("default")};
    if (!store_now_ms(s, &w.created_ms, err)) {
        return false;
    }
    struct sql_value args[] = {sql_text(w.id), sql_text(w.name), sql_int(w.created_ms)};
    if (!sql_once(store_sql(s),
                  STR("INSERT INTO workspace (id, name, created_ms) VALUES ($1, $2, $3)"), args,
                  ARRAY_LEN(args), NULL, err)) {
        return store_fail(err);
    }
    *ret = w;
    return true;
}

static bool prepare(struct store *s, struct arena *arena, struct workspace *ret, struct error *err)
{
    bool found = false;
    if (!store_exclude_others(s, "workspace", err) || !find(s, arena, ret, &found, err) ||
        (!found && !make(s, arena, ret, err))) {
        return false;
    }
    struct sql_value args[] = {sql_text(ret->id)};
    return sql_once(store_sql(s),
                    STR("UPDATE connection SET account_id = $1 WHERE account_id = ''"), args, 1,
                    NULL, err) ||
           store_fail(err);
}

bool workspace_prepare(struct store *s, struct arena *arena, struct workspace *ret,
                       struct error *err)
{
    struct workspace w = {.created_ms = 0};
    if (!store_begin(s, err) || !store_end(s, prepare(s, arena, &w, err), err)) {
        return false;
    }
    *ret = w;
    return true;
}

static bool salt(struct store *s, struct sealing *sealing, const struct seal_name *name,
                 struct secret **ret, struct error *err)
{
    if (!store_exclude_others(s, "workspace", err) ||
        !stored_secret_get(s, sealing, name, ret, err)) {
        return false;
    }
    if (*ret) {
        return true;
    }
    char bytes[SALT_BYTES];
    randombytes_buf(bytes, sizeof bytes);
    *ret = secret_create((struct str){bytes, sizeof bytes});
    secret_wipe(bytes, sizeof bytes);
    return stored_secret_put(s, sealing, name, *ret, err);
}

bool workspace_salt(struct store *s, struct sealing *sealing, struct str id, struct secret **ret,
                    struct error *err)
{
    struct arena arena;
    struct secret *made = NULL;
    arena_init(&arena, 1024);
    struct seal_name name = {arena_printf(&arena, "workspace:%.*s", STR_ARG(id)), STR("salt")};
    // Most often it is there, and nothing is to be written.
    bool ok = stored_secret_get(s, sealing, &name, &made, err);
    if (ok && !made) {
        ok = store_begin(s, err) && store_end(s, salt(s, sealing, &name, &made, err), err);
    }
    arena_done(&arena);
    if (!ok) {
        secret_destroy(made);
        return false;
    }
    *ret = made;
    return true;
}

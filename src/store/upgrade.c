#include "store/inside.h"

#include "store/migrations.h"

enum { MIGRATION_MAX = 64 * 1024 };

static const struct str VERSION =
    STR_INIT("SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'version'");

// What the databases call differently, in the texts of migrations.
static const struct {
    struct str name;
    const char *sqlite;
    const char *postgres;
} DIALECT[] = {
    {STR_INIT("{BLOB}"), "BLOB", "BYTEA"},
    {STR_INIT("{ID}"), "INTEGER PRIMARY KEY AUTOINCREMENT",
     "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"},
};

static void add_translated(struct buf *out, struct str text, bool postgres)
{
    for (ptrdiff_t at; (at = str_find_char(text, '{')) >= 0;) {
        size_t i = 0;
        buf_add(out, str_sub(text, 0, (size_t)at));
        text = str_sub(text, (size_t)at, text.len);
        while (i < ARRAY_LEN(DIALECT) && !str_starts(text, DIALECT[i].name)) {
            i++;
        }
        assert(i < ARRAY_LEN(DIALECT)); // the migrations are ours
        buf_add_cstr(out, postgres ? DIALECT[i].postgres : DIALECT[i].sqlite);
        text = str_sub(text, DIALECT[i].name.len, text.len);
    }
    buf_add(out, text);
}

static bool migrate_from(struct store *s, int64_t version, struct error *err)
{
    struct buf step;
    buf_init(&step, MIGRATION_MAX);
    bool ok = true;
    for (size_t i = (size_t)version; ok && i < STORE_MIGRATIONS_N; i++) {
        buf_reset(&step);
        add_translated(&step, str_from(STORE_MIGRATIONS[i]), store_is_shared(s));
        assert(!step.overflow);
        ok = sql_exec(s->db, buf_cstr(&step), err);
        if (!ok) {
            error_context(err, "migration %zu", i + 1);
            store_fail(err);
        }
    }
    buf_done(&step);
    if (!ok) {
        return false;
    }
    char text[24];
    snprintf(text, sizeof text, "%zu", STORE_MIGRATIONS_N);
    return store_meta_set(s, "version", str_from(text), err);
}

// Who may use a schema need not be allowed to make one.
static bool make_schema(struct store *s, struct error *err)
{
    struct sql_value there = sql_null();
    if (!sql_once_int(s->db, STR("SELECT 1 FROM pg_namespace WHERE nspname = 'sluice_store'"), NULL,
                      0, &there, err)) {
        return false;
    }
    if (there.type == SQL_NULL && !sql_exec(s->db, "CREATE SCHEMA sluice_store", err)) {
        return error_context(err, "the schema sluice_store, which is to hold the store, cannot be "
                                  "made; let the database's owner make it for this user");
    }
    return true;
}

static bool stored_version(struct store *s, int64_t *ret, struct error *err)
{
    struct sql_value v = sql_null();
    bool ok = (!store_is_shared(s) || make_schema(s, err)) &&
              sql_exec(s->db, "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT)",
                       err) &&
              sql_once_int(s->db, VERSION, NULL, 0, &v, err);
    if (!ok) {
        return store_fail(err);
    }
    *ret = v.type == SQL_INT ? v.num : 0;
    return true;
}

static bool migrate_all(struct store *s, struct error *err)
{
    int64_t version = 0;
    // One program migrates, the others wait and find it done. SQLite has one writer anyway.
    if (!lock_for_transaction(s, STR("migrations"), err) || !stored_version(s, &version, err)) {
        return false;
    }
    if (version < 0 || version > (int64_t)STORE_MIGRATIONS_N) {
        return error_set(err, ERR_STORE,
                         "the store in '%.*s' has version %lld, this sluice knows versions up to "
                         "%zu; use the newer sluice that wrote it, or another --data-dir",
                         STR_ARG(s->place.shown), (long long)version, STORE_MIGRATIONS_N);
    }
    return version == (int64_t)STORE_MIGRATIONS_N || migrate_from(s, version, err);
}

static bool migrate(struct store *s, struct error *err)
{
    if (!sql_begin(s->db, err)) {
        return store_fail(err);
    }
    if (!migrate_all(s, err)) {
        sql_rollback(s->db);
        return false;
    }
    if (!sql_commit(s->db, err)) {
        sql_rollback(s->db);
        return store_fail(err);
    }
    return true;
}

bool store_upgrade(struct store *s, bool create, bool *ret_there, struct error *err)
{
    struct sql_value v = sql_null();
    *ret_there = true;
    // Outside the transaction, where it may fail: without tables, and without waiting for a writer.
    bool read = sql_once_int(s->db, VERSION, NULL, 0, &v, err);
    if (read && v.type == SQL_INT && v.num == (int64_t)STORE_MIGRATIONS_N) {
        return true;
    }
    if (!read && sql_last_fault(s->db) == SQL_FAULT_LOST) {
        return store_fail(err);
    }
    if (!read && !create && sql_last_fault(s->db) == SQL_FAULT_MISSING) {
        *ret_there = false;
        return true;
    }
    return migrate(s, err);
}

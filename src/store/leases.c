#include "store/leases.h"

enum { WORKER_KEEP_MS = 3600 * 1000, WORKERS_MAX = 1000 };

// ---- leases

static bool read_lease(struct store *s, struct str name, struct arena *arena, struct lease *ret,
                       struct error *err)
{
    struct sql_value args[] = {sql_text(name)};
    struct sql_stmt *st = NULL;
    bool row = false;
    bool ok = sql_once_query(store_sql(s),
                             STR("SELECT owner, fence, until_ms FROM lease WHERE name = $1"), args,
                             1, &st, err) &&
              sql_next(st, &row, err);
    if (ok) {
        assert(row); // it was written in this transaction, or was there, and none is ever deleted
        *ret = (struct lease){.name = arena_dup(arena, name),
                              .owner = arena_dup(arena, sql_column_str(st, 0)),
                              .fence = sql_column(st, 1).num,
                              .until_ms = sql_column(st, 2).num};
    }
    sql_finalize(st);
    return ok || store_fail(err);
}

// One statement decides between two who come at once.
static bool take(struct store *s, struct str name, struct str owner, bool *ret_held,
                 struct error *err)
{
    static const struct str TEXT = STR_INIT(
        "INSERT INTO lease (name, owner, until_ms, fence) VALUES ($1, $2, $3, 1) "
        "ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until_ms = excluded.until_ms, "
        "fence = lease.fence + CASE WHEN lease.owner = excluded.owner THEN 0 ELSE 1 END "
        "WHERE lease.owner IN (excluded.owner, '~' || excluded.owner) OR lease.until_ms <= $4");
    int64_t now_ms = 0;
    uint64_t changed = 0;
    if (!store_now_ms(s, &now_ms, err)) {
        return false;
    }
    struct sql_value args[] = {sql_text(name), sql_text(owner), sql_int(now_ms + LEASE_MS),
                               sql_int(now_ms)};
    if (!sql_once(store_sql(s), TEXT, args, ARRAY_LEN(args), &changed, err)) {
        return store_fail(err);
    }
    *ret_held = changed > 0;
    return true;
}

bool lease_take(struct store *s, struct str name, struct str owner, struct arena *arena,
                struct lease *ret, struct error *err)
{
    bool held = false;
    struct lease lease = {.fence = 0};
    assert(owner.len > 0); // nobody's is the empty one
    if (!store_check_name("lease", name, err) || !store_begin(s, err)) {
        return false;
    }
    bool ok = take(s, name, owner, &held, err) && read_lease(s, name, arena, &lease, err);
    if (!store_end(s, ok, err)) {
        return false;
    }
    *ret = lease;
    ret->held = held;
    return true;
}

bool lease_renew_all(struct store *s, struct str owner, size_t *ret_n, struct error *err)
{
    // One that has ended is renewed too: as long as its row names the owner, nobody took it.
    static const struct str TEXT = STR_INIT("UPDATE lease SET until_ms = $1 WHERE owner = $2");
    int64_t now_ms = 0;
    uint64_t changed = 0;
    assert(owner.len > 0);
    if (!store_now_ms(s, &now_ms, err)) {
        return false;
    }
    struct sql_value args[] = {sql_int(now_ms + LEASE_MS), sql_text(owner)};
    if (!sql_once(store_sql(s), TEXT, args, ARRAY_LEN(args), &changed, err)) {
        return store_fail(err);
    }
    *ret_n = (size_t)changed;
    return true;
}

bool lease_release(struct store *s, struct str name, struct str owner, struct error *err)
{
    // The row stays, so that its fence goes on growing.
    static const struct str TEXT =
        STR_INIT("UPDATE lease SET owner = '', until_ms = 0 WHERE name = $1 AND owner = $2");
    struct sql_value args[] = {sql_text(name), sql_text(owner)};
    assert(owner.len > 0);
    return sql_once(store_sql(s), TEXT, args, ARRAY_LEN(args), NULL, err) || store_fail(err);
}

bool lease_lay_down(struct store *s, struct str name, struct str owner, struct error *err)
{
    // Whose it was is told by the mark in front, which no statement takes for an owner.
    static const struct str TEXT = STR_INIT(
        "UPDATE lease SET owner = '~' || owner, until_ms = $1 WHERE name = $2 AND owner = $3");
    int64_t now_ms = 0;
    assert(owner.len > 0);
    if (!store_is_shared(s)) {
        return lease_release(s, name, owner, err);
    }
    if (!store_now_ms(s, &now_ms, err)) {
        return false;
    }
    struct sql_value args[] = {sql_int(now_ms + LEASE_LAID_DOWN_MS), sql_text(name),
                               sql_text(owner)};
    return sql_once(store_sql(s), TEXT, args, ARRAY_LEN(args), NULL, err) || store_fail(err);
}

bool lease_release_all(struct store *s, struct error *err)
{
    static const struct str TEXT =
        STR_INIT("UPDATE lease SET owner = '', until_ms = 0 WHERE owner <> ''");
    assert(!store_is_shared(s));
    return sql_once(store_sql(s), TEXT, NULL, 0, NULL, err) || store_fail(err);
}

// ---- workers

static bool beat(struct store *s, const struct worker_row *w, struct error *err)
{
    static const struct str TEXT = STR_INIT(
        "INSERT INTO worker (id, host, pid, slots, busy, started_ms, seen_ms) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO UPDATE SET host = excluded.host, "
        "pid = excluded.pid, slots = excluded.slots, busy = excluded.busy, "
        "seen_ms = excluded.seen_ms");
    int64_t now_ms = 0;
    if (!store_now_ms(s, &now_ms, err)) {
        return false;
    }
    struct sql_value args[] = {sql_text(w->id),  sql_text(w->host),
                               sql_int(w->pid),  sql_int(w->slots),
                               sql_int(w->busy), sql_int(w->started_ms ? w->started_ms : now_ms),
                               sql_int(now_ms)};
    struct sql_value old[] = {sql_int(now_ms - WORKER_KEEP_MS)};
    return (sql_once(store_sql(s), TEXT, args, ARRAY_LEN(args), NULL, err) &&
            sql_once(store_sql(s), STR("DELETE FROM worker WHERE seen_ms < $1"), old, 1, NULL,
                     err)) ||
           store_fail(err);
}

bool worker_beat(struct store *s, const struct worker_row *w, struct error *err)
{
    return store_begin(s, err) && store_end(s, beat(s, w, err), err);
}

bool worker_remove(struct store *s, struct str id, struct error *err)
{
    struct sql_value args[] = {sql_text(id)};
    return sql_once(store_sql(s), STR("DELETE FROM worker WHERE id = $1"), args, 1, NULL, err) ||
           store_fail(err);
}

bool worker_list(struct store *s, struct arena *arena, struct worker_row **ret, size_t *ret_n,
                 struct error *err)
{
    static const struct str TEXT =
        STR_INIT("SELECT id, host, pid, slots, busy, started_ms, seen_ms FROM worker "
                 "ORDER BY started_ms, id LIMIT $1");
    struct sql_value args[] = {sql_int(WORKERS_MAX)};
    struct worker_row *all = ARENA_ARRAY(arena, struct worker_row, WORKERS_MAX);
    struct sql_stmt *st = NULL;
    size_t n = 0;
    bool row = false;
    bool ok = sql_once_query(store_sql(s), TEXT, args, 1, &st, err);
    while (ok && n < WORKERS_MAX && (ok = sql_next(st, &row, err)) && row) {
        all[n++] = (struct worker_row){.id = arena_dup(arena, sql_column_str(st, 0)),
                                       .host = arena_dup(arena, sql_column_str(st, 1)),
                                       .pid = sql_column(st, 2).num,
                                       .slots = sql_column(st, 3).num,
                                       .busy = sql_column(st, 4).num,
                                       .started_ms = sql_column(st, 5).num,
                                       .seen_ms = sql_column(st, 6).num};
    }
    sql_finalize(st);
    if (!ok) {
        return store_fail(err);
    }
    *ret = all;
    *ret_n = n;
    return true;
}

#include "store/leases.h"
#include "store/sync_rows.h"

enum {
    TAKE_MAX = 256,
    WINDOW_MIN = 64,
    WINDOWS = 8, // looked at in one call
    TAKE_ARENA_MAX = 16 * 1024 * 1024,
};

// The name of the lease under which a connection is served: one for all connections to one HubSpot
// account, so that one process keeps their common budget.
#define LEASE_NAME                                                                                 \
    "CASE WHEN c.portal_id > 0 THEN 'hubspot-' || CAST(c.portal_id AS TEXT)"                       \
    " ELSE 'connection-' || c.name END"

// A run that may start now, as far as one statement can tell.
struct waiting {
    struct str id, sync_id, stream_id, stream, lease;
    int64_t turn, not_before_ms;
    bool started;  // it was interrupted: what it needs was there when it began
    int64_t fence; // when chosen
    bool chosen;
    bool held;
};

struct taking {
    struct store *s;
    const struct run_take *take;
    struct arena *arena;
    int64_t now_ms;
    struct waiting after; // the last one looked at
    struct waiting *taken[TAKE_MAX];
    size_t n;
    size_t max;
};

static bool read_waiting(struct row *row, void *item, struct error *err)
{
    struct waiting *ret = item;
    struct waiting w = {.fence = 0};
    w.id = row_text(row);
    w.sync_id = row_text(row);
    w.stream_id = row_text(row);
    w.turn = row_int(row);
    w.not_before_ms = row_int(row);
    w.stream = row_text(row);
    w.lease = row_text(row);
    w.started = row_bool(row);
    *ret = w;
    return row_check(row, "run", w.id, err);
}

// In the order of turns. What others are just taking is skipped, and what is known to wait for a
// stream that is not done.
static bool look(struct taking *t, struct row_list *list, size_t window, struct error *err)
{
    struct sql_value args[] = {sql_int(t->after.turn),    sql_int(t->after.not_before_ms),
                               sql_text(t->after.id),     sql_int(t->now_ms),
                               sql_text(t->take->worker), sql_int((int64_t)window)};
    struct statement st = {
        arena_printf(t->arena,
                     "SELECT r.id, r.sync_id, r.stream_id, r.turn, r.not_before_ms,"
                     " COALESCE((SELECT e.name FROM elt_stream e WHERE e.id = r.stream_id), ''),"
                     " COALESCE((SELECT " LEASE_NAME
                     " FROM connection c WHERE c.name = r.connection_id), ''),"
                     " CASE WHEN r.status = 'scheduled' AND r.started_ms > 0 THEN 1 ELSE 0 END"
                     " FROM stream_run r WHERE r.active = 1 AND r.worker = '' AND"
                     " (r.turn, r.not_before_ms, r.id) > ($1, $2, $3) AND r.not_before_ms <= $4 AND"
                     " EXISTS (SELECT 1 FROM connection c LEFT JOIN lease l ON l.name = " LEASE_NAME
                     " AND l.owner NOT IN ($5, '~' || $5) AND l.until_ms > $4"
                     " WHERE c.name = r.connection_id AND c.state = 'active' AND l.name IS NULL)"
                     " AND (r.waits_for = '' OR NOT EXISTS (SELECT 1 FROM stream_run b"
                     " WHERE b.stream_id = r.waits_for AND b.active = 1))"
                     " ORDER BY r.turn, r.not_before_ms, r.id LIMIT $6%s",
                     store_skip_locked(t->s)),
        args, ARRAY_LEN(args)};
    return rows_list(t->s, &st, list, err);
}

// ---- streams that wait for others

static bool read_text(struct row *row, void *item, struct error *err)
{
    struct str *ret = item;
    *ret = row_text(row);
    return row_check(row, "stream", *ret, err);
}

// *ret_blocker: the stream that must be done before; empty: none.
static bool find_blocker(struct taking *t, const struct waiting *w, struct str *ret_blocker,
                         struct error *err)
{
    static const struct str TEXT = STR_INIT(
        "SELECT t.id FROM elt_stream t JOIN stream_run a ON a.stream_id = t.id AND"
        " a.active = 1 WHERE t.schema_key = (SELECT schema_key FROM elt_sync WHERE id = $1)"
        " AND t.name = $2");
    const char *const *needs = t->take->needs ? t->take->needs(w->stream) : NULL;
    bool found = false;
    for (size_t i = 0; needs && needs[i] && !found; i++) {
        struct sql_value args[] = {sql_text(w->sync_id), sql_text(str_from(needs[i]))};
        if (!rows_find(t->s, &(struct statement){TEXT, args, 2},
                       &(struct row_reader){t->arena, read_text}, ret_blocker, &found, err)) {
            return false;
        }
    }
    *ret_blocker = found ? *ret_blocker : STR("");
    return true;
}

// Those that wait are marked, so that the next one who looks need not look again.
static bool mark_blocked(struct taking *t, const struct waiting *w, struct str blocker,
                         struct error *err)
{
    struct sql_value args[] = {sql_text(blocker), sql_text(w->id)};
    struct statement st = {STR("UPDATE stream_run SET waits_for = $1 WHERE id = $2"), args, 2};
    return rows_run(t->s, &st, NULL, err);
}

static bool choose(struct taking *t, struct row_list *list, struct error *err)
{
    size_t room = t->max - t->n;
    for (size_t i = 0; i < list->n && room > 0; i++) {
        struct waiting *w = &((struct waiting *)list->items)[i];
        struct str blocker = STR("");
        t->after = *w;
        if ((!w->started && !find_blocker(t, w, &blocker, err)) ||
            (blocker.len > 0 && !mark_blocked(t, w, blocker, err))) {
            return false;
        }
        w->chosen = blocker.len == 0;
        room -= w->chosen;
    }
    return true;
}

// ---- leases

static int by_lease(const void *a, const void *b)
{
    const struct waiting *const *x = a;
    const struct waiting *const *y = b;
    return str_cmp((*x)->lease, (*y)->lease);
}

// In the order of their names: two workers do not wait for each other in a circle.
static bool take_leases(struct taking *t, struct row_list *list, struct error *err)
{
    struct waiting **chosen = ARENA_ARRAY(t->arena, struct waiting *, list->n);
    size_t n = 0;
    for (size_t i = 0; i < list->n; i++) {
        struct waiting *w = &((struct waiting *)list->items)[i];
        if (w->chosen) {
            chosen[n++] = w;
        }
    }
    qsort(chosen, n, sizeof(struct waiting *), by_lease);
    struct lease lease = {.name = {NULL, 0}};
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++) {
        if (!str_eq(lease.name, chosen[i]->lease)) {
            ok = lease_take(t->s, chosen[i]->lease, t->take->worker, t->arena, &lease, err);
        }
        chosen[i]->held = ok && lease.held;
        chosen[i]->fence = lease.fence;
    }
    return ok;
}

// ---- taking

static bool claim(struct taking *t, struct waiting *w, struct error *err)
{
    static const struct str TEXT =
        STR_INIT("UPDATE stream_run SET status = 'running', taken = 1, worker = $1, fence = $2,"
                 " lease = $3, waits_for = '', updated_ms = $4 WHERE id = $5 AND active = 1"
                 " AND worker = ''");
    struct sql_value args[] = {sql_text(t->take->worker), sql_int(w->fence), sql_text(w->lease),
                               sql_int(t->now_ms), sql_text(w->id)};
    uint64_t changed = 0;
    if (!rows_run(t->s, &(struct statement){TEXT, args, ARRAY_LEN(args)}, &changed, err)) {
        return false;
    }
    if (changed > 0) {
        t->taken[t->n++] = w;
    }
    return true;
}

static bool read_claim(struct row *row, void *item, struct error *err)
{
    struct run_claim *ret = item;
    bool ok = run_read(row, &ret->run, err) && stream_read(row, &ret->stream, err) &&
              sync_read(row, &ret->sync, err);
    ret->lease = ok ? row_text(row) : STR("");
    return ok && row_check(row, "run", ret->run.id, err);
}

static bool read_claims(struct taking *t, struct row_list *claims, struct error *err)
{
    struct sql_value args[TAKE_MAX];
    for (size_t i = 0; i < t->n; i++) {
        args[i] = sql_text(t->taken[i]->id);
    }
    struct statement st = {
        arena_printf(t->arena,
                     "SELECT " RUN_COLUMNS ", " STREAM_COLUMNS ", " SYNC_COLUMNS
                     ", r.lease FROM stream_run r JOIN elt_stream t ON t.id = r.stream_id"
                     " JOIN elt_sync s ON s.id = r.sync_id" SYNC_JOINS
                     " WHERE r.id IN (%.*s) ORDER BY r.turn, r.not_before_ms, r.id",
                     STR_ARG(rows_params(1, t->n, t->arena))),
        args, t->n};
    return t->n == 0 || rows_list(t->s, &st, claims, err);
}

static bool take_window(struct taking *t, size_t window, bool *ret_more, struct error *err)
{
    struct row_list list = {
        .arena = t->arena, .size = sizeof(struct waiting), .read = read_waiting};
    if (!look(t, &list, window, err) || !choose(t, &list, err) || !take_leases(t, &list, err)) {
        return false;
    }
    bool ok = true;
    for (size_t i = 0; ok && i < list.n; i++) {
        struct waiting *w = &((struct waiting *)list.items)[i];
        ok = !w->held || claim(t, w, err);
    }
    *ret_more = list.n == window;
    return ok;
}

static bool take_runs(struct taking *t, struct row_list *claims, struct error *err)
{
    size_t window = MAX(2 * t->max, WINDOW_MIN);
    bool more = true;
    bool ok = store_now_ms(t->s, &t->now_ms, err);
    for (int i = 0; ok && more && t->n < t->max && i < WINDOWS; i++) {
        ok = take_window(t, window, &more, err);
    }
    return ok && read_claims(t, claims, err);
}

bool stream_run_take(struct store *s, const struct run_take *take, struct arena *arena,
                     struct run_claim **ret, size_t *ret_n, struct error *err)
{
    struct arena work;
    struct row_list claims = {.arena = arena, .size = sizeof(struct run_claim), .read = read_claim};
    assert(take->worker.len > 0);
    if (!store_begin(s, err)) {
        return false;
    }
    arena_init(&work, TAKE_ARENA_MAX);
    struct taking t = {.s = s,
                       .take = take,
                       .arena = &work,
                       .after = {.id = STR(""), .turn = INT64_MIN},
                       .max = MIN(take->max, TAKE_MAX)};
    bool ok = take_runs(&t, &claims, err);
    arena_done(&work);
    if (!store_end(s, ok, err)) {
        return false;
    }
    *ret = claims.items;
    *ret_n = claims.n;
    return true;
}

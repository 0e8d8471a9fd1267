#include "destination/statements.h"

#include "core/limits.h"
#include "core/timestamp.h"
#include "destination/overflow.h"

// What a server's list of sessions shows. That of a run with a fence tells which run it is:
// "sluice/contacts@owner#7" (postgres.c reads it).
static struct str application_name(struct arena *arena, const struct session_options *o)
{
    struct str name =
        arena_printf(arena, "sluice%s%.*s", o->stream.len ? "/" : "", STR_ARG(o->stream));
    const struct session_fence *f = o->run.fence;
    return f ? arena_printf(arena, "%.*s@%.*s#%lld", STR_ARG(name), STR_ARG(f->owner),
                            (long long)f->number)
             : name;
}

bool session_connect(struct destination *dest, const struct session_options *o,
                     struct session **ret, struct error *err)
{
    struct session *s = calloc(1, sizeof(*s));
    assert(s);
    s->magic = SESSION_MAGIC;
    s->dest = dest;
    arena_init(&s->arena, 1U << 20);
    s->stream = arena_dup(&s->arena, o->stream);
    s->fence = o->run.fence;
    s->log = o->run.log;
    s->cancel = o->run.cancel ? o->run.cancel : dest->cancel;
    struct sql_options options = {
        .url = dest->sql_url,
        .application = application_name(&s->arena, o),
        .clock = dest->clock,
        .cancel = s->cancel,
        .cache_kib = dest->cache_kib,
    };
    if (!sql_open(&options, &s->db, err) || !dest->driver->start(s, err) ||
        (o->stream.len > 0 && !dest->driver->lock_stream(s, s->stream, err))) {
        session_close(s);
        return false;
    }
    s->fence = NULL;
    s->log = NULL;
    *ret = s;
    return true;
}

bool session_open(struct destination *dest, struct str stream, struct session **ret,
                  struct error *err)
{
    return session_connect(dest, &(struct session_options){.stream = stream}, ret, err) ||
           error_context(err, "stream '%.*s'", STR_ARG(stream));
}

bool session_open_run(struct destination *dest, struct str stream, const struct session_run *run,
                      struct session **ret, struct error *err)
{
    const struct session_fence *f = run->fence;
    assert(!f || (f->number > 0 && f->owner.len > 0 && f->owner.len <= FENCE_OWNER_MAX));
    return session_connect(dest, &(struct session_options){stream, *run}, ret, err) ||
           error_context(err, "stream '%.*s'", STR_ARG(stream));
}

void session_close(struct session *s)
{
    if (!s) {
        return;
    }
    assert(s->magic == SESSION_MAGIC);
    session_rollback(s);
    targets_forget(s);
    histories_forget(s);
    if (s->db) {
        s->dest->driver->stop(s);
    }
    sql_close(s->db);
    arena_done(&s->arena);
    s->magic = 0;
    free(s);
}

// --- transactions --------------------------------------------------------------------------------

static bool one_writer(const struct session *s)
{
    return (sql_features(s->db) & SQL_ONE_WRITER) != 0;
}

static bool begin(struct session *s, struct error *err)
{
    if (one_writer(s) && !turn_take(&s->dest->turn, s->cancel, err)) {
        return false;
    }
    if (!sql_begin(s->db, err)) {
        if (one_writer(s)) {
            turn_give(&s->dest->turn);
        }
        return false;
    }
    s->in_transaction = true;
    s->failed = false;
    return true;
}

static void end(struct session *s, bool committed)
{
    s->in_transaction = false;
    s->failed = false;
    s->dest->driver->ended(s, committed);
    history_ended(s, committed);
    if (one_writer(s)) {
        turn_give(&s->dest->turn);
    }
}

bool session_enter(struct session *s, struct error *err)
{
    assert(!s->in_transaction);
    if (!begin(s, err)) {
        return false;
    }
    const char *lock = s->dest->driver->ddl_lock;
    if (lock && !sql_exec(s->db, lock, err)) {
        session_rollback(s);
        return false;
    }
    return true;
}

bool session_leave(struct session *s, bool ok, struct error *err)
{
    if (ok && sql_commit(s->db, err)) {
        end(s, true);
        return true;
    }
    session_rollback(s);
    return false;
}

bool session_begin(struct session *s, int64_t synced_ms, struct error *err)
{
    assert(s->magic == SESSION_MAGIC && !s->in_transaction);
    char text[TIMESTAMP_TEXT_MAX];
    bool formatted = timestamp_format(synced_ms, text);
    assert(formatted);
    if (!begin(s, err)) {
        return error_context(err, "stream '%.*s'", STR_ARG(s->stream));
    }
    s->synced_ms = synced_ms;
    memcpy(s->synced, text, sizeof(s->synced));
    return true;
}

void session_rollback(struct session *s)
{
    assert(s->magic == SESSION_MAGIC);
    if (s->in_transaction) {
        sql_rollback(s->db);
        end(s, false);
    }
}

// After a failure the transaction is of no use; what comes next must be a rollback.
static bool note(struct session *s, bool ok)
{
    s->failed = s->failed || !ok;
    return ok;
}

static bool flush(struct session *s, struct error *err)
{
    if (!s->in_transaction || !s->dest->driver->flush) {
        return true;
    }
    return note(s, s->dest->driver->flush(s, err));
}

static bool commit(struct session *s, struct str state, struct error *err)
{
    if (!flush(s, err) || !history_commit(s, state.ptr != NULL, err)) {
        return false;
    }
    if (state.ptr && !s->state_known) {
        struct arena arena;
        struct str ignored;
        arena_init(&arena, 16U << 20);
        bool ok = state_read(s, &arena, &ignored, err);
        arena_done(&arena);
        if (!ok) {
            return false;
        }
    }
    bool ok = state.ptr ? state_write(s, state, err) : !s->state_claimed || state_check(s, err);
    return ok && sql_commit(s->db, err);
}

bool session_commit(struct session *s, struct str state, struct error *err)
{
    assert(s->magic == SESSION_MAGIC && s->in_transaction);
    assert(!s->failed); // a failed write is followed by a rollback
    assert(!state.ptr || s->stream.len > 0);
    if (!commit(s, state, err)) {
        session_rollback(s);
        return error_context(err, "stream '%.*s'", STR_ARG(s->stream));
    }
    s->state_version += state.ptr ? 1 : 0;
    end(s, true);
    return true;
}

bool session_read_state(struct session *s, struct arena *arena, struct str *ret, struct error *err)
{
    return state_read(s, arena, ret, err);
}

bool session_claim_state(struct session *s, struct arena *arena, struct str *ret, struct error *err)
{
    assert(!s->in_transaction && s->stream.len > 0);
    bool ok = begin(s, err);
    if (ok) {
        ok = state_read(s, arena, ret, err) && state_claim(s, err);
        ok = session_leave(s, ok, err);
    }
    s->state_version += ok;
    s->state_claimed = ok;
    return ok || error_context(err, "stream '%.*s'", STR_ARG(s->stream));
}

// --- tables and rows -----------------------------------------------------------------------------

bool session_apply_schema(struct session *s, const struct table *table, bool *ret_empty,
                          struct error *err)
{
    return schema_apply_table(s, table, ret_empty, err);
}

// NOLINTNEXTLINE(readability-function-size): the contract's own list of parameters
bool session_apply_view(struct session *s, struct str name, const struct str *tables,
                        size_t n_tables, const struct str *columns, size_t n_columns,
                        struct error *err)
{
    const struct view view = {name, tables, n_tables, columns, n_columns};
    return schema_apply_view(s, &view, err);
}

bool session_index_synced(struct session *s, const struct table *table, struct error *err)
{
    return schema_index_synced(s, table, err);
}

// A batch as it was given, less what is too large for the database; that is written as reject rows.
static bool write_fitting(struct session *s, struct target *t, struct batch *batch,
                          struct error *err)
{
    if (!overflow_possible(s, t) || batch->n_rows == 0) {
        return s->dest->driver->write(s, t, batch, err);
    }
    struct arena arena;
    struct batch rejects;
    struct target *reject_target = NULL;
    arena_init(&arena, LIMIT_PAGE_ARENA);
    overflow_cut(s, t, batch, &arena, &rejects);
    bool ok = s->dest->driver->write(s, t, batch, err);
    if (ok && rejects.n_rows > 0) {
        ok = target_get(s, rejects.table, &reject_target, err) &&
             s->dest->driver->write(s, reject_target, &rejects, err);
    }
    arena_done(&arena);
    return ok;
}

bool session_write(struct session *s, const struct batch *batch, struct error *err)
{
    assert(s->magic == SESSION_MAGIC && s->in_transaction && !s->failed);
    struct target *t = NULL;
    bool ok = target_get(s, batch->table, &t, err);
    bool by_key = batch->op == BATCH_DELETED || batch->op == BATCH_DELETE;
    assert(!ok || !by_key || t->table.n_keys > 0);
    if (ok && (batch->n_rows > 0 || batch->op == BATCH_REPLACE)) {
        struct batch b = *batch;
        if (b.op == BATCH_REPLACE && b.deleted && !t->has_deleted) {
            b.n_rows = 0; // rows that cannot be marked are not inserted either
        }
        history_touch(s, batch->table->name);
        ok = write_fitting(s, t, &b, err);
    }
    return note(s, ok) || error_context(err, "table '%.*s'", STR_ARG(batch->table->name));
}

// Values of a sweep's or count's scope.
static size_t add_arg(struct sql_value *args, size_t n, struct str text)
{
    args[n] = sql_text(text);
    return n + 1;
}

// NOLINTNEXTLINE(readability-function-size): the contract's own list of parameters
bool session_sweep(struct session *s, const struct table *table, struct str scope_column,
                   struct str scope_value, int64_t synced_before_ms, bool remove,
                   uint64_t *ret_rows, struct error *err)
{
    assert(s->in_transaction && !s->failed && !table_is_system(table->name));
    struct target *t = NULL;
    if (!flush(s, err) || !note(s, target_get(s, table, &t, err))) {
        return false;
    }
    char before[TIMESTAMP_TEXT_MAX];
    bool formatted = timestamp_format(synced_before_ms, before);
    assert(formatted);
    remove = remove || !t->has_deleted; // a mark that cannot be kept
    struct sql_value args[3];
    size_t n = 0;
    n = remove ? n : add_arg(args, n, str_from(s->synced));
    n = add_arg(args, n, str_from(before));
    n = scope_column.len > 0 ? add_arg(args, n, scope_value) : n;
    struct buf text;
    buf_init(&text, STATEMENT_MAX);
    history_touch(s, table->name);
    text_sweep(&text, s->dest, t, scope_column, remove);
    bool ok = sql_once(s->db, buf_str(&text), args, n, ret_rows, err);
    buf_done(&text);
    return note(s, ok) || error_context(err, "sweep of table '%.*s'", STR_ARG(table->name));
}

bool session_count(struct session *s, const struct table *table, struct str scope_column,
                   struct str scope_value, uint64_t *ret, struct error *err)
{
    struct target *t = NULL;
    if (!flush(s, err) || !target_get(s, table, &t, err)) {
        return false;
    }
    struct sql_value args[1];
    size_t n = scope_column.len > 0 ? add_arg(args, 0, scope_value) : 0;
    struct buf text;
    buf_init(&text, STATEMENT_MAX);
    text_count(&text, s->dest, t, scope_column);
    struct sql_value count = sql_null();
    bool ok = sql_once_int(s->db, buf_str(&text), args, n, &count, err);
    buf_done(&text);
    if (!ok) {
        return error_context(err, "count of table '%.*s'", STR_ARG(table->name));
    }
    assert(count.type == SQL_INT);
    *ret = (uint64_t)count.num;
    return true;
}

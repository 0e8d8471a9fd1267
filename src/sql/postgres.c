#include "sql/postgres.h"

#include <errno.h>
#include <poll.h>

enum {
    POLL_SLICE_MS = 100,
    CANCEL_GRACE_US = 5 * 1000 * 1000, // a running statement may finish within this of `cancel`
    OID_BOOL = 16,
    OID_BYTEA = 17,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_FLOAT4 = 700,
    OID_FLOAT8 = 701,
};

static struct postgres_sql *self(struct sql *db)
{
    assert(db->driver == &SQL_POSTGRES);
    return (struct postgres_sql *)db;
}

static struct postgres_stmt *stmt(struct sql_stmt *st)
{
    assert(st->db->driver == &SQL_POSTGRES);
    return (struct postgres_stmt *)st;
}

// --- waiting -------------------------------------------------------------------------------------

static void ask_server_to_stop(struct postgres_sql *p)
{
    char ignored[256];
    PGcancel *c = PQgetCancel(p->conn);
    if (c) {
        (void)PQcancel(c, ignored, sizeof(ignored));
        PQfreeCancel(c);
    }
}

// Waits until PQgetResult would not block. After `cancel` a statement has a few seconds to finish,
// since a run that is asked to stop wants its transaction committed; then the server is told to
// stop.
static void wait_for_answer(struct postgres_sql *p)
{
    int64_t cancelled_us = -1;
    bool stopped = false;
    while (PQisBusy(p->conn)) {
        struct pollfd fd = {.fd = PQsocket(p->conn), .events = POLLIN};
        if (fd.fd < 0) {
            return;
        }
        int n = poll(&fd, 1, POLL_SLICE_MS);
        if (n < 0 && errno != EINTR) {
            return;
        }
        if (n > 0 && !PQconsumeInput(p->conn)) {
            return; // PQgetResult reports it
        }
        if (stopped || !cancel_requested(p->cancel)) {
            continue;
        }
        int64_t now_us = clock_mono_us(p->clock);
        cancelled_us = cancelled_us >= 0 ? cancelled_us : now_us;
        if (now_us - cancelled_us >= CANCEL_GRACE_US) {
            ask_server_to_stop(p);
            stopped = true;
            p->interrupted = true;
        }
    }
}

static PGresult *next_result(struct postgres_sql *p)
{
    wait_for_answer(p);
    return PQgetResult(p->conn);
}

static void drain(struct postgres_sql *p)
{
    PGresult *r;
    while ((r = next_result(p))) {
        ExecStatusType status = PQresultStatus(r);
        PQclear(r);
        if (status == PGRES_COPY_IN && PQputCopyEnd(p->conn, "given up") < 0) {
            return;
        }
        if (PQstatus(p->conn) == CONNECTION_BAD) {
            return;
        }
    }
}

// Ends a COPY that was left in the middle, so that a rollback can be sent.
static void abandon_copy(struct postgres_sql *p)
{
    if (p->copying) {
        p->copying = false;
        if (PQputCopyEnd(p->conn, "given up") >= 0) {
            drain(p);
        }
    }
}

// Collects the answers of what was sent: the last one is kept, the first failure is reported.
static bool finish(struct postgres_sql *p, bool sent, PGresult **ret, struct error *err)
{
    if (!sent) {
        return postgres_fail(p, NULL, err);
    }
    PGresult *kept = NULL;
    bool ok = true;
    PGresult *r;
    while ((r = next_result(p))) {
        ExecStatusType status = PQresultStatus(r);
        bool good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ||
                    status == PGRES_COPY_IN || status == PGRES_EMPTY_QUERY;
        if (!good && ok) {
            ok = postgres_fail(p, r, err);
        }
        PQclear(kept);
        kept = r;
        if (status == PGRES_COPY_IN || PQstatus(p->conn) == CONNECTION_BAD) {
            break;
        }
    }
    if (ok && !kept) {
        ok = postgres_fail(p, NULL, err);
    }
    if (ok && ret) {
        *ret = kept;
    } else {
        PQclear(kept);
    }
    return ok;
}

static bool exec(struct sql *db, const char *text, struct error *err)
{
    struct postgres_sql *p = self(db);
    abandon_copy(p);
    return finish(p, PQsendQuery(p->conn, text), NULL, err);
}

static enum sql_transaction transaction(struct sql *db)
{
    switch (PQtransactionStatus(self(db)->conn)) {
    case PQTRANS_IDLE:
        return SQL_IDLE;
    case PQTRANS_INERROR:
        return SQL_FAILED;
    case PQTRANS_ACTIVE:
    case PQTRANS_INTRANS:
        return SQL_OPEN;
    case PQTRANS_UNKNOWN:
    default:
        return SQL_GONE;
    }
}

// --- statements ----------------------------------------------------------------------------------

static void forget_result(struct postgres_stmt *st)
{
    PQclear(st->result);
    st->result = NULL;
    st->row = -1;
}

static void free_statement(struct postgres_stmt *st)
{
    arena_done(&st->blobs);
    buf_done(&st->texts);
    free(st->values);
    free(st->text);
    free(st);
}

static void finalize(struct sql_stmt *base)
{
    struct postgres_stmt *st = stmt(base);
    forget_result(st);
    enum sql_transaction state = transaction(base->db);
    bool known = !st->text && st->session == self(base->db)->session;
    if (known && !self(base->db)->copying && (state == SQL_IDLE || state == SQL_OPEN)) {
        // Elsewhere the server forgets the statement at the end of the session, and they are few.
        char text[64];
        struct error ignored;
        enum sql_fault fault = base->db->fault;
        (void)snprintf(text, sizeof(text), "DEALLOCATE %s", st->name);
        if (!exec(base->db, text, &ignored)) {
            base->db->fault = fault;
        }
    }
    free_statement(st);
}

static struct postgres_stmt *new_statement(struct sql *db)
{
    struct postgres_stmt *st = calloc(1, sizeof(*st));
    assert(st);
    st->base.db = db;
    st->row = -1;
    buf_init(&st->texts, (size_t)INT32_MAX);
    arena_init(&st->blobs, (size_t)INT32_MAX);
    return st;
}

static bool prepare(struct sql *db, struct str text, struct sql_stmt **ret, struct error *err)
{
    struct postgres_sql *p = self(db);
    struct postgres_stmt *st = new_statement(db);
    assert(!p->copying);
    (void)snprintf(st->name, sizeof(st->name), "sluice_%u", ++p->n_statements);
    st->session = p->session;
    char *copy = strndup(text.ptr, text.len);
    assert(copy);
    bool ok = finish(p, PQsendPrepare(p->conn, st->name, copy, 0, NULL), NULL, err);
    free(copy);
    if (!ok) {
        free_statement(st);
        return false;
    }
    *ret = &st->base;
    return true;
}

static bool prepare_once(struct sql *db, struct str text, struct sql_stmt **ret, struct error *err)
{
    (void)err; // the server sees it when it is run
    struct postgres_stmt *st = new_statement(db);
    st->text = strndup(text.ptr, text.len);
    assert(st->text);
    *ret = &st->base;
    return true;
}

// Text parameters end in NUL: all go into one buffer, whose address is settled before it is used.
static bool print_values(struct postgres_stmt *st, const struct sql_value *args, size_t n,
                         struct error *err)
{
    st->values = realloc(st->values, (n + 1) * sizeof(*st->values));
    assert(st->values);
    buf_reset(&st->texts);
    for (size_t i = 0; i < n; i++) {
        const struct sql_value *v = &args[i];
        st->values[i] = (struct postgres_value){.offset = st->texts.len};
        if (v->type == SQL_TEXT && memchr(v->ptr, '\0', v->len)) {
            return sql_fail(st->base.db, SQL_FAULT_OTHER, err,
                            "PostgreSQL: text for parameter $%zu holds a NUL byte", i + 1);
        }
        switch ((enum sql_type)v->type) {
        case SQL_NULL:
            st->values[i].is_null = true;
            break;
        case SQL_INT:
            buf_add_int(&st->texts, v->num);
            break;
        case SQL_FLOAT:
            buf_printf(&st->texts, "%.17g", v->dbl);
            break;
        case SQL_BLOB:
            st->values[i].format = 1;
            st->values[i].len = (int)v->len;
            buf_add(&st->texts, (struct str){v->ptr, v->len});
            break;
        case SQL_TEXT:
            buf_add(&st->texts, (struct str){v->ptr, v->len});
            break;
        default:
            assert(!"a value has a type");
        }
        buf_add_char(&st->texts, '\0');
    }
    return !st->texts.overflow ||
           sql_fail(st->base.db, SQL_FAULT_OTHER, err, "PostgreSQL: parameters of over 2 GB");
}

static bool execute(struct postgres_stmt *st, const struct sql_value *args, size_t n,
                    struct error *err)
{
    struct postgres_sql *p = self(st->base.db);
    assert(!p->copying && n <= UINT16_MAX);
    forget_result(st);
    if (!st->text && st->session != p->session) {
        return sql_fail(&p->base, SQL_FAULT_LOST, err,
                        "PostgreSQL: the statement was prepared in a session that is lost");
    }
    if (!print_values(st, args, n, err)) {
        return false;
    }
    const char **texts = calloc(n + 1, sizeof(*texts));
    int *numbers = calloc(2 * n + 1, sizeof(*numbers)); // lengths, then formats
    assert(texts && numbers);
    for (size_t i = 0; i < n; i++) {
        const struct postgres_value *v = &st->values[i];
        texts[i] = v->is_null ? NULL : st->texts.ptr + v->offset;
        numbers[i] = v->len;
        numbers[n + i] = v->format;
    }
    int sent =
        st->text
            ? PQsendQueryParams(p->conn, st->text, (int)n, NULL, texts, numbers, numbers + n, 0)
            : PQsendQueryPrepared(p->conn, st->name, (int)n, texts, numbers, numbers + n, 0);
    free(texts);
    free(numbers);
    return finish(p, sent, &st->result, err);
}

static bool run(struct sql_stmt *base, const struct sql_value *args, size_t n,
                uint64_t *ret_changed, struct error *err)
{
    struct postgres_stmt *st = stmt(base);
    if (!execute(st, args, n, err)) {
        return false;
    }
    uint64_t changed = 0;
    if (PQresultStatus(st->result) == PGRES_COMMAND_OK) {
        (void)str_to_uint64(str_from(PQcmdTuples(st->result)), &changed);
    }
    if (ret_changed) {
        *ret_changed = changed;
    }
    forget_result(st);
    return true;
}

static bool query(struct sql_stmt *base, const struct sql_value *args, size_t n, struct error *err)
{
    return execute(stmt(base), args, n, err);
}

static bool next(struct sql_stmt *base, bool *ret_row, struct error *err)
{
    (void)err; // the answer is here already
    struct postgres_stmt *st = stmt(base);
    assert(st->result);
    arena_reset(&st->blobs);
    st->row++;
    *ret_row = st->row < PQntuples(st->result);
    return true;
}

static void reset(struct sql_stmt *base)
{
    forget_result(stmt(base));
}

static size_t column_count(struct sql_stmt *base)
{
    return (size_t)PQnfields(stmt(base)->result);
}

static struct sql_value column(struct sql_stmt *base, size_t at)
{
    struct postgres_stmt *st = stmt(base);
    int i = (int)at;
    assert(st->row >= 0 && st->row < PQntuples(st->result) && i < PQnfields(st->result));
    if (PQgetisnull(st->result, st->row, i)) {
        return sql_null();
    }
    struct str text = {PQgetvalue(st->result, st->row, i),
                       (size_t)PQgetlength(st->result, st->row, i)};
    int64_t num;
    double dbl;
    switch (PQftype(st->result, i)) {
    case OID_BOOL:
        return sql_int(text.ptr[0] == 't');
    case OID_INT8:
    case OID_INT4:
    case OID_INT2:
        return str_to_int64(text, &num) ? sql_int(num) : sql_text(text);
    case OID_FLOAT4:
    case OID_FLOAT8:
        return str_to_double(text, &dbl) ? sql_float(dbl) : sql_text(text);
    case OID_BYTEA:
        return sql_blob(postgres_unhex(&st->blobs, text));
    default:
        return sql_text(text);
    }
}

// --- COPY ----------------------------------------------------------------------------------------

static bool copy_begin(struct sql *db, const char *text, struct error *err)
{
    struct postgres_sql *p = self(db);
    assert(!p->copying);
    PGresult *r = NULL;
    if (!finish(p, PQsendQuery(p->conn, text), &r, err)) {
        return false;
    }
    p->copying = PQresultStatus(r) == PGRES_COPY_IN;
    PQclear(r);
    assert(p->copying); // the text was a COPY FROM STDIN
    return true;
}

static bool copy_data(struct sql *db, struct str data, struct error *err)
{
    struct postgres_sql *p = self(db);
    assert(p->copying && data.len <= INT32_MAX);
    if (PQputCopyData(p->conn, data.ptr, (int)data.len) == 1) {
        return true;
    }
    p->copying = false;
    return postgres_fail(p, NULL, err);
}

static bool copy_end(struct sql *db, uint64_t *ret_rows, struct error *err)
{
    struct postgres_sql *p = self(db);
    assert(p->copying);
    p->copying = false;
    PGresult *r = NULL;
    if (!finish(p, PQputCopyEnd(p->conn, NULL) == 1, &r, err)) {
        return false;
    }
    uint64_t rows = 0;
    (void)str_to_uint64(str_from(PQcmdTuples(r)), &rows);
    PQclear(r);
    if (ret_rows) {
        *ret_rows = rows;
    }
    return true;
}

static const char *const PREFIXES[] = {"postgres://", "postgresql://", NULL};

const struct sql_driver SQL_POSTGRES = {
    .name = "postgres",
    .prefixes = PREFIXES,
    .features = SQL_COPY | SQL_NETWORK | SQL_SCHEMAS,
    .begin = "BEGIN",
    .open = postgres_open,
    .close = postgres_close,
    .exec = exec,
    .transaction = transaction,
    .is_alive = postgres_is_alive,
    .reconnect = postgres_reconnect,
    .prepare = prepare,
    .prepare_once = prepare_once,
    .finalize = finalize,
    .run = run,
    .query = query,
    .next = next,
    .reset = reset,
    .column_count = column_count,
    .column = column,
    .copy_begin = copy_begin,
    .copy_data = copy_data,
    .copy_end = copy_end,
};

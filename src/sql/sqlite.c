#include "sql/driver.h"

#include <errno.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

// Pages of 16 KiB: objects' rows have 0.5 to 4 KiB. Against 8 KiB they append a fifth faster and
// update at random a fifth slower; larger ones lose more there than they win (measured). The WAL is
// moved into the database every 16 MiB and cut to 64 MiB when a larger transaction has grown it.
static const char SETUP[] = "PRAGMA synchronous=NORMAL;"
                            "PRAGMA foreign_keys=OFF;"
                            "PRAGMA mmap_size=0;"
                            "PRAGMA trusted_schema=OFF;"
                            "PRAGMA wal_autocheckpoint=1024;"
                            "PRAGMA journal_size_limit=67108864;";

// Statements that are run once at a time are run again and again: parsing them takes longer than
// looking up a row.
enum { KEPT_MAX = 32, KEPT_TEXT_MAX = 4096 };

// A smaller page cache than this is that of one connection of hundreds: its pages are given back
// after each transaction.
enum { CACHE_KEPT_KIB = 1024 };

struct sqlite_stmt;
struct sqlite_sql {
    struct sql base;
    sqlite3 *db;
    struct sqlite_stmt *kept[KEPT_MAX]; // not in use; the one used last first; NULL: free
    char *path;
    const struct clock *clock;
    const struct cancel *cancel;
    int64_t lock_wait_ms;
    bool thrifty;             // few pages: none is kept between transactions
    int64_t waiting_since_us; // of the lock being waited for
    bool interrupted;         // the wait ended because of `cancel`
};

struct sqlite_stmt {
    struct sql_stmt base;
    sqlite3_stmt *st;
    size_t n_params;
    bool *bound; // per parameter: holds something but NULL
    bool keep;   // after its use, for the next of the same text
};

static struct sqlite_sql *self(struct sql *db)
{
    assert(db->driver == &SQL_SQLITE);
    return (struct sqlite_sql *)db;
}

static struct sqlite_stmt *stmt(struct sql_stmt *st)
{
    assert(st->db->driver == &SQL_SQLITE);
    return (struct sqlite_stmt *)st;
}

// What an I/O error means is in errno; only ENOSPC has a SQLite code of its own.
static enum sql_fault fault_of_errno(int number, enum sql_fault otherwise)
{
    switch (number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return SQL_FAULT_FULL;
    case EACCES:
    case EPERM:
    case EROFS:
        return SQL_FAULT_RIGHTS;
    default:
        return otherwise;
    }
}

static enum sql_fault fault_of(struct sqlite_sql *s, int rc)
{
    if (rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY ||
        rc == SQLITE_CONSTRAINT_ROWID) {
        return SQL_FAULT_UNIQUE;
    }
    const char *text = s->db ? sqlite3_errmsg(s->db) : "";
    switch (rc & 0xff) {
    case SQLITE_CONSTRAINT:
        return SQL_FAULT_CONSTRAINT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return SQL_FAULT_BUSY;
    case SQLITE_FULL:
        return SQL_FAULT_FULL;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return SQL_FAULT_RIGHTS;
    case SQLITE_IOERR:
        return fault_of_errno(sqlite3_system_errno(s->db), SQL_FAULT_OTHER);
    case SQLITE_NOTADB:
        return SQL_FAULT_LOST;
    case SQLITE_ERROR:
        return strstr(text, "no such ") ? SQL_FAULT_MISSING : SQL_FAULT_OTHER;
    default:
        return SQL_FAULT_OTHER;
    }
}

// Why the file cannot be opened. errno does not tell: SQLite tries again read-only before it gives
// up.
static enum sql_fault why_not_opened(const char *path, const char **ret_advice)
{
    struct stat st;
    struct str file = str_from(path);
    ptrdiff_t slash = (ptrdiff_t)file.len;
    while (slash > 0 && path[slash] != '/') {
        slash--;
    }
    char *dir = strndup(path, slash > 0 ? (size_t)slash : 1); // "./x" and "/x" have a slash
    assert(dir);
    enum sql_fault fault = SQL_FAULT_LOST;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        *ret_advice = "; it is a directory";
    } else if (stat(dir, &st) != 0) {
        fault = fault_of_errno(errno, fault);
        *ret_advice = errno == ENOENT ? "; its directory does not exist"
                                      : "; its directory cannot be entered";
    } else if (access(dir, W_OK | X_OK) != 0 ||
               (stat(path, &st) == 0 && access(path, R_OK | W_OK) != 0)) {
        fault = fault_of_errno(errno, fault);
        *ret_advice = "; the file or its directory cannot be written by this user";
    }
    free(dir);
    return fault;
}

// What the person should look at, where SQLite's own words do not say.
static const char *advice_for(int rc, int number)
{
    if (number == EFBIG && (rc & 0xff) == SQLITE_IOERR) {
        return "; the process may not write larger files (ulimit -f)";
    }
    switch (rc & 0xff) {
    case SQLITE_NOTADB:
        return "; the file exists and holds something else, choose another name";
    case SQLITE_READONLY:
        return "; the file or its directory cannot be written by this user";
    case SQLITE_BUSY:
        return "; another program holds it";
    default:
        return "";
    }
}

static bool fail(struct sqlite_sql *s, int rc, struct error *err)
{
    enum sql_fault fault = fault_of(s, rc);
    if (fault == SQL_FAULT_BUSY && s->interrupted) {
        s->interrupted = false;
        s->base.fault = fault;
        return error_set(err, ERR_INTERRUPTED, "stopped while waiting for SQLite file '%s'",
                         s->path);
    }
    int number = s->db ? sqlite3_system_errno(s->db) : 0;
    const char *advice = advice_for(rc, number);
    const char *reason = "";
    if ((rc & 0xff) == SQLITE_CANTOPEN) {
        fault = why_not_opened(s->path, &advice);
    } else if ((rc & 0xff) == SQLITE_IOERR && number) {
        reason = strerrordesc_np(number);
    }
    return sql_fail(&s->base, fault, err, "SQLite file '%s': %s%s%s%s", s->path,
                    s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc), reason[0] ? ": " : "",
                    reason, advice);
}

// Called by SQLite while another connection holds the lock: sleeps a slice and looks at `cancel`.
static int on_busy(void *user, int count)
{
    struct sqlite_sql *s = user;
    int64_t now_us = clock_mono_us(s->clock);
    if (count == 0) {
        s->waiting_since_us = now_us;
        s->interrupted = false;
    }
    if (cancel_requested(s->cancel)) {
        s->interrupted = true;
        return 0;
    }
    if (now_us - s->waiting_since_us > s->lock_wait_ms * 1000) {
        return 0;
    }
    s->clock->sleep_us(s->clock, count < 10 ? 1000 : 20000);
    return 1;
}

static bool exec(struct sql *db, const char *text, struct error *err)
{
    struct sqlite_sql *s = self(db);
    int rc = sqlite3_exec(s->db, text, NULL, NULL, NULL);
    if (s->thrifty && sqlite3_get_autocommit(s->db)) {
        (void)sqlite3_db_release_memory(s->db);
    }
    return rc == SQLITE_OK || fail(s, rc, err);
}

// The switch to WAL does not ask the busy handler when another connection is just opening the file.
static bool switch_to_wal(struct sqlite_sql *s, struct error *err)
{
    for (int count = 0;; count++) {
        int rc = sqlite3_exec(s->db, "PRAGMA journal_mode=WAL", NULL, NULL, NULL);
        if (rc == SQLITE_OK) {
            return true;
        }
        if ((rc & 0xff) != SQLITE_BUSY || !on_busy(s, count)) {
            return fail(s, rc, err);
        }
    }
}

static void forget(struct sqlite_stmt *st)
{
    if (st) {
        sqlite3_finalize(st->st);
        free(st->bound);
        free(st);
    }
}

static void close_connection(struct sql *db)
{
    struct sqlite_sql *s = self(db);
    for (size_t i = 0; i < KEPT_MAX; i++) {
        forget(s->kept[i]);
    }
    int rc = sqlite3_close(s->db); // an open transaction is rolled back
    assert(rc == SQLITE_OK);       // else a statement was not finalized
    free(s->path);
    free(s);
}

static bool set_up(struct sqlite_sql *s, const struct sql_options *o, struct error *err)
{
    // The page size takes effect only in a file that is still empty.
    char text[128];
    (void)snprintf(text, sizeof(text), "PRAGMA page_size=16384; PRAGMA cache_size=-%d;",
                   o->cache_kib);
    if (!exec(&s->base, text, err) || !exec(&s->base, "PRAGMA schema_version", err)) {
        return false;
    }
    if (sqlite3_db_readonly(s->db, "main") == 1) {
        return sql_fail(&s->base, SQL_FAULT_RIGHTS, err,
                        "SQLite file '%s' cannot be written by this user", s->path);
    }
    return switch_to_wal(s, err) && exec(&s->base, SETUP, err);
}

static bool open_connection(const struct sql_options *o, struct sql **ret, struct error *err)
{
    struct str path = str_sub(o->url, sizeof("sqlite:") - 1, o->url.len);
    if (path.len == 0) {
        return error_set(err, ERR_CONFIG, "the URL 'sqlite:' names no file; give sqlite:FILE");
    }
    struct sqlite_sql *s = calloc(1, sizeof(*s));
    assert(s);
    s->base.driver = &SQL_SQLITE;
    s->clock = o->clock;
    s->cancel = o->cancel;
    s->lock_wait_ms = o->lock_wait_ms;
    s->thrifty = o->cache_kib < CACHE_KEPT_KIB;
    // "./" in front keeps SQLite from reading "file:" and ":memory:" as anything but file names.
    size_t size = path.len + 3;
    s->path = malloc(size);
    assert(s->path);
    (void)snprintf(s->path, size, "%s%.*s", path.ptr[0] == '/' ? "" : "./", STR_ARG(path));
    int rc = sqlite3_open_v2(s->path, &s->db,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                                 SQLITE_OPEN_EXRESCODE,
                             NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_busy_handler(s->db, on_busy, s);
    }
    if (rc != SQLITE_OK || !set_up(s, o, err)) {
        if (rc != SQLITE_OK) {
            (void)fail(s, rc, err);
        }
        close_connection(&s->base);
        return false;
    }
    *ret = &s->base;
    return true;
}

static enum sql_transaction transaction(struct sql *db)
{
    return sqlite3_get_autocommit(self(db)->db) ? SQL_IDLE : SQL_OPEN;
}

static void keep(struct sqlite_stmt *st)
{
    struct sqlite_sql *s = self(st->base.db);
    sqlite3_reset(st->st);
    sqlite3_clear_bindings(st->st); // they point to what is gone by then
    memset(st->bound, 0, st->n_params * sizeof(bool));
    forget(s->kept[KEPT_MAX - 1]);
    memmove(s->kept + 1, s->kept, (KEPT_MAX - 1) * sizeof(struct sqlite_stmt *));
    s->kept[0] = st;
}

static void finalize(struct sql_stmt *base)
{
    struct sqlite_stmt *st = stmt(base);
    if (st->keep) {
        keep(st);
    } else {
        forget(st);
    }
}

// SQLite gives `$N` the next free index, whatever N: texts must count in order.
static bool check_parameters(struct sqlite_stmt *st, struct error *err)
{
    for (size_t i = 0; i < st->n_params; i++) {
        const char *name = sqlite3_bind_parameter_name(st->st, (int)i + 1);
        int64_t number;
        if (name && name[0] == '$' &&
            (!str_to_int64(str_from(name + 1), &number) || number != (int64_t)i + 1)) {
            return sql_fail(st->base.db, SQL_FAULT_OTHER, err,
                            "parameter %s of a statement is the %zuth in order", name, i + 1);
        }
    }
    return true;
}

static bool prepare(struct sql *db, struct str text, struct sql_stmt **ret, struct error *err)
{
    struct sqlite_sql *s = self(db);
    struct sqlite_stmt *st = calloc(1, sizeof(*st));
    assert(st && text.len <= INT32_MAX);
    st->base.db = db;
    const char *tail = NULL;
    int rc = sqlite3_prepare_v3(s->db, text.ptr, (int)text.len, SQLITE_PREPARE_PERSISTENT, &st->st,
                                &tail);
    if (rc != SQLITE_OK) {
        free(st);
        return fail(s, rc, err);
    }
    assert(st->st && str_trim(str_sub(text, (size_t)(tail - text.ptr), text.len)).len == 0);
    st->n_params = (size_t)sqlite3_bind_parameter_count(st->st);
    st->bound = calloc(st->n_params + 1, sizeof(bool));
    assert(st->bound);
    if (!check_parameters(st, err)) {
        finalize(&st->base);
        return false;
    }
    *ret = &st->base;
    return true;
}

static bool is_worth_keeping(struct str text)
{
    static const struct str VERBS[] = {STR_INIT("SELECT "), STR_INIT("INSERT "),
                                       STR_INIT("UPDATE "), STR_INIT("DELETE "), STR_INIT("WITH ")};
    for (size_t i = 0; i < ARRAY_LEN(VERBS); i++) {
        if (str_starts(text, VERBS[i])) {
            return text.len <= KEPT_TEXT_MAX;
        }
    }
    return false;
}

static bool prepare_once(struct sql *db, struct str text, struct sql_stmt **ret, struct error *err)
{
    struct sqlite_sql *s = self(db);
    for (size_t i = 0; i < KEPT_MAX && s->kept[i]; i++) {
        const char *had = sqlite3_sql(s->kept[i]->st);
        if (had && str_eq(str_from(had), text)) {
            *ret = &s->kept[i]->base;
            memmove(s->kept + i, s->kept + i + 1,
                    (KEPT_MAX - 1 - i) * sizeof(struct sqlite_stmt *));
            s->kept[KEPT_MAX - 1] = NULL;
            return true;
        }
    }
    if (!prepare(db, text, ret, err)) {
        return false;
    }
    stmt(*ret)->keep = is_worth_keeping(text);
    return true;
}

static bool bind(struct sqlite_stmt *st, const struct sql_value *args, size_t n, struct error *err)
{
    assert(n == st->n_params);
    int rc = SQLITE_OK;
    for (size_t i = 0; i < n && rc == SQLITE_OK; i++) {
        const struct sql_value *v = &args[i];
        int at = (int)i + 1;
        switch ((enum sql_type)v->type) {
        case SQL_NULL:
            // Most cells of wide tables are NULL twice in a row: leaving them saves a fifth.
            rc = st->bound[i] ? sqlite3_bind_null(st->st, at) : SQLITE_OK;
            break;
        case SQL_INT:
            rc = sqlite3_bind_int64(st->st, at, v->num);
            break;
        case SQL_FLOAT:
            rc = sqlite3_bind_double(st->st, at, v->dbl);
            break;
        case SQL_TEXT:
            rc = sqlite3_bind_text(st->st, at, v->ptr, (int)v->len, SQLITE_STATIC);
            break;
        case SQL_BLOB:
            rc = sqlite3_bind_blob(st->st, at, v->ptr, (int)v->len, SQLITE_STATIC);
            break;
        default:
            assert(!"a value has a type");
        }
        st->bound[i] = v->type != SQL_NULL;
    }
    return rc == SQLITE_OK || fail(self(st->base.db), rc, err);
}

static bool run(struct sql_stmt *base, const struct sql_value *args, size_t n,
                uint64_t *ret_changed, struct error *err)
{
    struct sqlite_stmt *st = stmt(base);
    struct sqlite_sql *s = self(base->db);
    if (!bind(st, args, n, err)) {
        return false;
    }
    int rc;
    do {
        rc = sqlite3_step(st->st);
    } while (rc == SQLITE_ROW);
    if (rc != SQLITE_DONE) {
        (void)fail(s, rc, err); // before the reset, which may change the message
    }
    sqlite3_reset(st->st);
    if (rc == SQLITE_DONE && ret_changed) {
        *ret_changed = sqlite3_stmt_readonly(st->st) ? 0 : (uint64_t)sqlite3_changes64(s->db);
    }
    return rc == SQLITE_DONE;
}

static bool query(struct sql_stmt *base, const struct sql_value *args, size_t n, struct error *err)
{
    sqlite3_reset(stmt(base)->st);
    return bind(stmt(base), args, n, err);
}

static bool next(struct sql_stmt *base, bool *ret_row, struct error *err)
{
    struct sqlite_stmt *st = stmt(base);
    int rc = sqlite3_step(st->st);
    if (rc == SQLITE_ROW || rc == SQLITE_DONE) {
        *ret_row = rc == SQLITE_ROW;
        if (rc == SQLITE_DONE) {
            sqlite3_reset(st->st); // ends the read transaction
        }
        return true;
    }
    (void)fail(self(base->db), rc, err);
    sqlite3_reset(st->st);
    return false;
}

static void reset(struct sql_stmt *base)
{
    sqlite3_reset(stmt(base)->st);
}

static size_t column_count(struct sql_stmt *base)
{
    return (size_t)sqlite3_column_count(stmt(base)->st);
}

static struct sql_value column(struct sql_stmt *base, size_t at)
{
    sqlite3_stmt *st = stmt(base)->st;
    int i = (int)at;
    struct str s;
    switch (sqlite3_column_type(st, i)) {
    case SQLITE_INTEGER:
        return sql_int(sqlite3_column_int64(st, i));
    case SQLITE_FLOAT:
        return sql_float(sqlite3_column_double(st, i));
    case SQLITE_TEXT:
        s.ptr = (const char *)sqlite3_column_text(st, i);
        s.len = (size_t)sqlite3_column_bytes(st, i);
        return sql_text(s);
    case SQLITE_BLOB:
        s.ptr = sqlite3_column_blob(st, i);
        s.len = (size_t)sqlite3_column_bytes(st, i);
        return sql_blob(s.ptr ? s : STR(""));
    default:
        return sql_null();
    }
}

static const char *const PREFIXES[] = {"sqlite:", NULL};

const struct sql_driver SQL_SQLITE = {
    .name = "sqlite",
    .prefixes = PREFIXES,
    .features = SQL_ONE_WRITER,
    .begin = "BEGIN IMMEDIATE",
    .open = open_connection,
    .close = close_connection,
    .exec = exec,
    .transaction = transaction,
    .prepare = prepare,
    .prepare_once = prepare_once,
    .finalize = finalize,
    .run = run,
    .query = query,
    .next = next,
    .reset = reset,
    .column_count = column_count,
    .column = column,
};

#include "sql/driver.h"

#include <stdarg.h>

static const struct sql_driver *const DRIVERS[] = {&SQL_SQLITE, &SQL_POSTGRES};

static const struct sql_driver *driver_of(struct str url)
{
    for (size_t i = 0; i < ARRAY_LEN(DRIVERS); i++) {
        for (const char *const *p = DRIVERS[i]->prefixes; *p; p++) {
            if (str_starts(url, str_from(*p))) {
                return DRIVERS[i];
            }
        }
    }
    return NULL;
}

struct sql_value sql_text(struct str s)
{
    assert(s.len <= INT32_MAX);
    return (struct sql_value){
        .ptr = s.ptr, .len = (uint32_t)s.len, .type = s.ptr ? SQL_TEXT : SQL_NULL};
}

struct sql_value sql_blob(struct str s)
{
    assert(s.len <= INT32_MAX);
    return (struct sql_value){
        .ptr = s.ptr, .len = (uint32_t)s.len, .type = s.ptr ? SQL_BLOB : SQL_NULL};
}

bool sql_url_check(struct str url, struct error *err)
{
    if (memchr(url.ptr ? url.ptr : "", '\0', url.len)) {
        return error_set(err, ERR_CONFIG, "the database's URL holds a NUL byte");
    }
    if (driver_of(url)) {
        return true;
    }
    // The URL is not shown: what we cannot read, we cannot strip of its password.
    return error_set(err, ERR_CONFIG,
                     "the database's URL has a form we do not know; give sqlite:FILE, sqlite:DIR/ "
                     "or postgres://USER:PASSWORD@HOST:PORT/DATABASE");
}

// Copies the query part with the values of parameters that hold secrets masked.
static void mask_query(struct buf *b, struct str query)
{
    static const struct str SECRETS[] = {STR_INIT("password"), STR_INIT("sslpassword"),
                                         STR_INIT("passfile")};
    struct str param;
    bool first = true;
    while (str_next(&query, '&', &param)) {
        buf_add_char(b, first ? '?' : '&');
        first = false;
        ptrdiff_t eq = str_find_char(param, '=');
        struct str name = eq < 0 ? param : str_sub(param, 0, (size_t)eq);
        bool secret = memchr(name.ptr ? name.ptr : "", '%', name.len) != NULL;
        for (size_t i = 0; i < ARRAY_LEN(SECRETS); i++) {
            secret = secret || str_eq_nocase(name, SECRETS[i]);
        }
        buf_add(b, secret ? name : param);
        if (secret) {
            buf_add(b, STR("=***"));
        }
    }
}

struct str sql_url_mask(struct str url, struct arena *arena)
{
    ptrdiff_t scheme = str_find(url, STR("://"));
    if (scheme < 0) {
        return arena_dup(arena, url);
    }
    size_t start = (size_t)scheme + 3;
    struct buf b;
    buf_init(&b, url.len * 2 + 64);
    buf_add(&b, str_sub(url, 0, start));
    struct str rest = str_sub(url, start, url.len);
    struct str query = {0};
    ptrdiff_t mark = str_find_char(rest, '?');
    if (mark >= 0) {
        query = str_sub(rest, (size_t)mark + 1, rest.len);
        rest = str_sub(rest, 0, (size_t)mark);
    }
    // A password may hold an unescaped '@' or '/': the last '@' ends the user's part.
    ptrdiff_t at = -1;
    for (size_t i = 0; i < rest.len; i++) {
        at = rest.ptr[i] == '@' ? (ptrdiff_t)i : at;
    }
    if (at >= 0) {
        struct str user = str_sub(rest, 0, (size_t)at);
        ptrdiff_t colon = str_find_char(user, ':');
        buf_add(&b, colon < 0 ? user : str_sub(user, 0, (size_t)colon));
        buf_add(&b, colon < 0 ? STR("") : STR(":***"));
        rest = str_sub(rest, (size_t)at, rest.len);
    }
    buf_add(&b, rest);
    mask_query(&b, query);
    struct str masked = arena_dup(arena, buf_str(&b));
    buf_done(&b);
    return masked;
}

bool sql_open(const struct sql_options *options, struct sql **ret, struct error *err)
{
    assert(options->clock);
    if (!sql_url_check(options->url, err)) {
        return false;
    }
    struct sql_options o = *options;
    o.lock_wait_ms = o.lock_wait_ms ? o.lock_wait_ms : 30 * 1000;
    o.statement_ms = o.statement_ms ? o.statement_ms : 30 * 60 * 1000;
    o.idle_transaction_ms = o.idle_transaction_ms ? o.idle_transaction_ms : 30 * 60 * 1000;
    o.cache_kib = o.cache_kib ? o.cache_kib : 2048;
    const struct sql_driver *driver = driver_of(o.url);
    assert(driver);
    return driver->open(&o, ret, err);
}

void sql_close(struct sql *db)
{
    if (db) {
        db->driver->close(db);
    }
}

unsigned sql_features(const struct sql *db)
{
    return db->driver->features;
}

enum sql_fault sql_last_fault(const struct sql *db)
{
    return db->fault;
}

enum sql_transaction sql_transaction_state(struct sql *db)
{
    return db->driver->transaction(db);
}

bool sql_is_alive(struct sql *db)
{
    return !db->driver->is_alive || db->driver->is_alive(db);
}

bool sql_reconnect(struct sql *db, struct error *err)
{
    return !db->driver->reconnect || db->driver->reconnect(db, err);
}

bool sql_exec(struct sql *db, const char *text, struct error *err)
{
    return db->driver->exec(db, text, err);
}

bool sql_begin(struct sql *db, struct error *err)
{
    assert(sql_transaction_state(db) == SQL_IDLE || sql_transaction_state(db) == SQL_GONE);
    return db->driver->exec(db, db->driver->begin, err);
}

bool sql_commit(struct sql *db, struct error *err)
{
    // COMMIT of a failed PostgreSQL transaction answers "ROLLBACK" without an error.
    if (sql_transaction_state(db) == SQL_FAILED) {
        return sql_fail(db, SQL_FAULT_OTHER, err, "the transaction had failed before its commit");
    }
    return db->driver->exec(db, "COMMIT", err);
}

void sql_rollback(struct sql *db)
{
    enum sql_transaction state = sql_transaction_state(db);
    if (state == SQL_OPEN || state == SQL_FAILED) {
        struct error ignored; // what cannot be rolled back now, the database rolls back at close
        enum sql_fault fault = db->fault;
        if (!db->driver->exec(db, "ROLLBACK", &ignored)) {
            db->fault = fault;
        }
    }
}

bool sql_prepare(struct sql *db, struct str text, struct sql_stmt **ret, struct error *err)
{
    return db->driver->prepare(db, text, ret, err);
}

void sql_finalize(struct sql_stmt *st)
{
    if (st) {
        st->db->driver->finalize(st);
    }
}

bool sql_run(struct sql_stmt *st, const struct sql_value *args, size_t n, uint64_t *ret_changed,
             struct error *err)
{
    return st->db->driver->run(st, args, n, ret_changed, err);
}

bool sql_query(struct sql_stmt *st, const struct sql_value *args, size_t n, struct error *err)
{
    return st->db->driver->query(st, args, n, err);
}

bool sql_next(struct sql_stmt *st, bool *ret_row, struct error *err)
{
    return st->db->driver->next(st, ret_row, err);
}

void sql_reset(struct sql_stmt *st)
{
    st->db->driver->reset(st);
}

size_t sql_column_count(struct sql_stmt *st)
{
    return st->db->driver->column_count(st);
}

struct sql_value sql_column(struct sql_stmt *st, size_t column)
{
    return st->db->driver->column(st, column);
}

struct str sql_column_str(struct sql_stmt *st, size_t column)
{
    struct sql_value v = sql_column(st, column);
    assert(v.type == SQL_NULL || v.type == SQL_TEXT || v.type == SQL_BLOB);
    return v.type == SQL_NULL ? (struct str){0} : (struct str){v.ptr, v.len};
}

static bool prepare_once(struct sql *db, struct str text, struct sql_stmt **ret, struct error *err)
{
    const struct sql_driver *driver = db->driver;
    return driver->prepare_once ? driver->prepare_once(db, text, ret, err)
                                : driver->prepare(db, text, ret, err);
}

bool sql_once(struct sql *db, struct str text, const struct sql_value *args, size_t n,
              uint64_t *ret_changed, struct error *err)
{
    struct sql_stmt *st = NULL;
    if (!prepare_once(db, text, &st, err)) {
        return false;
    }
    bool ok = sql_run(st, args, n, ret_changed, err);
    sql_finalize(st);
    return ok;
}

bool sql_once_int(struct sql *db, struct str text, const struct sql_value *args, size_t n,
                  struct sql_value *ret, struct error *err)
{
    struct sql_stmt *st = NULL;
    if (!sql_once_query(db, text, args, n, &st, err)) {
        return false;
    }
    bool row = false;
    bool ok = sql_next(st, &row, err);
    if (ok) {
        *ret = row ? sql_column(st, 0) : sql_null();
        assert(ret->type == SQL_NULL || ret->type == SQL_INT);
    }
    sql_finalize(st);
    return ok;
}

bool sql_once_query(struct sql *db, struct str text, const struct sql_value *args, size_t n,
                    struct sql_stmt **ret, struct error *err)
{
    struct sql_stmt *st = NULL;
    if (!prepare_once(db, text, &st, err)) {
        return false;
    }
    if (!sql_query(st, args, n, err)) {
        sql_finalize(st);
        return false;
    }
    *ret = st;
    return true;
}

bool sql_copy_begin(struct sql *db, const char *text, struct error *err)
{
    assert(db->driver->copy_begin);
    return db->driver->copy_begin(db, text, err);
}

bool sql_copy_data(struct sql *db, struct str data, struct error *err)
{
    return db->driver->copy_data(db, data, err);
}

bool sql_copy_end(struct sql *db, uint64_t *ret_rows, struct error *err)
{
    return db->driver->copy_end(db, ret_rows, err);
}

static void quote(struct buf *b, struct str s, char mark)
{
    assert(!memchr(s.ptr ? s.ptr : "", '\0', s.len));
    buf_add_char(b, mark);
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == mark) {
            buf_add_char(b, mark);
        }
        buf_add_char(b, s.ptr[i]);
    }
    buf_add_char(b, mark);
}

void sql_quote_name(struct buf *b, struct str name)
{
    quote(b, name, '"');
}

void sql_quote_text(struct buf *b, struct str text)
{
    quote(b, text, '\'');
}

enum error_code sql_fault_code(enum sql_fault fault)
{
    static const enum error_code CODES[] = {
        [SQL_FAULT_NONE] = ERR_OK,
        [SQL_FAULT_OTHER] = ERR_DESTINATION,
        [SQL_FAULT_UNIQUE] = ERR_DESTINATION,
        [SQL_FAULT_CONSTRAINT] = ERR_DESTINATION,
        [SQL_FAULT_MISSING] = ERR_DESTINATION,
        [SQL_FAULT_BUSY] = ERR_DESTINATION_BUSY,
        [SQL_FAULT_FULL] = ERR_DESTINATION_FULL,
        [SQL_FAULT_RIGHTS] = ERR_DESTINATION_RIGHTS,
        [SQL_FAULT_LOST] = ERR_DESTINATION_CONNECT,
    };
    assert((size_t)fault < ARRAY_LEN(CODES));
    return CODES[fault];
}

bool sql_fail(struct sql *db, enum sql_fault fault, struct error *err, const char *fmt, ...)
{
    assert(fault != SQL_FAULT_NONE);
    if (db) {
        db->fault = fault;
    }
    struct buf text;
    buf_init(&text, ERROR_MESSAGE_MAX * 4);
    va_list args;
    va_start(args, fmt);
    buf_vprintf(&text, fmt, args);
    va_end(args);
    error_set(err, sql_fault_code(fault), "%s", buf_cstr(&text));
    buf_done(&text);
    return false;
}

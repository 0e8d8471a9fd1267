#include "sql/postgres.h"

#include <poll.h>

// Classes (two characters) and single codes of SQLSTATE that mean more than "it failed".
static const struct {
    const char *state;
    enum sql_fault fault;
} STATES[] = {
    {"23505", SQL_FAULT_UNIQUE},  {"23", SQL_FAULT_CONSTRAINT},
    {"42P01", SQL_FAULT_MISSING},                              // table
    {"42703", SQL_FAULT_MISSING},                              // column
    {"3F000", SQL_FAULT_MISSING},                              // schema
    {"53100", SQL_FAULT_FULL},    {"53300", SQL_FAULT_BUSY},   // too many connections
    {"55P03", SQL_FAULT_BUSY},                                 // lock_timeout
    {"55006", SQL_FAULT_BUSY},                                 // object in use
    {"57014", SQL_FAULT_BUSY},                                 // statement_timeout
    {"40", SQL_FAULT_BUSY},                                    // deadlock, serialization
    {"42501", SQL_FAULT_RIGHTS},  {"25006", SQL_FAULT_RIGHTS}, // read-only transaction: a standby
    {"57P", SQL_FAULT_LOST},                                   // server shuts down or starts
    {"25P03", SQL_FAULT_LOST},                                 // idle in transaction for too long
    {"08", SQL_FAULT_LOST},
};

static enum sql_fault fault_of(const struct postgres_sql *p, const char *state)
{
    for (size_t i = 0; state && i < ARRAY_LEN(STATES); i++) {
        if (str_starts(str_from(state), str_from(STATES[i].state))) {
            return STATES[i].fault;
        }
    }
    return PQstatus(p->conn) == CONNECTION_BAD ? SQL_FAULT_LOST : SQL_FAULT_OTHER;
}

// libpq's messages have several lines and end in one; ours are one line.
static void add_flat(struct buf *b, const char *text)
{
    struct str s = str_trim(str_from(text));
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '\n') {
            buf_add_char(b, ' ');
        } else if (s.ptr[i] != '\t') {
            buf_add_char(b, s.ptr[i]);
        }
    }
}

bool postgres_fail(struct postgres_sql *p, const PGresult *r, struct error *err)
{
    const char *state = r ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;
    enum sql_fault fault = fault_of(p, state);
    if (fault == SQL_FAULT_BUSY && p->interrupted) {
        p->interrupted = false;
        p->base.fault = fault;
        return error_set(err, ERR_INTERRUPTED, "stopped a statement in PostgreSQL that took long");
    }
    struct buf b;
    buf_init(&b, ERROR_MESSAGE_MAX);
    const char *primary = r ? PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    const char *detail = r ? PQresultErrorField(r, PG_DIAG_MESSAGE_DETAIL) : NULL;
    const char *context = r ? PQresultErrorField(r, PG_DIAG_CONTEXT) : NULL;
    add_flat(&b, primary ? primary : PQerrorMessage(p->conn));
    if (b.len == 0) {
        buf_add(&b, STR("the server closed the connection"));
    }
    if (detail) {
        buf_add(&b, STR("; "));
        add_flat(&b, detail);
    }
    if (context && str_starts(str_from(context), STR("COPY"))) { // names the line and the column
        buf_add(&b, STR("; "));
        add_flat(&b, context);
    }
    sql_fail(&p->base, fault, err, "PostgreSQL: %s%s%s%s", buf_cstr(&b), state ? " (SQLSTATE " : "",
             state ? state : "", state ? ")" : "");
    buf_done(&b);
    return false;
}

static void ignore_notice(void *user, const PGresult *r)
{
    (void)user;
    (void)r;
}

// What must hold in every session. search_path stays the user's: all names carry their schema.
static bool set_up(struct postgres_sql *p, struct error *err)
{
    char text[512];
    (void)snprintf(
        text, sizeof(text),
        "SET standard_conforming_strings=on; SET client_min_messages=warning;"
        "SET TimeZone='UTC'; SET DateStyle='ISO,YMD';"
        // Every join of ours looks up a page of keys in a large table. Without statistics
        // on either (a new table, a temporary one) the planner would read the large one.
        "SET enable_hashjoin=off; SET enable_mergejoin=off;"
        "SET statement_timeout=%lld; SET lock_timeout=%lld;"
        "SET idle_in_transaction_session_timeout=%lld;",
        (long long)p->statement_ms, (long long)p->lock_wait_ms, (long long)p->idle_transaction_ms);
    if (!p->base.driver->exec(&p->base, text, err)) {
        return false;
    }
    // So that the server notices soon that we are gone and frees our locks. Some of these exist
    // only in newer servers or on some systems: what the server refuses, it does without.
    static const char NOTICE_OUR_END[] =
        "SELECT set_config(s.name, v.value, false) FROM (VALUES ('tcp_keepalives_idle','30'),"
        "('tcp_keepalives_interval','10'),('tcp_keepalives_count','3'),"
        "('tcp_user_timeout','60000'),('client_connection_check_interval','2000'))"
        " AS v(name, value) JOIN pg_catalog.pg_settings s ON s.name = v.name";
    struct error ignored;
    if (!p->base.driver->exec(&p->base, NOTICE_OUR_END, &ignored) &&
        PQstatus(p->conn) == CONNECTION_BAD) {
        return postgres_fail(p, NULL, err);
    }
    p->base.fault = SQL_FAULT_NONE;
    return true;
}

// libpq's complaint about a URL may quote a piece of the password, so it is not passed on.
static bool check_url(const char *url, struct error *err)
{
    char *ignored = NULL;
    PQconninfoOption *parsed = PQconninfoParse(url, &ignored);
    PQfreemem(ignored);
    if (!parsed) {
        return error_set(err, ERR_CONFIG,
                         "the PostgreSQL URL cannot be read: percent-encode special characters of "
                         "user and password, and use only libpq's parameters behind the '?'");
    }
    PQconninfoFree(parsed);
    return true;
}

static PGconn *connect_to(const char *url, const char *application)
{
    // Those before dbname may be overridden by the URL, those behind it not.
    const char *const names[] = {"connect_timeout",  "keepalives_idle",  "keepalives_interval",
                                 "keepalives_count", "tcp_user_timeout", "dbname",
                                 "application_name", "client_encoding",  NULL};
    const char *const values[] = {"10", "30", "10", "3", "60000", url, application, "UTF8", NULL};
    return PQconnectdbParams(names, values, 1);
}

bool postgres_open(const struct sql_options *o, struct sql **ret, struct error *err)
{
    char *url = strndup(o->url.ptr, o->url.len);
    char *application = strndup(o->application.len ? o->application.ptr : "sluice",
                                o->application.len ? MIN(o->application.len, 63U) : 6);
    assert(url && application);
    struct postgres_sql *p = NULL;
    bool ok = check_url(url, err);
    if (ok) {
        p = calloc(1, sizeof(*p));
        assert(p);
        p->base.driver = &SQL_POSTGRES;
        p->clock = o->clock;
        p->cancel = o->cancel;
        p->lock_wait_ms = o->lock_wait_ms;
        p->statement_ms = o->statement_ms;
        p->idle_transaction_ms = o->idle_transaction_ms;
        p->conn = connect_to(url, application);
        assert(p->conn);
        PQsetNoticeReceiver(p->conn, ignore_notice, NULL);
        ok = PQstatus(p->conn) == CONNECTION_OK ? set_up(p, err) : postgres_fail(p, NULL, err);
    }
    free(url);
    free(application);
    if (!ok) {
        if (p) {
            postgres_close(&p->base);
        }
        return false;
    }
    *ret = &p->base;
    return true;
}

void postgres_close(struct sql *db)
{
    struct postgres_sql *p = (struct postgres_sql *)db;
    PQfinish(p->conn); // the server rolls back what is open
    free(p);
}

// Something to read between two statements is the server's farewell, and then the connection's end.
bool postgres_is_alive(struct sql *db)
{
    struct postgres_sql *p = (struct postgres_sql *)db;
    for (int reads = 0; reads < 4 && PQstatus(p->conn) == CONNECTION_OK; reads++) {
        struct pollfd fd = {.fd = PQsocket(p->conn), .events = POLLIN};
        if (fd.fd < 0 || poll(&fd, 1, 0) <= 0) {
            break;
        }
        (void)PQconsumeInput(p->conn); // a failure is seen in the status
    }
    return PQstatus(p->conn) == CONNECTION_OK;
}

bool postgres_reconnect(struct sql *db, struct error *err)
{
    struct postgres_sql *p = (struct postgres_sql *)db;
    assert(PQtransactionStatus(p->conn) == PQTRANS_IDLE ||
           PQtransactionStatus(p->conn) == PQTRANS_UNKNOWN);
    p->copying = false;
    p->interrupted = false;
    p->session++;
    PQreset(p->conn);
    return PQstatus(p->conn) == CONNECTION_OK ? set_up(p, err) : postgres_fail(p, NULL, err);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

struct str postgres_unhex(struct arena *arena, struct str text)
{
    assert(str_starts(text, STR("\\x")));
    size_t n = (text.len - 2) / 2;
    char *bytes = arena_alloc(arena, n);
    for (size_t i = 0; i < n; i++) {
        const char *pair = text.ptr + 2 + 2 * i;
        bytes[i] = (char)(hex_digit(pair[0]) * 16 + hex_digit(pair[1]));
    }
    return (struct str){bytes, n};
}

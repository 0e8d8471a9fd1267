#include "store/inside.h"

#include <sys/stat.h>

enum { MAGIC = 0x53746f72 };

bool store_fail(struct error *err)
{
    // The database does not know that it is no destination here.
    static const struct {
        enum error_code from, to;
    } CODES[] = {
        {ERR_INTERRUPTED, ERR_INTERRUPTED},
        {ERR_CONFIG, ERR_CONFIG}, // the URL
        {ERR_DESTINATION_BUSY, ERR_STORE_BUSY},
        {ERR_DESTINATION_CONNECT, ERR_STORE_BUSY}, // it may come back
        {ERR_DESTINATION_FULL, ERR_STORE_FULL},
    };
    enum error_code to = ERR_STORE;
    for (size_t i = 0; i < ARRAY_LEN(CODES); i++) {
        to = err->code == CODES[i].from ? CODES[i].to : to;
    }
    err->code = to;
    return to == ERR_INTERRUPTED ? false : error_context(err, "store");
}

// ---- opening

static bool refuse_missing(const struct store *s, struct error *err)
{
    return error_set(err, ERR_STORE_BUSY,
                     "store '%s': its file is not there any more, or it is another one; what is "
                     "written to the one that is open would be lost: put it back, or start again",
                     s->place.file);
}

// What a session must know that the connection does not bring with it.
static bool prepare_session(struct store *s, bool create, bool *ret_there, struct error *err)
{
    // A token that was handed out must be there after a power cut too.
    // What was sealed with a former key, or forgotten, must not stay in free pages.
    static const char SQLITE[] = "PRAGMA synchronous=FULL; PRAGMA secure_delete=ON";
    // A schema of its own: a destination in the same database has tables of the same names. The
    // driver's ways of joining are made for loading.
    static const char POSTGRES[] = "SET search_path = sluice_store;"
                                   "RESET enable_hashjoin; RESET enable_mergejoin";
    s->preparing = true;
    bool ok = (sql_exec(s->db, store_is_shared(s) ? POSTGRES : SQLITE, err) || store_fail(err)) &&
              store_upgrade(s, create, ret_there, err);
    s->preparing = false;
    s->prepared = ok;
    return ok;
}

// A lost connection is made anew, outside transactions: what is within one must fail.
static bool mend(struct store *s, struct error *err)
{
    enum sql_transaction state = sql_transaction_state(s->db);
    bool there = true;
    if (s->preparing || s->depth > 0 || (state != SQL_IDLE && state != SQL_GONE)) {
        return true;
    }
    if (s->prepared && sql_is_alive(s->db)) {
        return true;
    }
    s->prepared = false;
    return (sql_is_alive(s->db) || sql_reconnect(s->db, err) || store_fail(err)) &&
           prepare_session(s, true, &there, err);
}

static bool note_file(struct store *s, struct error *err)
{
    struct stat st;
    if (!s->place.file) {
        return true;
    }
    if (stat(s->place.file, &st) != 0) {
        return refuse_missing(s, err);
    }
    s->device = st.st_dev;
    s->inode = st.st_ino;
    return true;
}

// A file that was deleted can be written to as long as it is open, and all of that is gone when it
// is closed.
static bool check_file(const struct store *s, struct error *err)
{
    struct stat st;
    bool same = s->inode == 0 ||
                (stat(s->place.file, &st) == 0 && st.st_dev == s->device && st.st_ino == s->inode);
    return same || refuse_missing(s, err);
}

static bool connect(struct store *s, bool create, bool *ret_there, struct error *err)
{
    struct sql_options o = place_sql_options(&s->place, STR("sluice store"));
    if (!sql_open(&o, &s->db, err)) {
        if (s->place.file && err->code == ERR_DESTINATION_CONNECT) {
            err->code = ERR_DESTINATION; // what is no database does not become one by waiting
        }
        return store_fail(err);
    }
    return prepare_session(s, create, ret_there, err) && note_file(s, err);
}

// The directory is there; the file too when there is one.
static bool prepare_place(struct store *s, bool create, bool *ret_there, struct error *err)
{
    const struct store_place *p = &s->place;
    bool there = true;
    *ret_there = true;
    if (!create && !place_has_any(p, &there, err)) {
        return false;
    }
    if (!there) {
        *ret_there = !p->file; // a server is asked; its tables need no directory to be looked at
        return true;
    }
    return place_make(p->directory, &s->arena, err) && place_check(p, &s->arena, err) &&
           (!p->file || place_make_file(p, err));
}

bool store_open(const struct store_options *options, struct store **ret, struct error *err)
{
    struct store *s = calloc(1, sizeof *s);
    bool there = false;
    if (!s) {
        abort();
    }
    s->magic = MAGIC;
    arena_init(&s->arena, 1024 * 1024);
    bool ok = place_of(options, &s->arena, &s->place, err) &&
              prepare_place(s, options->create, &there, err) &&
              (!there || connect(s, options->create, &there, err));
    if (!ok || !there) {
        store_close(s);
        s = NULL;
    }
    if (ok) {
        *ret = s;
    }
    return ok;
}

void store_close(struct store *s)
{
    if (!s) {
        return;
    }
    assert(s->magic == MAGIC);
    sql_close(s->db);
    arena_done(&s->arena);
    s->magic = 0;
    free(s);
}

bool store_is_shared(const struct store *s)
{
    return place_is_shared(&s->place);
}

struct sql *store_sql(struct store *s)
{
    struct error ignored; // the statement that follows says it
    (void)!mend(s, &ignored);
    return s->db;
}

struct str store_path(const struct store *s)
{
    return s->place.directory;
}

const struct clock *store_clock(const struct store *s)
{
    return s->place.clock;
}

bool store_now_ms(struct store *s, int64_t *ret, struct error *err)
{
    if (!store_is_shared(s)) {
        *ret = clock_now_ms(s->place.clock);
        return true;
    }
    struct sql_value v;
    if (!sql_once_int(store_sql(s),
                      STR("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"),
                      NULL, 0, &v, err)) {
        return store_fail(err);
    }
    *ret = v.num;
    return true;
}

// ---- transactions

const char *store_skip_locked(const struct store *s)
{
    return store_is_shared(s) ? " FOR UPDATE SKIP LOCKED" : "";
}

// Nothing has been done yet that a lost connection could have taken along, so it is begun again.
static bool begin(struct store *s, const char *text, struct error *err)
{
    if (!check_file(s, err) || !mend(s, err)) {
        return false;
    }
    bool ok = text ? sql_exec(s->db, text, err) : sql_begin(s->db, err);
    if (!ok && sql_last_fault(s->db) == SQL_FAULT_LOST &&
        sql_transaction_state(s->db) == SQL_GONE) {
        if (!mend(s, err)) {
            return false;
        }
        ok = text ? sql_exec(s->db, text, err) : sql_begin(s->db, err);
    }
    return ok || store_fail(err);
}

static bool enter(struct store *s, const char *text, struct error *err)
{
    if (s->depth == 0) {
        if (!begin(s, text, err)) {
            return false;
        }
        s->broken = false;
    }
    s->depth++;
    return true;
}

bool store_begin(struct store *s, struct error *err)
{
    return enter(s, NULL, err);
}

bool store_begin_read(struct store *s, struct error *err)
{
    return enter(
        s, store_is_shared(s) ? "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY" : "BEGIN", err);
}

bool store_end(struct store *s, bool ok, struct error *err)
{
    assert(s->depth > 0);
    s->depth--;
    s->broken = s->broken || !ok;
    if (s->depth > 0) {
        return ok;
    }
    if (s->broken) {
        sql_rollback(s->db);
        return ok ? error_set(err, ERR_STORE, "a part of this change failed; nothing was changed")
                  : false;
    }
    if (!sql_commit(s->db, err)) {
        sql_rollback(s->db); // one that cannot be committed stays open
        return store_fail(err);
    }
    return true;
}

bool store_exclude_others(struct store *s, const char *name, struct error *err)
{
    assert(s->depth > 0);
    return lock_for_transaction(s, str_from(name), err);
}

// ---- the whole

bool store_check_writable(struct store *s, struct error *err)
{
    if (!store_begin(s, err)) {
        return false;
    }
    // SQLite has its lock to write already; a server may be one that only reads.
    bool ok = !store_is_shared(s) || sql_exec(s->db, "UPDATE meta SET value = value", err) ||
              store_fail(err);
    sql_rollback(s->db);
    s->depth--;
    return ok;
}

bool store_forget_old_pages(struct store *s, struct error *err)
{
    // Readers of old pages keep the journal; it is truncated when they are done. What a server
    // keeps is its administrator's.
    return store_is_shared(s) || sql_exec(s->db, "PRAGMA wal_checkpoint(TRUNCATE)", err) ||
           store_fail(err);
}

// ---- facts about the store

bool store_meta_get(struct store *s, const char *name, struct arena *arena, struct str *ret,
                    struct error *err)
{
    struct sql_value args[] = {sql_text(str_from(name))};
    struct sql_stmt *st = NULL;
    struct str value = {NULL, 0};
    bool row = false;
    bool ok = sql_once_query(store_sql(s), STR("SELECT value FROM meta WHERE name = $1"), args, 1,
                             &st, err) &&
              sql_next(st, &row, err);
    if (ok && row) {
        value = arena_dup(arena, sql_column_str(st, 0));
    }
    sql_finalize(st);
    if (!ok) {
        return store_fail(err);
    }
    *ret = value;
    return true;
}

bool store_meta_set(struct store *s, const char *name, struct str value, struct error *err)
{
    struct sql_value args[] = {sql_text(str_from(name)), sql_text(value)};
    return sql_once(store_sql(s),
                    STR("INSERT INTO meta (name, value) VALUES ($1, $2) "
                        "ON CONFLICT (name) DO UPDATE SET value = excluded.value"),
                    args, 2, NULL, err) ||
           store_fail(err);
}

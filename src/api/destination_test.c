#include "api/destination_test.h"

#include "destination/destination.h"
#include "sql/sql.h"
#include "store/ids.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOCK_WAIT_MS = 5000, TEXT_MAX = 1024 };

struct trial {
    struct str url; // what sql_open takes
    const struct clock *clock;
    struct arena *arena;
    struct str name;      // of the schema, or the file's without ".db"
    char *file;           // to be removed; NULL: there was one before
    char *made_directory; // to be removed; NULL: none
    struct sql *db;
};

static bool is_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

// A directory holds a file for each schema: one of our own is tried then.
static bool locate(struct trial *t, struct error *err)
{
    static const struct str PREFIX = STR_INIT("sqlite:");
    if (!str_starts(t->url, PREFIX)) {
        return true;
    }
    struct str path = str_sub(t->url, PREFIX.len, t->url.len);
    char *name = arena_cstr(t->arena, path);
    bool as_directory = str_ends(path, STR("/"));
    if (path.len == 0) {
        return error_set(err, ERR_CONFIG,
                         "url is \"sqlite:\": it must name a file (sqlite:FILE) or a directory "
                         "(sqlite:DIR/)");
    }
    if (as_directory && !is_directory(name)) {
        if (mkdir(name, 0700) != 0) {
            return error_set(err, ERR_DESTINATION_CONNECT, "directory '%s' cannot be made: %s",
                             name, strerrordesc_np(errno));
        }
        t->made_directory = name;
    }
    if (as_directory || is_directory(name)) {
        t->url = arena_printf(t->arena, "%.*s%s%.*s.db", STR_ARG(t->url), as_directory ? "" : "/",
                              STR_ARG(t->name));
        path = str_sub(t->url, PREFIX.len, t->url.len);
    }
    name = arena_cstr(t->arena, path);
    t->file = access(name, F_OK) == 0 ? NULL : name;
    return true;
}

static bool try_connect(struct trial *t, struct error *err)
{
    if (!locate(t, err)) {
        return false;
    }
    struct sql_options options = {.url = t->url,
                                  .application = STR("sluice (test of a destination)"),
                                  .clock = t->clock,
                                  .lock_wait_ms = LOCK_WAIT_MS,
                                  .statement_ms = DESTINATION_TEST_MS};
    return sql_open(&options, &t->db, err) && sql_begin(t->db, err);
}

static void quote_table(struct trial *t, struct buf *out)
{
    if (sql_features(t->db) & SQL_SCHEMAS) {
        sql_quote_name(out, t->name);
        buf_add(out, STR("."));
    }
    sql_quote_name(out, t->name);
}

static bool try_make(struct trial *t, struct error *err)
{
    struct buf text;
    buf_init(&text, TEXT_MAX);
    if (sql_features(t->db) & SQL_SCHEMAS) {
        buf_add(&text, STR("CREATE SCHEMA "));
        sql_quote_name(&text, t->name);
        buf_add(&text, STR(";"));
    }
    buf_add(&text, STR("CREATE TABLE "));
    quote_table(t, &text);
    buf_add(&text, STR(" (id BIGINT PRIMARY KEY, name TEXT)"));
    bool ok = sql_exec(t->db, buf_cstr(&text), err);
    buf_done(&text);
    return ok;
}

static bool try_write(struct trial *t, struct error *err)
{
    struct buf text;
    buf_init(&text, TEXT_MAX);
    struct sql_value row[] = {sql_int(1), sql_text(STR("a row"))};
    uint64_t written = 0;
    buf_add(&text, STR("INSERT INTO "));
    quote_table(t, &text);
    buf_add(&text, STR(" (id, name) VALUES ($1, $2)"));
    bool ok = sql_once(t->db, buf_str(&text), row, ARRAY_LEN(row), &written, err);
    assert(!ok || written == 1);
    buf_done(&text);
    return ok;
}

static void remove_file(struct trial *t)
{
    static const char *const SUFFIXES[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < ARRAY_LEN(SUFFIXES); i++) {
        struct str path = arena_printf(t->arena, "%s%s", t->file, SUFFIXES[i]);
        (void)unlink(path.ptr); // most are not there
    }
}

void destination_try(struct str url, const struct clock *clock, struct arena *arena,
                     struct destination_verdict *ret)
{
    static bool (*const STEPS[DESTINATION_STEPS])(struct trial *, struct error *) = {
        [DESTINATION_CONNECTS] = try_connect,
        [DESTINATION_MAKES] = try_make,
        [DESTINATION_WRITES] = try_write,
    };
    struct str id = id_make(arena);
    struct trial t = {.url = url,
                      .clock = clock,
                      .arena = arena,
                      .name = arena_printf(arena, "sluice_test_%.*s", STR_ARG(id))};
    *ret = (struct destination_verdict){0};
    bool ok = destination_url_check(url, &ret->error);
    for (size_t i = 0; i < DESTINATION_STEPS && ok; i++) {
        ok = STEPS[i](&t, &ret->error);
        ret->passed += ok;
    }
    if (t.db) {
        sql_rollback(t.db); // all that was made was made in one transaction
        sql_close(t.db);
    }
    if (t.file) {
        remove_file(&t);
    }
    if (t.made_directory) {
        (void)rmdir(t.made_directory);
    }
}

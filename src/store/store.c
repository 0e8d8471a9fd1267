#include "store/store.h"

#include "data/json_repair.h"
#include "store/migrations.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PATH_MAX_BYTES = 3500, // leaves room for the names of files
    NAME_MAX_BYTES = 64,
    LOCK_WAIT_MS = 15000,
    POLL_US = 10000,
    MIGRATION_MAX = 64 * 1024,
    MAGIC = 0x53746f72,
};

struct store {
    uint32_t magic;
    struct sql *db;
    struct arena arena;
    struct str directory;
    const struct clock *clock;
    const struct cancel *cancel;
    unsigned depth; // of transactions within one another
    bool broken;    // an inner one failed
};

struct store_lock {
    int fd;
};

static struct str without_slash(struct str s)
{
    while (s.len > 1 && s.ptr[s.len - 1] == '/') {
        s.len--;
    }
    return s;
}

bool store_directory(struct str setting, struct arena *arena, struct str *ret, struct error *err)
{
    // Nothing in this program changes the environment.
    struct str data_home = str_from(getenv("XDG_DATA_HOME")); // NOLINT(concurrency-mt-unsafe)
    struct str home = str_from(getenv("HOME"));               // NOLINT(concurrency-mt-unsafe)
    struct str path = {NULL, 0};
    if (setting.len > 0) {
        path = arena_dup(arena, without_slash(setting));
    } else if (data_home.len > 0 && data_home.ptr[0] == '/') { // others are to be ignored
        path = arena_printf(arena, "%.*s/sluice", STR_ARG(without_slash(data_home)));
    } else if (home.len > 0) {
        path = arena_printf(arena, "%.*s/.local/share/sluice", STR_ARG(without_slash(home)));
    } else {
        return error_set(err, ERR_CONFIG,
                         "--data-dir: neither it nor HOME is set, so there is no place for "
                         "connections");
    }
    if (path.len > PATH_MAX_BYTES || memchr(path.ptr, '\0', path.len)) {
        return error_set(err, ERR_CONFIG, "--data-dir: a path of %zu bytes is too long", path.len);
    }
    *ret = path;
    return true;
}

static const char *file_in(struct str directory, const char *name, struct arena *arena)
{
    return arena_printf(arena, "%.*s/%s", STR_ARG(directory), name).ptr;
}

// A store that may not be looked at is not the same as none.
static bool store_exists(struct str directory, bool *ret, struct error *err)
{
    struct arena arena;
    struct stat st;
    arena_init(&arena, 64 * 1024);
    *ret = stat(file_in(directory, "sluice.db", &arena), &st) == 0;
    int number = errno;
    arena_done(&arena);
    return *ret || number == ENOENT ||
           error_set(err, ERR_STORE, "data directory '%.*s': %s", STR_ARG(directory),
                     strerrordesc_np(number));
}

// Durable: what is stored in it must not be gone after a power cut because the directory is.
static void sync_parent(const char *path)
{
    char parent[PATH_MAX_BYTES + 1];
    const char *slash = strrchr(path, '/');
    size_t n = slash ? MAX((size_t)(slash - path), 1) : 1;
    snprintf(parent, sizeof parent, "%.*s", (int)n, slash ? path : ".");
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)!fsync(fd); // some file systems cannot; nothing better can be done there
        close(fd);
    }
}

// The directory and those above it that are missing; ours alone.
static bool make_directory(struct str directory, struct arena *arena, struct error *err)
{
    char *path = arena_cstr(arena, directory);
    for (size_t i = 1; i <= directory.len; i++) {
        if (i < directory.len && path[i] != '/') {
            continue;
        }
        path[i] = '\0';
        bool made = mkdir(path, 0700) == 0;
        if (!made && errno != EEXIST) {
            return error_set(err, ERR_STORE, "data directory '%s': cannot be made: %s", path,
                             strerrordesc_np(errno));
        }
        if (made) {
            sync_parent(path);
        }
        path[i] = i < directory.len ? '/' : '\0';
    }
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
        return error_set(err, ERR_STORE,
                         "data directory '%s': there is something else of that name", path);
    }
    return true;
}

// Who may write to the directory may put another key or database there.
static bool check_directory(struct str directory, struct arena *arena, struct error *err)
{
    struct stat st;
    const char *path = arena_cstr(arena, directory);
    if (stat(path, &st) != 0) {
        return error_set(err, ERR_STORE, "data directory '%s': %s", path, strerrordesc_np(errno));
    }
    if (st.st_uid != geteuid() && st.st_uid != 0) {
        return error_set(err, ERR_STORE,
                         "data directory '%s' belongs to user %u, this is user %u; run as that "
                         "user, or choose another --data-dir",
                         path, (unsigned)st.st_uid, (unsigned)geteuid());
    }
    return (st.st_mode & 022) == 0 ||
           error_set(err, ERR_STORE,
                     "data directory '%s' can be written to by other users (mode %04o); run: chmod "
                     "go-w %s",
                     path, (unsigned)(st.st_mode & 07777), path);
}

bool store_check_place(struct str setting, struct error *err)
{
    struct arena arena;
    struct str directory = {NULL, 0};
    arena_init(&arena, 64 * 1024);
    bool ok = store_directory(setting, &arena, &directory, err);
    struct stat st;
    assert(!ok || directory.ptr);
    const char *path = ok ? directory.ptr : "."; // ends with NUL: the arena's texts do
    while (ok && stat(path, &st) != 0 && errno == ENOENT) {
        const char *slash = strrchr(path, '/');
        size_t n = slash == path ? 1 : (size_t)(slash ? slash - path : 0);
        path = n > 0 ? arena_cstr(&arena, str_sub(str_from(path), 0, n)) : ".";
    }
    if (ok && stat(path, &st) == 0 && !S_ISDIR(st.st_mode)) {
        ok = error_set(err, ERR_STORE, "data directory '%.*s': '%s' is no directory",
                       STR_ARG(directory), path);
    } else if (ok && access(path, W_OK | X_OK) != 0) {
        ok = error_set(err, ERR_STORE, "data directory '%.*s': '%s': %s", STR_ARG(directory), path,
                       strerrordesc_np(errno));
    }
    arena_done(&arena);
    return ok;
}

bool store_prepare_directory(struct str setting, struct arena *arena, struct str *ret,
                             struct error *err)
{
    return store_directory(setting, arena, ret, err) && make_directory(*ret, arena, err);
}

// SQLite would make the file readable for all that the umask allows; its companions inherit the
// file's mode. The file is never opened here: closing it would take away the locks of every other
// handle of this process, which destroys databases (POSIX locks belong to process and file).
static bool make_file(const char *path, struct error *err)
{
    struct stat st;
    if (mknod(path, S_IFREG | 0600, 0) != 0 && errno != EEXIST) {
        return error_set(err, ERR_STORE, "store '%s': cannot be made: %s", path,
                         strerrordesc_np(errno));
    }
    if (stat(path, &st) != 0 || ((st.st_mode & 077) != 0 && chmod(path, 0600) != 0)) {
        return error_set(err, ERR_STORE, "store '%s': its mode cannot be set to 0600: %s", path,
                         strerrordesc_np(errno));
    }
    return true;
}

bool store_fail(struct error *err)
{
    if (err->code == ERR_INTERRUPTED) {
        return false;
    }
    // The database does not know that it is no destination here.
    err->code = err->code == ERR_DESTINATION_BUSY   ? ERR_STORE_BUSY
                : err->code == ERR_DESTINATION_FULL ? ERR_STORE_FULL
                                                    : ERR_STORE;
    return error_context(err, "store");
}

// What names a lock within a PostgreSQL database, which knows locks by number.
static int64_t advisory_key(struct str name)
{
    char text[NAME_MAX_BYTES * 2];
    int n = snprintf(text, sizeof text, "sluice_store/%.*s", STR_ARG(name));
    assert(n > 0 && (size_t)n < sizeof text);
    return (int64_t)str_hash((struct str){text, (size_t)n});
}

// ---- migrations

static bool stored_version(struct store *s, int64_t *ret, struct error *err)
{
    struct sql_value v;
    if (!sql_exec(s->db, "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT)",
                  err) ||
        !sql_once_int(s->db, STR("SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'version'"),
                      NULL, 0, &v, err)) {
        return store_fail(err);
    }
    *ret = v.type == SQL_INT ? v.num : 0;
    return true;
}

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

static bool migrate(struct store *s, struct error *err)
{
    int64_t version = 0;
    if (!sql_begin(s->db, err)) { // one program migrates, the others wait and find it done
        return store_fail(err);
    }
    bool ok = stored_version(s, &version, err);
    if (ok && (version < 0 || version > (int64_t)STORE_MIGRATIONS_N)) {
        ok = error_set(err, ERR_STORE,
                       "the store in '%.*s' has version %lld, this sluice knows versions up to "
                       "%zu; use the newer sluice that wrote it, or another --data-dir",
                       STR_ARG(s->directory), (long long)version, STORE_MIGRATIONS_N);
    }
    ok = ok && (version == (int64_t)STORE_MIGRATIONS_N || migrate_from(s, version, err));
    if (!ok) {
        sql_rollback(s->db);
        return false;
    }
    return sql_commit(s->db, err) || store_fail(err);
}

// Whether the tables are those of this program, without waiting for a writer.
static bool is_current(struct store *s)
{
    struct error ignored;
    struct sql_value v;
    return sql_once_int(s->db,
                        STR("SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'version'"), NULL,
                        0, &v, &ignored) &&
           v.type == SQL_INT && v.num == (int64_t)STORE_MIGRATIONS_N;
}

// ---- opening

static bool connect(struct store *s, struct error *err)
{
    struct str url = arena_printf(&s->arena, "sqlite:%.*s/sluice.db", STR_ARG(s->directory));
    struct sql_options o = {.url = url,
                            .application = STR("sluice store"),
                            .clock = s->clock,
                            .cancel = s->cancel,
                            .lock_wait_ms = LOCK_WAIT_MS};
    // A token that was handed out must be there after a power cut too.
    // What was sealed with a former key, or forgotten, must not stay in free pages.
    static const char SETUP[] = "PRAGMA synchronous=FULL; PRAGMA secure_delete=ON";
    if (!sql_open(&o, &s->db, err) || !sql_exec(s->db, SETUP, err)) {
        return store_fail(err);
    }
    return is_current(s) || migrate(s, err);
}

bool store_open(const struct store_options *options, struct store **ret, struct error *err)
{
    struct store *s = calloc(1, sizeof *s);
    if (!s) {
        abort();
    }
    s->magic = MAGIC;
    s->clock = options->clock;
    s->cancel = options->cancel;
    arena_init(&s->arena, 1024 * 1024);
    bool there = true;
    bool ok = store_directory(options->directory, &s->arena, &s->directory, err) &&
              (options->create || store_exists(s->directory, &there, err));
    if (ok && !there) {
        store_close(s);
        *ret = NULL;
        return true;
    }
    ok = ok && make_directory(s->directory, &s->arena, err) &&
         check_directory(s->directory, &s->arena, err) &&
         make_file(file_in(s->directory, "sluice.db", &s->arena), err) && connect(s, err);
    if (!ok) {
        store_close(s);
        return false;
    }
    *ret = s;
    return true;
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
    return (sql_features(s->db) & SQL_NETWORK) != 0;
}

const char *store_skip_locked(const struct store *s)
{
    return store_is_shared(s) ? " FOR UPDATE SKIP LOCKED" : "";
}

bool store_begin(struct store *s, struct error *err)
{
    if (s->depth == 0) {
        s->broken = false;
        if (!sql_begin(s->db, err)) {
            return store_fail(err);
        }
    }
    s->depth++;
    return true;
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
    if (!store_is_shared(s)) {
        return true; // a writing transaction of SQLite excludes all others
    }
    struct sql_value args[] = {sql_int(advisory_key(str_from(name)))};
    struct sql_stmt *st = NULL; // a query: the function's result is nothing that counts rows
    bool ok = sql_once_query(s->db, STR("SELECT pg_advisory_xact_lock($1)"), args, 1, &st, err);
    sql_finalize(st);
    return ok || store_fail(err);
}

bool store_now_ms(struct store *s, int64_t *ret, struct error *err)
{
    if (!store_is_shared(s)) {
        *ret = clock_now_ms(s->clock);
        return true;
    }
    struct sql_value v;
    if (!sql_once_int(s->db,
                      STR("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"),
                      NULL, 0, &v, err)) {
        return store_fail(err);
    }
    *ret = v.num;
    return true;
}

struct sql *store_sql(struct store *s)
{
    return s->db;
}

struct str store_path(const struct store *s)
{
    return s->directory;
}

const struct clock *store_clock(const struct store *s)
{
    return s->clock;
}

bool store_check_writable(struct store *s, struct error *err)
{
    if (!sql_begin(s->db, err)) {
        return store_fail(err);
    }
    sql_rollback(s->db);
    return true;
}

bool store_forget_old_pages(struct store *s, struct error *err)
{
    // Readers of old pages keep the journal; it is truncated when they are done.
    return sql_exec(s->db, "PRAGMA wal_checkpoint(TRUNCATE)", err) || store_fail(err);
}

// ---- facts about the store

bool store_meta_get(struct store *s, const char *name, struct arena *arena, struct str *ret,
                    struct error *err)
{
    struct sql_value args[] = {sql_text(str_from(name))};
    struct sql_stmt *st = NULL;
    struct str value = {NULL, 0};
    bool row = false;
    bool ok =
        sql_once_query(s->db, STR("SELECT value FROM meta WHERE name = $1"), args, 1, &st, err) &&
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
    return sql_once(s->db,
                    STR("INSERT INTO meta (name, value) VALUES ($1, $2) "
                        "ON CONFLICT (name) DO UPDATE SET value = excluded.value"),
                    args, 2, NULL, err) ||
           store_fail(err);
}

// ---- names and locks

bool store_check_text(const char *what, struct str text, size_t max, struct error *err)
{
    if (text.len > max) {
        return error_set(err, ERR_CONFIG, "%s: %zu bytes are too many, at most %zu are stored",
                         what, text.len, max);
    }
    for (size_t i = 0; i < text.len;) {
        size_t n = utf8_length(str_sub(text, i, text.len));
        if (n == 0 || (unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f) {
            return error_set(err, ERR_CONFIG,
                             "%s: byte %zu is a control character or no UTF-8; leave it out", what,
                             i + 1);
        }
        i += n;
    }
    return true;
}

static bool is_name_char(char c, bool first)
{
    bool word =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    return word || (!first && (c == '-' || c == '.'));
}

bool store_check_name(const char *what, struct str name, struct error *err)
{
    bool ok = name.len > 0 && name.len <= NAME_MAX_BYTES;
    for (size_t i = 0; ok && i < name.len; i++) {
        ok = is_name_char(name.ptr[i], i == 0);
    }
    if (!ok) {
        // Not quoted: a token may stand here by mistake.
        return error_set(err, ERR_USAGE,
                         "%s: a name of 1 to %d letters, digits, '_', '-' and '.' is needed, "
                         "beginning with a letter, a digit or '_'",
                         what, NAME_MAX_BYTES);
    }
    return true;
}

bool store_lock_take(struct store *s, struct str name, int64_t wait_ms, struct store_lock **ret,
                     struct error *err)
{
    struct arena arena;
    arena_init(&arena, 64 * 1024);
    const char *path =
        arena_printf(&arena, "%.*s/%.*s.lock", STR_ARG(s->directory), STR_ARG(name)).ptr;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int number = errno;
    if (fd < 0) {
        error_set(err, ERR_STORE, "lock '%s': %s", path, strerrordesc_np(number));
    }
    int64_t end_us = clock_mono_us(s->clock) + wait_ms * 1000;
    bool held = false;
    while (fd >= 0 && !(held = flock(fd, LOCK_EX | LOCK_NB) == 0)) {
        number = errno;
        if (cancel_requested(s->cancel)) {
            error_set(err, ERR_INTERRUPTED, "stopped while waiting for the lock '%s'", path);
            break;
        }
        if ((number != EWOULDBLOCK && number != EINTR) || clock_mono_us(s->clock) >= end_us) {
            error_set(err, number == EWOULDBLOCK ? ERR_STORE_BUSY : ERR_STORE, "lock '%s': %s",
                      path,
                      number == EWOULDBLOCK ? "another sluice holds it" : strerrordesc_np(number));
            break;
        }
        s->clock->sleep_us(s->clock, POLL_US);
    }
    arena_done(&arena);
    if (!held) {
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    struct store_lock *l = calloc(1, sizeof *l);
    if (!l) {
        abort();
    }
    l->fd = fd;
    *ret = l;
    return true;
}

void store_lock_release(struct store_lock *l)
{
    if (l) {
        close(l->fd); // gives the lock back
        free(l);
    }
}

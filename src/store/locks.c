#include "store/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

enum { FILE_POLL_US = 10000, DATABASE_POLL_US = 50000, ARENA_BYTES = 64 * 1024, PID_MAX = 24 };

// One of the two.
struct store_lock {
    int fd;         // -1: none
    struct sql *db; // a session of its own: the lock ends with it
};

static struct store_lock *lock_new(int fd, struct sql *db)
{
    struct store_lock *l = calloc(1, sizeof *l);
    if (!l) {
        abort();
    }
    *l = (struct store_lock){.fd = fd, .db = db};
    return l;
}

// What names a lock within a PostgreSQL database, which knows locks by number.
static int64_t lock_number(struct str name)
{
    char text[NAME_MAX_BYTES * 2];
    int n = snprintf(text, sizeof text, "sluice_store/%.*s", STR_ARG(name));
    assert(n > 0 && (size_t)n < sizeof text);
    return (int64_t)str_hash((struct str){text, (size_t)n});
}

bool lock_for_transaction(struct store *s, struct str name, struct error *err)
{
    if (!store_is_shared(s)) {
        return true; // a writing transaction of SQLite excludes all others
    }
    struct sql_value args[] = {sql_int(lock_number(name))};
    struct sql_stmt *st = NULL;
    bool ok = sql_once_query(s->db, STR("SELECT pg_advisory_xact_lock($1)"), args, 1, &st, err);
    sql_finalize(st);
    return ok || store_fail(err);
}

// ---- among the processes of a machine: a file

// *ret_number: what flock said when it is not held.
static bool try_file(int fd, int *ret_number)
{
    bool held = flock(fd, LOCK_EX | LOCK_NB) == 0;
    *ret_number = held ? 0 : errno;
    return held;
}

static bool lock_file(const struct store_place *p, const char *path, int64_t wait_ms,
                      struct store_lock **ret, struct error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return error_set(err, ERR_STORE, "lock '%s': %s", path, strerrordesc_np(errno));
    }
    int64_t end_us = clock_mono_us(p->clock) + wait_ms * 1000;
    int number = 0;
    while (!try_file(fd, &number)) {
        bool busy = number == EWOULDBLOCK;
        if (cancel_requested(p->cancel)) {
            error_set(err, ERR_INTERRUPTED, "stopped while waiting for the lock '%s'", path);
        } else if ((!busy && number != EINTR) || clock_mono_us(p->clock) >= end_us) {
            error_set(err, busy ? ERR_STORE_BUSY : ERR_STORE, "lock '%s': %s", path,
                      busy ? "another sluice holds it" : strerrordesc_np(number));
        } else {
            p->clock->sleep_us(p->clock, FILE_POLL_US);
            continue;
        }
        close(fd);
        return false;
    }
    *ret = lock_new(fd, NULL);
    return true;
}

// ---- among machines: a session of the database

static bool lock_database(const struct store_place *p, struct str name, int64_t wait_ms,
                          struct store_lock **ret, struct error *err)
{
    static const struct str TEXT = STR_INIT("SELECT pg_try_advisory_lock($1)");
    struct sql_options o = place_sql_options(p, STR("sluice lock"));
    struct sql_value args[] = {sql_int(lock_number(name))};
    struct sql_value held = sql_int(0);
    struct sql *db = NULL;
    int64_t end_us = clock_mono_us(p->clock) + wait_ms * 1000;
    bool ok = sql_open(&o, &db, err) || store_fail(err);
    while (ok && (ok = sql_once_int(db, TEXT, args, 1, &held, err) || store_fail(err)) &&
           held.num == 0) {
        if (cancel_requested(p->cancel)) {
            ok = error_set(err, ERR_INTERRUPTED, "stopped while waiting for the lock '%.*s'",
                           STR_ARG(name));
        } else if (clock_mono_us(p->clock) >= end_us) {
            ok = error_set(err, ERR_STORE_BUSY, "lock '%.*s': another sluice holds it",
                           STR_ARG(name));
        } else {
            p->clock->sleep_us(p->clock, DATABASE_POLL_US);
        }
    }
    if (!ok) {
        sql_close(db);
        return false;
    }
    *ret = lock_new(-1, db);
    return true;
}

static bool lock_take(const struct store_place *p, struct str name, int64_t wait_ms,
                      struct store_lock **ret, struct error *err)
{
    struct arena arena;
    if (place_is_shared(p)) {
        return lock_database(p, name, wait_ms, ret, err);
    }
    arena_init(&arena, ARENA_BYTES);
    const char *path =
        arena_printf(&arena, "%.*s/%.*s.lock", STR_ARG(p->directory), STR_ARG(name)).ptr;
    bool ok = lock_file(p, path, wait_ms, ret, err);
    arena_done(&arena);
    return ok;
}

bool store_lock_take(struct store *s, struct str name, int64_t wait_ms, struct store_lock **ret,
                     struct error *err)
{
    return lock_take(&s->place, name, wait_ms, ret, err);
}

bool store_lock_take_at(const struct store_options *options, struct str name, int64_t wait_ms,
                        struct store_lock **ret, struct error *err)
{
    struct arena arena;
    struct store_place place;
    arena_init(&arena, ARENA_BYTES);
    bool ok = place_of(options, &arena, &place, err) && lock_take(&place, name, wait_ms, ret, err);
    arena_done(&arena);
    return ok;
}

void store_lock_release(struct store_lock *l)
{
    if (!l) {
        return;
    }
    if (l->fd >= 0) {
        close(l->fd); // gives the lock back
    }
    sql_close(l->db); // and so does this
    free(l);
}

// ---- one server a store

static void read_pid(const char *path, char out[PID_MAX])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t n = fd >= 0 ? read(fd, out, PID_MAX - 1) : 0;
    if (fd >= 0) {
        close(fd);
    }
    struct str digits = str_trim((struct str){out, n > 0 ? (size_t)n : 0});
    int64_t pid = 0;
    bool known = str_to_int64(digits, &pid) && pid > 0;
    snprintf(out, PID_MAX, known ? "%lld" : "not known", (long long)pid);
}

static bool write_pid(const struct store_lock *l, const char *path, struct error *err)
{
    char text[PID_MAX];
    int n = snprintf(text, sizeof text, "%lld\n", (long long)getpid());
    return (ftruncate(l->fd, 0) == 0 && pwrite(l->fd, text, (size_t)n, 0) == n) ||
           error_set(err, errno == ENOSPC ? ERR_STORE_FULL : ERR_STORE, "lock '%s': %s", path,
                     strerrordesc_np(errno));
}

bool store_instance_take(struct store *s, struct store_lock **ret, struct error *err)
{
    struct arena arena;
    struct store_lock *lock = NULL;
    char pid[PID_MAX];
    if (store_is_shared(s)) {
        *ret = NULL;
        return true;
    }
    arena_init(&arena, ARENA_BYTES);
    // Beside the file: two servers with data directories of their own may name the same one.
    const char *path = arena_printf(&arena, "%s.server", s->place.file).ptr;
    bool ok = lock_file(&s->place, path, 0, &lock, err);
    if (!ok && err->code == ERR_STORE_BUSY) {
        read_pid(path, pid);
        error_set(err, ERR_STORE_BUSY,
                  "data directory '%.*s': another sluice serves this store (process %s); stop it "
                  "first, choose another --data-dir, or let both share a PostgreSQL --store",
                  STR_ARG(s->place.directory), pid);
    }
    ok = ok && lock && write_pid(lock, path, err);
    arena_done(&arena);
    if (!ok) {
        store_lock_release(lock);
        return false;
    }
    *ret = lock;
    return true;
}

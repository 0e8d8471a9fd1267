#include "store/inside.h"

#include "data/json_repair.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

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
bool place_make(struct str directory, struct arena *arena, struct error *err)
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

static struct str directory_of(struct str path)
{
    while (path.len > 0 && path.ptr[path.len - 1] != '/') {
        path.len--;
    }
    return path.len > 0 ? without_slash(path) : STR(".");
}

bool place_check(const struct store_place *p, struct arena *arena, struct error *err)
{
    return check_directory(p->directory, arena, err) &&
           (!p->file || check_directory(directory_of(str_from(p->file)), arena, err));
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
    return store_directory(setting, arena, ret, err) && place_make(*ret, arena, err);
}

// SQLite would make the file readable for all that the umask allows; its companions inherit the
// file's mode. The file is never opened here: closing it would take away the locks of every other
// handle of this process, which destroys databases (POSIX locks belong to process and file).
bool place_make_file(const struct store_place *p, struct error *err)
{
    struct stat st;
    if (mknod(p->file, S_IFREG | 0600, 0) != 0 && errno != EEXIST) {
        return error_set(err, ERR_STORE, "store '%s': cannot be made: %s", p->file,
                         strerrordesc_np(errno));
    }
    if (stat(p->file, &st) != 0 || ((st.st_mode & 077) != 0 && chmod(p->file, 0600) != 0)) {
        return error_set(err, ERR_STORE, "store '%s': its mode cannot be set to 0600: %s", p->file,
                         strerrordesc_np(errno));
    }
    return true;
}

bool place_has_any(const struct store_place *p, bool *ret, struct error *err)
{
    struct stat st;
    *ret = stat(p->file ? p->file : p->directory.ptr, &st) == 0; // an arena's text ends with NUL
    int number = errno;
    return *ret || number == ENOENT ||
           error_set(err, ERR_STORE, "data directory '%.*s': %s", STR_ARG(p->shown),
                     strerrordesc_np(number));
}

// ---- where a store is

static bool sqlite_place(struct str file, struct arena *arena, struct store_place *p,
                         struct error *err)
{
    if (file.len > PATH_MAX_BYTES) {
        return error_set(err, ERR_CONFIG, "--store: a path of %zu bytes is too long", file.len);
    }
    if (file.len > 0 && file.ptr[file.len - 1] == '/') {
        return error_set(err, ERR_CONFIG,
                         "--store: '%.*s' is a directory; give sqlite:FILE, or the directory with "
                         "--data-dir",
                         STR_ARG(file));
    }
    p->shown = file.len > 0 ? arena_dup(arena, file) : p->directory;
    p->file = file.len > 0 ? arena_cstr(arena, file)
                           : arena_printf(arena, "%.*s/sluice.db", STR_ARG(p->directory)).ptr;
    p->url = arena_printf(arena, "sqlite:%s", p->file);
    return true;
}

bool place_of(const struct store_options *options, struct arena *arena, struct store_place *ret,
              struct error *err)
{
    static const struct str SQLITE = STR_INIT("sqlite:");
    struct store_place p = {.clock = options->clock, .cancel = options->cancel};
    struct str url = options->url.len > 0 ? options->url : SQLITE;
    if (!store_directory(options->directory, arena, &p.directory, err)) {
        return false;
    }
    if (!sql_url_check(url, err)) {
        return error_set(err, ERR_CONFIG,
                         "--store: this URL has a form that is not known; give sqlite:FILE or "
                         "postgres://USER:PASSWORD@HOST:PORT/DATABASE");
    }
    if (str_starts(url, SQLITE)) {
        if (!sqlite_place(str_sub(url, SQLITE.len, url.len), arena, &p, err)) {
            return false;
        }
    } else {
        p.url = arena_dup(arena, url);
        p.shown = sql_url_mask(url, arena);
    }
    *ret = p;
    return true;
}

bool place_is_shared(const struct store_place *p)
{
    return p->file == NULL;
}

struct sql_options place_sql_options(const struct store_place *p, struct str application)
{
    // Nothing that the store is asked takes long: what does, waits for a server that is gone. Who
    // stands still within a transaction loses it before those who wait for its locks give up.
    return (struct sql_options){.url = p->url,
                                .application = application,
                                .clock = p->clock,
                                .cancel = p->cancel,
                                .lock_wait_ms = STORE_WAIT_MS,
                                .statement_ms = 4 * STORE_WAIT_MS,
                                .idle_transaction_ms = STORE_WAIT_MS / 2};
}

// ---- names and texts

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

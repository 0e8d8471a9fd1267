// Settings from a file: `name = value` lines.
#include "core/settings.h"

#include "core/buf.h"
#include "core/limits.h"
#include "core/nearest.h"
#include "core/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILE_MAX = 1024 * 1024, // bytes
    SHOWN_MAX = 80,         // bytes of a name that is not known, in errors
};

// A file that is no file, or endless, is not read to its end.
static bool slurp(const char *path, struct buf *text, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat about;
    if (fd < 0 || fstat(fd, &about) != 0) {
        error_set(err, ERR_CONFIG, "%s cannot be read: %s", path, strerrordesc_np(errno));
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    ssize_t n = 0;
    if (S_ISDIR(about.st_mode)) {
        close(fd);
        return error_set(err, ERR_CONFIG, "%s is a directory, not a file of settings", path);
    }
    for (;;) {
        char *to = buf_reserve(text, 64 * 1024);
        n = to ? read(fd, to, 64 * 1024) : 0;
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (!to || n <= 0) {
            break;
        }
        buf_commit(text, (size_t)n);
    }
    int failure = n < 0 ? errno : 0;
    close(fd);
    if (failure != 0) {
        return error_set(err, ERR_CONFIG, "%s cannot be read: %s", path, strerrordesc_np(failure));
    }
    return !text->overflow || error_set(err, ERR_CONFIG, "%s is longer than %d bytes", path,
                                        (int)FILE_MAX - 64 * 1024);
}

static const struct setting *row_of(const struct settings *s, struct str name)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct setting *row = &s->rows[i];
        if (str_eq(name, str_from(row->name)) ||
            (row->alias && str_eq(name, str_from(row->alias)))) {
            return row;
        }
    }
    return NULL;
}

static bool unknown(const struct settings *s, struct str name, struct error *err)
{
    name = str_sub(name, 0, SHOWN_MAX);
    struct nearest near = nearest_to(name);
    for (size_t i = 0; i < s->n; i++) {
        if (!s->rows[i].no_file) {
            nearest_offer(&near, str_from(s->rows[i].name));
        }
    }
    if (near.best.len > 0) {
        return error_set(err, ERR_CONFIG, "there is no setting \"%.*s\"; did you mean %.*s?",
                         STR_ARG(name), STR_ARG(near.best));
    }
    return error_set(err, ERR_CONFIG, "there is no setting \"%.*s\"", STR_ARG(name));
}

static bool take_line(struct settings *s, struct str line, uint32_t number, struct error *err)
{
    line = str_trim(line);
    if (line.len == 0 || line.ptr[0] == '#') {
        return true;
    }
    ptrdiff_t equals = str_find_char(line, '=');
    if (equals < 0) {
        // The line may be a secret that lacks its name.
        return error_set(err, ERR_CONFIG, "a line must be: name = value");
    }
    struct str name = str_trim(str_sub(line, 0, (size_t)equals));
    struct str value = str_trim(str_sub(line, (size_t)equals + 1, line.len));
    const struct setting *row = row_of(s, name);
    if (!row) {
        return unknown(s, name, err);
    }
    if (row->no_file) {
        return error_set(err, ERR_CONFIG, "%s cannot be set in a file", row->name);
    }
    size_t i = (size_t)(row - s->rows);
    if (s->source[i] == SETTING_FILE && row->type != SET_LIST) {
        return error_set(err, ERR_CONFIG, "%s is set already, in line %u", row->name,
                         (unsigned)s->line[i]);
    }
    return settings_offer(s, name, value, (struct setting_origin){SETTING_FILE, number}, err);
}

bool settings_read_file(struct settings *s, struct str path, struct error *err)
{
    struct buf text;
    buf_init(&text, FILE_MAX);
    s->file = arena_dup(s->arena, path);
    bool ok = slurp(s->file.ptr, &text, err);
    struct str rest = buf_str(&text);
    struct str line;
    for (uint32_t number = 1; ok && str_next(&rest, '\n', &line); number++) {
        ok = take_line(s, line, number, err) ||
             error_context(err, "%.*s, line %u", STR_ARG(s->file), (unsigned)number);
    }
    secret_buf_done(&text);
    return ok;
}

#include "store/keyring.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY_TEXT_MAX = 256, PATH_BYTES = 4096 };

static void key_done(struct key *k)
{
    secret_destroy(k->bytes);
    *k = (struct key){0};
}

void keyring_done(struct keyring *k)
{
    for (size_t i = 0; i < KEYRING_N; i++) {
        key_done(&k->keys[i]);
    }
}

static void key_set(struct key *k, const unsigned char bytes[SEALING_KEY_BYTES])
{
    unsigned char hash[crypto_generichash_BYTES];
    key_done(k);
    k->bytes = secret_create((struct str){(const char *)bytes, SEALING_KEY_BYTES});
    crypto_generichash(hash, sizeof hash, bytes, SEALING_KEY_BYTES, NULL, 0);
    sodium_bin2hex(k->id, sizeof k->id, hash, (sizeof k->id - 1) / 2);
}

// The text of a key: base64 of 32 bytes, white space around it. `where` for the error; the text is
// not shown.
static bool key_parse(struct key *k, struct str text, const char *where, struct error *err)
{
    unsigned char bytes[SEALING_KEY_BYTES];
    size_t n = 0;
    text = str_trim(text);
    const char *end = NULL;
    bool ok = sodium_base642bin(bytes, sizeof bytes, text.ptr, text.len, NULL, &n, &end,
                                sodium_base64_VARIANT_ORIGINAL) == 0 &&
              end == text.ptr + text.len && n == sizeof bytes;
    if (ok) {
        key_set(k, bytes);
    }
    secret_wipe(bytes, sizeof bytes);
    return ok || error_set(err, ERR_KEY,
                           "%s does not hold a key: base64 of %d bytes is needed, as made by: "
                           "openssl rand -base64 %d",
                           where, SEALING_KEY_BYTES, SEALING_KEY_BYTES);
}

// Leaves the key empty when the file is missing.
static bool key_read(struct key *k, const char *path, struct error *err)
{
    char text[KEY_TEXT_MAX];
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ||
               error_set(err, ERR_KEY, "key file '%s': %s", path, strerrordesc_np(errno));
    }
    ssize_t n = fstat(fd, &st) == 0 ? read(fd, text, sizeof text) : -1;
    int number = errno;
    close(fd);
    if (n < 0) {
        return error_set(err, ERR_KEY, "key file '%s': %s", path, strerrordesc_np(number));
    }
    if ((st.st_mode & 077) != 0) {
        secret_wipe(text, sizeof text);
        return error_set(err, ERR_KEY,
                         "key file '%s' can be read by other users (mode %04o); run: chmod 600 %s",
                         path, (unsigned)(st.st_mode & 07777), path);
    }
    bool ok = key_parse(k, (struct str){text, (size_t)n}, path, err);
    secret_wipe(text, sizeof text);
    return ok;
}

static bool read_environment(struct keyring *k, struct error *err)
{
    static const char *const NAMES[KEYRING_N] = {"SLUICE_KEY", "SLUICE_KEY_NEW"};
    for (size_t i = 0; i < KEYRING_N; i++) {
        // Nothing in this program changes the environment.
        const char *text = getenv(NAMES[i]); // NOLINT(concurrency-mt-unsafe)
        char where[64];
        snprintf(where, sizeof where, "the environment variable %s", NAMES[i]);
        if (text && text[0] != '\0' && !key_parse(&k->keys[i], str_from(text), where, err)) {
            return false;
        }
    }
    k->from_environment = k->keys[KEYRING_CURRENT].bytes != NULL;
    return true;
}

static const char *new_path(const struct keyring *k, char out[PATH_BYTES])
{
    snprintf(out, PATH_BYTES, "%.*s.new", STR_ARG(k->path));
    return out;
}

bool keyring_read(struct keyring *k, struct str directory, struct str key_file, struct arena *arena,
                  struct error *err)
{
    char path[PATH_BYTES];
    keyring_done(k);
    *k = (struct keyring){0};
    if (sodium_init() < 0) {
        return error_set(err, ERR_INTERNAL, "libsodium could not be set up");
    }
    if (!read_environment(k, err)) {
        return false;
    }
    if (k->from_environment) {
        return true;
    }
    key_done(&k->keys[KEYRING_NEW]); // SLUICE_KEY_NEW alone says nothing
    k->path = key_file.len > 0 ? arena_dup(arena, key_file)
                               : arena_printf(arena, "%.*s/key", STR_ARG(directory));
    assert(k->path.ptr);
    if (k->path.len + sizeof ".new.tmp" > PATH_BYTES) {
        return error_set(err, ERR_CONFIG, "--key-file: the path is too long");
    }
    return key_read(&k->keys[KEYRING_CURRENT], k->path.ptr, err) &&
           key_read(&k->keys[KEYRING_NEW], new_path(k, path), err);
}

// The directory that a file lies in.
static const char *directory_of(const char *path, char out[PATH_BYTES])
{
    const char *slash = strrchr(path, '/');
    if (slash == path) {
        snprintf(out, PATH_BYTES, "/");
    } else {
        snprintf(out, PATH_BYTES, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    }
    return out;
}

bool keyring_check(struct str directory, struct str key_file, struct error *err)
{
    struct keyring k = {0};
    struct arena arena;
    char parent[PATH_BYTES];
    arena_init(&arena, 4 * PATH_BYTES);
    bool ok = keyring_read(&k, directory, key_file, &arena, err);
    bool to_be_made = ok && !k.from_environment && !k.keys[KEYRING_CURRENT].bytes;
    if (to_be_made && key_file.len > 0 && k.path.ptr &&
        access(directory_of(k.path.ptr, parent), W_OK | X_OK) != 0) {
        ok =
            error_set(err, ERR_KEY, "key file '%.*s': it is not there and cannot be made: '%s': %s",
                      STR_ARG(k.path), parent, strerrordesc_np(errno));
    }
    keyring_done(&k);
    arena_done(&arena);
    return ok;
}

const struct key *keyring_find(const struct keyring *k, struct str id)
{
    for (size_t i = 0; i < KEYRING_N; i++) {
        if (k->keys[i].bytes && str_eq(str_from(k->keys[i].id), id)) {
            return &k->keys[i];
        }
    }
    return NULL;
}

// ---- making keys

static bool sync_directory(const char *path, struct error *err)
{
    char directory[PATH_BYTES];
    int fd = open(directory_of(path, directory), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    int number = errno;
    if (fd >= 0) {
        close(fd);
    }
    return ok || error_set(err, ERR_KEY, "directory '%s' of the key file: %s", directory,
                           strerrordesc_np(number));
}

// A whole file under a temporary name that is nobody's key.
static bool write_key(const char *path, struct key *k, struct error *err)
{
    unsigned char bytes[SEALING_KEY_BYTES];
    char text[sodium_base64_ENCODED_LEN(SEALING_KEY_BYTES, sodium_base64_VARIANT_ORIGINAL) + 1];
    randombytes_buf(bytes, sizeof bytes);
    sodium_bin2base64(text, sizeof text - 1, bytes, sizeof bytes, sodium_base64_VARIANT_ORIGINAL);
    size_t n = strlen(text);
    text[n++] = '\n';
    (void)unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ssize_t written = fd >= 0 ? write(fd, text, n) : -1;
    bool ok = written == (ssize_t)n && fsync(fd) == 0;
    int number = written >= 0 && written < (ssize_t)n ? ENOSPC : errno;
    if (fd >= 0) {
        close(fd);
    }
    if (ok) {
        key_set(k, bytes);
    } else if (fd >= 0) {
        (void)unlink(path);
    }
    secret_wipe(bytes, sizeof bytes);
    secret_wipe(text, sizeof text);
    return ok || error_set(err, number == ENOSPC ? ERR_STORE_FULL : ERR_KEY,
                           "key file '%s' cannot be written: %s", path, strerrordesc_np(number));
}

static const char *temporary_path(const struct keyring *k, char out[PATH_BYTES])
{
    snprintf(out, PATH_BYTES, "%.*s.%ld", STR_ARG(k->path), (long)getpid());
    return out;
}

bool keyring_make_first(struct keyring *k, struct error *err)
{
    char temporary[PATH_BYTES];
    struct key *key = &k->keys[KEYRING_CURRENT];
    assert(!k->from_environment && !key->bytes);
    if (!write_key(temporary_path(k, temporary), key, err)) {
        return false;
    }
    // link does not replace: of two programs that make a first key, one wins.
    bool made = link(temporary, k->path.ptr) == 0;
    int number = errno;
    (void)unlink(temporary);
    if (!made && number != EEXIST) {
        return error_set(err, ERR_KEY, "key file '%.*s' cannot be made: %s", STR_ARG(k->path),
                         strerrordesc_np(number));
    }
    return (made || key_read(key, k->path.ptr, err)) && sync_directory(k->path.ptr, err);
}

bool keyring_make_new(struct keyring *k, struct error *err)
{
    char temporary[PATH_BYTES];
    char path[PATH_BYTES];
    if (!write_key(temporary_path(k, temporary), &k->keys[KEYRING_NEW], err)) {
        return false;
    }
    if (rename(temporary, new_path(k, path)) != 0) {
        int number = errno;
        (void)unlink(temporary);
        return error_set(err, ERR_KEY, "key file '%s' cannot be written: %s", path,
                         strerrordesc_np(number));
    }
    return sync_directory(path, err);
}

bool keyring_promote(struct keyring *k, struct error *err)
{
    char path[PATH_BYTES];
    if (rename(new_path(k, path), k->path.ptr) != 0) {
        return error_set(err, ERR_KEY, "key file '%s' cannot take the place of '%.*s': %s", path,
                         STR_ARG(k->path), strerrordesc_np(errno));
    }
    key_done(&k->keys[KEYRING_CURRENT]);
    k->keys[KEYRING_CURRENT] = k->keys[KEYRING_NEW];
    k->keys[KEYRING_NEW] = (struct key){0};
    return sync_directory(k->path.ptr, err);
}

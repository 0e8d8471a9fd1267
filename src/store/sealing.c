#include "store/sealing.h"

#include "store/keyring.h"

#include <sodium.h>

enum {
    MAGIC = 0x5ea1ed00,
    LOCK_WAIT_MS = 30000,
    ROWS_MAX = 100000, // of one rotation
    READS_MAX = 3,     // of the keys, while another program changes them
    ARENA_BYTES = 64 * 1024 * 1024,
};

struct sealing {
    uint32_t magic;
    struct store *store;
    struct arena arena;
    struct str key_file;
    struct keyring ring;
    char current[SEALING_ID_MAX];
};

static bool read_keys(struct sealing *s, struct error *err)
{
    return keyring_read(&s->ring, store_path(s->store), s->key_file, &s->arena, err);
}

bool sealing_open(const struct sealing_options *options, struct sealing **ret, struct error *err)
{
    struct sealing *s = calloc(1, sizeof *s);
    if (!s) {
        abort();
    }
    s->magic = MAGIC;
    s->store = options->store;
    arena_init(&s->arena, ARENA_BYTES);
    s->key_file = arena_dup(&s->arena, options->key_file);
    if (!read_keys(s, err)) {
        sealing_close(s);
        return false;
    }
    *ret = s;
    return true;
}

void sealing_close(struct sealing *s)
{
    if (!s) {
        return;
    }
    assert(s->magic == MAGIC);
    keyring_done(&s->ring);
    arena_done(&s->arena);
    s->magic = 0;
    free(s);
}

const char *sealing_key_id(const struct sealing *s)
{
    return s->current;
}

// ---- choosing a key

static bool no_such_key(const struct sealing *s, struct str id, struct error *err)
{
    const struct key *k = &s->ring.keys[KEYRING_CURRENT];
    char where[512];
    if (s->ring.from_environment) {
        snprintf(where, sizeof where, "SLUICE_KEY holds %s", k->id);
    } else {
        snprintf(where, sizeof where, "'%.*s' holds %s", STR_ARG(str_sub(s->ring.path, 0, 400)),
                 k->bytes ? k->id : "none");
    }
    return error_set(err, ERR_KEY,
                     "the store is sealed with key %.*s, and %s; give that key with --key-file (a "
                     "server: --master-key-file) or SLUICE_KEY. If it is lost: sluice keys forget "
                     "%.*s gives up what it sealed, then each connection is authorized anew",
                     STR_ARG(id), where, STR_ARG(id));
}

// The key of that id; reads the keys anew when it is not known, as after another program's
// rotation.
static const struct key *find_key(struct sealing *s, struct str id, struct error *err)
{
    for (int reads = 0; reads < READS_MAX; reads++) {
        const struct key *k = keyring_find(&s->ring, id);
        if (k) {
            return k;
        }
        if (!read_keys(s, err)) {
            return NULL;
        }
    }
    no_such_key(s, id, err);
    return NULL;
}

// The id of the key that sealed what is in the store; empty when nothing is.
static bool stored_id(struct sealing *s, struct arena *arena, struct str *ret, struct error *err)
{
    struct sql_value some;
    *ret = (struct str){NULL, 0};
    if (!sql_once_int(store_sql(s->store), STR("SELECT 1 FROM secret LIMIT 1"), NULL, 0, &some,
                      err)) {
        return store_fail(err);
    }
    return some.type == SQL_NULL || store_meta_get(s->store, "key_id", arena, ret, err);
}

bool sealing_check_keys(struct str directory, struct str key_file, struct error *err)
{
    return keyring_check(directory, key_file, err);
}

bool sealing_check(struct sealing *s, struct error *err)
{
    struct str id;
    struct arena arena;
    arena_init(&arena, 4096);
    bool ok = stored_id(s, &arena, &id, err) && (id.len == 0 || find_key(s, id, err));
    arena_done(&arena);
    return ok;
}

static const struct key *key_to_seal(struct sealing *s, struct arena *arena, struct error *err)
{
    struct str id;
    // Machines have files of their own, so two might each make the first key, or one a new one.
    if (!store_exclude_others(s->store, "sealing", err) || !stored_id(s, arena, &id, err)) {
        return NULL;
    }
    if (id.len > 0) {
        return find_key(s, id, err);
    }
    struct key *first = &s->ring.keys[KEYRING_CURRENT];
    if ((!first->bytes && !keyring_make_first(&s->ring, err)) ||
        !store_meta_set(s->store, "key_id", str_from(first->id), err)) {
        return NULL;
    }
    return first;
}

// ---- sealing and unsealing

// What is encrypted: owner, NUL, what, NUL, the secret.
static void add_head(struct buf *b, const struct seal_name *name)
{
    assert(!memchr(name->owner.ptr, '\0', name->owner.len));
    assert(!memchr(name->what.ptr, '\0', name->what.len));
    buf_add(b, name->owner);
    buf_add_char(b, '\0');
    buf_add(b, name->what);
    buf_add_char(b, '\0');
}

static size_t head_len(const struct seal_name *name)
{
    return name->owner.len + name->what.len + 2;
}

static struct sealed seal_with(const struct key *k, const struct seal_name *name,
                               const struct secret *plain, struct arena *arena)
{
    struct buf b;
    size_t n = head_len(name) + secret_len(plain);
    buf_init(&b, n + 1);
    (void)buf_reserve(&b, n); // never grows: no copies are left behind
    add_head(&b, name);
    buf_add(&b, secret_reveal(plain));
    assert(!b.overflow && b.len == n);
    char *nonce = arena_alloc(arena, crypto_secretbox_NONCEBYTES);
    char *bytes = arena_alloc(arena, n + crypto_secretbox_MACBYTES);
    randombytes_buf(nonce, crypto_secretbox_NONCEBYTES);
    int rc = crypto_secretbox_easy((unsigned char *)bytes, (const unsigned char *)b.ptr, n,
                                   (const unsigned char *)nonce,
                                   (const unsigned char *)secret_reveal(k->bytes).ptr);
    assert(rc == 0);
    secret_buf_done(&b);
    return (struct sealed){.key_id = arena_dup(arena, str_from(k->id)),
                           .nonce = {nonce, crypto_secretbox_NONCEBYTES},
                           .bytes = {bytes, n + crypto_secretbox_MACBYTES}};
}

// Owners that are no connections say what they are: "bridge:..."
static bool of_owner(const struct seal_name *name, struct error *err)
{
    const char *kind = str_find_char(name->owner, ':') < 0 ? "connection " : "";
    return error_context(err, "%s%.*s", kind, STR_ARG(name->owner));
}

bool sealing_seal(struct sealing *s, const struct seal_name *name, const struct secret *plain,
                  struct arena *arena, struct sealed *ret, struct error *err)
{
    assert(s->magic == MAGIC && sql_transaction_state(store_sql(s->store)) == SQL_OPEN);
    const struct key *k = key_to_seal(s, arena, err);
    if (!k) {
        return of_owner(name, err);
    }
    snprintf(s->current, sizeof s->current, "%s", k->id);
    *ret = seal_with(k, name, plain, arena);
    return true;
}

static bool altered(const struct seal_name *name, struct error *err)
{
    error_set(err, ERR_KEY,
              "its stored %.*s has been altered or belongs to another; store it anew, a connection "
              "by logging in again",
              STR_ARG(name->what));
    return of_owner(name, err);
}

bool sealing_unseal(struct sealing *s, const struct seal_name *name, const struct sealed *sealed,
                    struct secret **ret, struct error *err)
{
    assert(s->magic == MAGIC);
    size_t head = head_len(name);
    if (sealed->nonce.len != crypto_secretbox_NONCEBYTES ||
        sealed->bytes.len < head + crypto_secretbox_MACBYTES ||
        sealed->bytes.len > SECRET_MAX + head + crypto_secretbox_MACBYTES) {
        return altered(name, err);
    }
    const struct key *k = find_key(s, sealed->key_id, err);
    if (!k) {
        return of_owner(name, err);
    }
    struct buf plain;
    struct buf wanted;
    size_t n = sealed->bytes.len - crypto_secretbox_MACBYTES;
    buf_init(&plain, n + 1);
    buf_init(&wanted, head + 1);
    char *out = buf_reserve(&plain, n);
    add_head(&wanted, name);
    bool ok =
        crypto_secretbox_open_easy((unsigned char *)out, (const unsigned char *)sealed->bytes.ptr,
                                   sealed->bytes.len, (const unsigned char *)sealed->nonce.ptr,
                                   (const unsigned char *)secret_reveal(k->bytes).ptr) == 0;
    buf_commit(&plain, ok ? n : 0);
    ok = ok && str_starts(buf_str(&plain), buf_str(&wanted));
    if (ok) {
        *ret = secret_create(str_sub(buf_str(&plain), head, n));
    }
    secret_buf_done(&plain);
    buf_done(&wanted);
    return ok || altered(name, err);
}

// ---- rotation

struct secret_row {
    struct seal_name name;
    struct sealed sealed;
};

static bool read_rows(struct sealing *s, struct arena *arena, struct secret_row **ret,
                      size_t *ret_n, struct error *err)
{
    struct sql_value count;
    struct sql *db = store_sql(s->store);
    if (!sql_once_int(db, STR("SELECT count(*) FROM secret"), NULL, 0, &count, err)) {
        return store_fail(err);
    }
    if (count.num > ROWS_MAX) {
        return error_set(err, ERR_LIMIT, "the store holds %lld secrets, over the limit of %d",
                         (long long)count.num, ROWS_MAX);
    }
    struct secret_row *rows = ARENA_ARRAY(arena, struct secret_row, (size_t)count.num + 1);
    struct sql_stmt *st = NULL;
    size_t n = 0;
    bool row = false;
    bool ok = sql_once_query(db, STR("SELECT connection, what, key_id, nonce, sealed FROM secret"),
                             NULL, 0, &st, err);
    while (ok && (ok = sql_next(st, &row, err)) && row) {
        assert(n < (size_t)count.num); // one transaction
        rows[n++] = (struct secret_row){.name = {arena_dup(arena, sql_column_str(st, 0)),
                                                 arena_dup(arena, sql_column_str(st, 1))},
                                        .sealed = {arena_dup(arena, sql_column_str(st, 2)),
                                                   arena_dup(arena, sql_column_str(st, 3)),
                                                   arena_dup(arena, sql_column_str(st, 4))}};
    }
    sql_finalize(st);
    *ret = rows;
    *ret_n = n;
    return ok || store_fail(err);
}

static bool reseal(struct sealing *s, const struct secret_row *row, const struct key *k,
                   struct error *err)
{
    static const struct str TEXT = STR_INIT("UPDATE secret SET key_id = $1, nonce = $2, sealed = "
                                            "$3 WHERE connection = $4 AND what = $5");
    struct secret *plain = NULL;
    struct arena arena;
    if (!sealing_unseal(s, &row->name, &row->sealed, &plain, err)) {
        return false;
    }
    arena_init(&arena, ARENA_BYTES);
    struct sealed x = seal_with(k, &row->name, plain, &arena);
    struct sql_value args[] = {sql_text(x.key_id), sql_blob(x.nonce), sql_blob(x.bytes),
                               sql_text(row->name.owner), sql_text(row->name.what)};
    bool ok =
        sql_once(store_sql(s->store), TEXT, args, ARRAY_LEN(args), NULL, err) || store_fail(err);
    secret_destroy(plain);
    arena_done(&arena);
    return ok;
}

// All rows and the name of the key in one transaction.
static bool reseal_all(struct sealing *s, size_t *ret_rows, struct error *err)
{
    const struct key *k = &s->ring.keys[KEYRING_NEW];
    struct secret_row *rows = NULL;
    size_t n = 0;
    struct arena arena;
    if (!store_begin(s->store, err)) {
        return false;
    }
    arena_init(&arena, ARENA_BYTES);
    bool ok =
        store_exclude_others(s->store, "sealing", err) && read_rows(s, &arena, &rows, &n, err);
    for (size_t i = 0; ok && i < n; i++) {
        ok = reseal(s, &rows[i], k, err);
    }
    ok = ok && store_meta_set(s->store, "key_id", str_from(k->id), err);
    arena_done(&arena);
    if (!store_end(s->store, ok, err)) {
        return false;
    }
    *ret_rows = n;
    return true;
}

// Brings the new key into its place: made, or given by the environment.
static bool prepare_new(struct sealing *s, struct error *err)
{
    struct str id;
    struct arena arena;
    arena_init(&arena, 4096);
    bool ok = read_keys(s, err) && stored_id(s, &arena, &id, err);
    const struct key *next = &s->ring.keys[KEYRING_NEW];
    if (ok && id.len > 0 && !keyring_find(&s->ring, id)) {
        ok = no_such_key(s, id, err);
    } else if (ok && s->ring.from_environment && !next->bytes) {
        ok = error_set(err, ERR_KEY,
                       "the key comes from SLUICE_KEY; put the new one into SLUICE_KEY_NEW and run "
                       "this again (openssl rand -base64 %d makes one)",
                       SEALING_KEY_BYTES);
    } else if (ok && !s->ring.from_environment) {
        // A rotation that was cut behind its transaction is finished first.
        bool half_done = next->bytes && str_eq(id, str_from(next->id));
        ok = (!half_done || keyring_promote(&s->ring, err)) && keyring_make_new(&s->ring, err);
    }
    arena_done(&arena);
    return ok;
}

bool sealing_rotate(struct sealing *s, size_t *ret_rows, struct error *err)
{
    struct store_lock *lock = NULL;
    size_t rows = 0;
    assert(s->magic == MAGIC);
    if (!store_lock_take(s->store, STR("keys"), LOCK_WAIT_MS, &lock, err)) {
        return false;
    }
    bool ok = prepare_new(s, err) && reseal_all(s, &rows, err);
    if (ok) {
        snprintf(s->current, sizeof s->current, "%s", s->ring.keys[KEYRING_NEW].id);
        *ret_rows = rows;
        ok = (s->ring.from_environment || keyring_promote(&s->ring, err)) &&
             store_forget_old_pages(s->store, err);
    }
    store_lock_release(lock);
    return ok;
}

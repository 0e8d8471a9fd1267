#include "api/frame.h"

#include <sodium.h>

// Answers may hold secrets (a new key, a link that authorizes), so what is kept can be opened only
// with the caller's own API key, of which the store has a hash alone.

enum { AT_ONCE = 256 };

_Static_assert((int)IDEMPOTENCY_HASH == (int)crypto_generichash_BYTES, "one hash");
_Static_assert((int)API_HASH == (int)crypto_secretbox_KEYBYTES, "a hash is a key");

struct in_progress {
    pthread_mutex_t lock;
    struct {
        bool used;
        char hash[IDEMPOTENCY_HASH];
    } rows[AT_ONCE];
};

struct in_progress *in_progress_create(void)
{
    struct in_progress *p = calloc(1, sizeof(*p));
    if (!p || sodium_init() < 0) {
        abort();
    }
    pthread_mutex_init(&p->lock, NULL);
    return p;
}

void in_progress_destroy(struct in_progress *p)
{
    if (!p) {
        return;
    }
    pthread_mutex_destroy(&p->lock);
    free(p);
}

// Each part with its length in front, so that no two lists of parts look alike.
static void hash_parts(const struct str *parts, size_t n, char *out)
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, IDEMPOTENCY_HASH);
    for (size_t i = 0; i < n; i++) {
        uint64_t len = parts[i].len;
        crypto_generichash_update(&state, (const unsigned char *)&len, sizeof(len));
        crypto_generichash_update(&state, (const unsigned char *)parts[i].ptr, parts[i].len);
    }
    crypto_generichash_final(&state, (unsigned char *)out, IDEMPOTENCY_HASH);
}

static bool is_printable(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < 0x20 || s.ptr[i] > 0x7e) {
            return false;
        }
    }
    return true;
}

static void refuse_in_progress(struct api_frame *f)
{
    api_refuse(&f->call, 409, "idempotency_in_progress",
               "a request with this Idempotency-Key is being carried out: ask again in a moment");
    api_header(&f->call, "Retry-After", STR("1"));
}

// One request of a key at a time in this process; the store sees to other processes.
static bool enter(struct in_progress *p, const char *hash)
{
    size_t at = AT_ONCE;
    bool ok = true;
    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < AT_ONCE; i++) {
        if (!p->rows[i].used) {
            at = i;
        } else if (memcmp(p->rows[i].hash, hash, IDEMPOTENCY_HASH) == 0) {
            ok = false;
        }
    }
    ok = ok && at < AT_ONCE;
    if (ok) {
        p->rows[at].used = true;
        memcpy(p->rows[at].hash, hash, IDEMPOTENCY_HASH);
    }
    pthread_mutex_unlock(&p->lock);
    return ok;
}

bool api_idempotent_enter(struct api_frame *f, struct idempotent *i)
{
    *i = (struct idempotent){.entered = false};
    const struct http_server_request *q = f->call.http;
    struct str key = http_server_header(q, "idempotency-key");
    if (!key.ptr || !(f->call.route->flags & API_CREATES) || f->call.key.id.len == 0) {
        return true;
    }
    if (key.len == 0 || key.len > IDEMPOTENCY_KEY_MAX || !is_printable(key)) {
        api_refuse(&f->call, 400, "config",
                   "the header Idempotency-Key must be 1 to %d printable ASCII characters, for "
                   "example a UUID",
                   IDEMPOTENCY_KEY_MAX);
        return false;
    }
    i->key = key;
    struct str request[] = {q->method, q->target, q->body, f->call.key.id};
    hash_parts(request, ARRAY_LEN(request), i->hash);
    char name[IDEMPOTENCY_HASH];
    struct str parts[] = {f->call.account_id, key};
    hash_parts(parts, ARRAY_LEN(parts), name);
    i->stored_key = arena_dup(f->call.arena, (struct str){name, sizeof(name)});
    i->entered = enter(f->api->in_progress, i->stored_key.ptr);
    if (!i->entered) {
        refuse_in_progress(f);
    }
    return i->entered;
}

void api_idempotent_leave(struct api_frame *f, struct idempotent *i)
{
    struct in_progress *p = f->api->in_progress;
    if (!i->entered) {
        return;
    }
    pthread_mutex_lock(&p->lock);
    for (size_t at = 0; at < AT_ONCE; at++) {
        if (p->rows[at].used &&
            memcmp(p->rows[at].hash, i->stored_key.ptr, IDEMPOTENCY_HASH) == 0) {
            p->rows[at].used = false;
        }
    }
    pthread_mutex_unlock(&p->lock);
    i->entered = false;
}

static void box_key(struct api_frame *f, unsigned char *out)
{
    struct str parts[] = {STR("idempotent answer"), f->key_text};
    hash_parts(parts, ARRAY_LEN(parts), (char *)out);
}

static struct str close_box(struct api_frame *f, struct str plain)
{
    unsigned char key[crypto_secretbox_KEYBYTES];
    box_key(f, key);
    size_t n = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + plain.len;
    unsigned char *box = arena_alloc(f->call.arena, n);
    randombytes_buf(box, crypto_secretbox_NONCEBYTES);
    crypto_secretbox_easy(box + crypto_secretbox_NONCEBYTES, (const unsigned char *)plain.ptr,
                          plain.len, box, key);
    sodium_memzero(key, sizeof(key));
    return api_base64_make(f->call.arena, (struct str){(const char *)box, n});
}

static bool open_box(struct api_frame *f, struct str text, struct str *ret)
{
    struct str box;
    size_t head = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES;
    if (!api_base64_read(f->call.arena, text, &box) || box.len < head) {
        return false;
    }
    unsigned char key[crypto_secretbox_KEYBYTES];
    box_key(f, key);
    char *plain = arena_alloc(f->call.arena, box.len - head + 1);
    const unsigned char *bytes = (const unsigned char *)box.ptr;
    int result =
        crypto_secretbox_open_easy((unsigned char *)plain, bytes + crypto_secretbox_NONCEBYTES,
                                   box.len - crypto_secretbox_NONCEBYTES, bytes, key);
    sodium_memzero(key, sizeof(key));
    *ret = (struct str){plain, box.len - head};
    return result == 0;
}

static void replay(struct api_frame *f, struct idempotent *i, const struct idempotent_answer *a)
{
    struct str body = STR("");
    if (!str_eq(a->request_hash, (struct str){i->hash, sizeof(i->hash)}) ||
        (a->body.len > 0 && !open_box(f, a->body, &body))) {
        api_refuse(&f->call, 422, "idempotency_key_reused",
                   "the Idempotency-Key \"%.*s\" was used for another request: take a new one for "
                   "each",
                   STR_ARG(i->key));
        return;
    }
    if (body.len > 0) {
        api_json(&f->call, a->status, body);
    } else {
        api_none(&f->call);
        f->call.response->status = a->status;
    }
    api_header(&f->call, "Idempotency-Replayed", STR("true"));
}

bool api_idempotent_begin(struct api_frame *f, struct idempotent *i)
{
    if (i->key.len == 0) {
        return true;
    }
    struct idempotent_answer a;
    struct error err;
    if (!idempotency_find(f->call.store, f->call.account_id, i->key, f->call.arena, &a, &err)) {
        api_fail(&f->call, &err);
        return false;
    }
    if (a.status != 0) {
        replay(f, i, &a);
    }
    return a.status == 0;
}

bool api_idempotent_store(struct api_frame *f, struct idempotent *i, struct error *err)
{
    if (i->key.len == 0) {
        return true;
    }
    struct str body = buf_str(&f->call.response->body);
    struct idempotent_answer a = {
        .request_hash = {i->hash, sizeof(i->hash)},
        .status = f->call.response->status,
        .body = body.len > 0 ? close_box(f, body) : STR(""),
    };
    return idempotency_put(f->call.store, f->call.account_id, i->key, &a, err);
}

bool api_idempotent_keep(struct api_frame *f, struct idempotent *i)
{
    struct error err;
    if (api_idempotent_store(f, i, &err)) {
        return true;
    }
    api_unanswer(f);
    if (err.code == ERR_CONFLICT) {
        refuse_in_progress(f);
    } else {
        api_fail(&f->call, &err);
    }
    return false;
}

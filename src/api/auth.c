#include "api/frame.h"

#include <sodium.h>

enum {
    CACHED = 128,              // keys that are remembered
    KEEP_US = 3 * 1000 * 1000, // how long: another process's revocation is seen after this
    ADDRESSES = 256,           // callers whose failures are counted
    FAILURES_MAX = 20,         // in a minute, before a caller has to wait
    WINDOW_US = 60 * 1000 * 1000,
    LOOK_US = 100 * 1000, // a caller that has to wait gets a key looked up so often
    ADDRESS_TEXT_MAX = 64,
    ID_TEXT_MAX = 64,
};

// A key that was let in a moment ago, by the hash of its text.
struct cached_key {
    bool used;
    unsigned char hash[API_HASH];
    int64_t until_us;
    char id[ID_TEXT_MAX + 1];
    char account_id[ID_TEXT_MAX + 1];
    char name[API_KEY_NAME_MAX + 1];
    char prefix[ID_TEXT_MAX + 1];
    enum api_key_scope scope;
    int64_t expires_ms;
    int64_t created_ms;
};

struct failures {
    char address[ADDRESS_TEXT_MAX];
    unsigned n;
    int64_t since_us;
    int64_t looked_us;
};

struct keyring_cache {
    unsigned char salt[API_HASH]; // so that nobody can choose keys that meet
    pthread_mutex_t lock;         // guards what follows
    struct cached_key keys[CACHED];
    struct failures addresses[ADDRESSES];
    uint64_t generation; // grows when all is forgotten
};

struct keyring_cache *keyring_cache_create(void)
{
    struct keyring_cache *k = calloc(1, sizeof(*k));
    if (!k || sodium_init() < 0) {
        abort();
    }
    randombytes_buf(k->salt, sizeof(k->salt));
    pthread_mutex_init(&k->lock, NULL);
    return k;
}

void keyring_cache_destroy(struct keyring_cache *k)
{
    if (!k) {
        return;
    }
    pthread_mutex_destroy(&k->lock);
    free(k);
}

void keyring_cache_clear(struct keyring_cache *k)
{
    pthread_mutex_lock(&k->lock);
    for (size_t i = 0; i < CACHED; i++) {
        k->keys[i].used = false;
    }
    k->generation++;
    pthread_mutex_unlock(&k->lock);
}

static struct cached_key *slot_of(struct keyring_cache *k, const unsigned char *hash)
{
    return &k->keys[hash[0] % CACHED];
}

static bool cache_find(struct api_frame *f, const unsigned char *hash, struct api_key *ret)
{
    struct keyring_cache *k = f->api->keys;
    const struct clock *clock = f->call.site->clock;
    struct arena *arena = f->call.arena;
    pthread_mutex_lock(&k->lock);
    const struct cached_key *c = slot_of(k, hash);
    bool found = c->used && clock_mono_us(clock) < c->until_us &&
                 sodium_memcmp(c->hash, hash, API_HASH) == 0 &&
                 (c->expires_ms == 0 || clock_now_ms(clock) < c->expires_ms);
    if (found) {
        *ret = (struct api_key){
            .id = arena_dup(arena, str_from(c->id)),
            .account_id = arena_dup(arena, str_from(c->account_id)),
            .name = arena_dup(arena, str_from(c->name)),
            .prefix = arena_dup(arena, str_from(c->prefix)),
            .scope = c->scope,
            .expires_ms = c->expires_ms,
            .created_ms = c->created_ms,
        };
    }
    pthread_mutex_unlock(&k->lock);
    return found;
}

// Whether a key of this hash is one that was good when it was looked up last, however long ago.
static bool was_let_in(struct api_frame *f, const unsigned char *hash)
{
    struct keyring_cache *k = f->api->keys;
    pthread_mutex_lock(&k->lock);
    const struct cached_key *c = slot_of(k, hash);
    bool was = c->used && sodium_memcmp(c->hash, hash, API_HASH) == 0;
    pthread_mutex_unlock(&k->lock);
    return was;
}

static void cache_drop(struct api_frame *f, const unsigned char *hash)
{
    struct keyring_cache *k = f->api->keys;
    pthread_mutex_lock(&k->lock);
    struct cached_key *c = slot_of(k, hash);
    c->used = c->used && sodium_memcmp(c->hash, hash, API_HASH) != 0;
    pthread_mutex_unlock(&k->lock);
}

static bool copy_text(char *to, size_t size, struct str from)
{
    if (from.len >= size) {
        return false;
    }
    if (from.len > 0) {
        memcpy(to, from.ptr, from.len);
    }
    to[from.len] = '\0';
    return true;
}

// `generation`: from before the look-up, so that a key revoked meanwhile is not remembered.
static void cache_put(struct api_frame *f, const unsigned char *hash, const struct api_key *key,
                      uint64_t generation)
{
    struct keyring_cache *k = f->api->keys;
    struct cached_key c = {
        .used = true,
        .until_us = clock_mono_us(f->call.site->clock) + KEEP_US,
        .scope = key->scope,
        .expires_ms = key->expires_ms,
        .created_ms = key->created_ms,
    };
    memcpy(c.hash, hash, API_HASH);
    if (!copy_text(c.id, sizeof(c.id), key->id) ||
        !copy_text(c.account_id, sizeof(c.account_id), key->account_id) ||
        !copy_text(c.name, sizeof(c.name), key->name) ||
        !copy_text(c.prefix, sizeof(c.prefix), key->prefix)) {
        return; // looked up each time then
    }
    pthread_mutex_lock(&k->lock);
    if (k->generation == generation) {
        *slot_of(k, hash) = c;
    }
    pthread_mutex_unlock(&k->lock);
}

static uint64_t generation(struct keyring_cache *k)
{
    pthread_mutex_lock(&k->lock);
    uint64_t ret = k->generation;
    pthread_mutex_unlock(&k->lock);
    return ret;
}

// ---- failures

// The row of an address; the one that failed longest ago makes room. The lock is held.
static struct failures *row_of(struct keyring_cache *k, struct str address, bool make,
                               int64_t now_us)
{
    struct str text = str_sub(address, 0, ADDRESS_TEXT_MAX - 1);
    struct failures *oldest = &k->addresses[0];
    for (size_t i = 0; i < ADDRESSES; i++) {
        struct failures *row = &k->addresses[i];
        if (row->n > 0 && str_eq(str_from(row->address), text)) {
            return row;
        }
        if (row->n == 0 || (oldest->n > 0 && row->since_us < oldest->since_us)) {
            oldest = row;
        }
    }
    if (!make) {
        return NULL;
    }
    *oldest = (struct failures){.since_us = now_us};
    if (text.len > 0) {
        memcpy(oldest->address, text.ptr, text.len);
    }
    return oldest;
}

// Seconds that the address has to wait; 0: it need not. A caller that must wait still has a key
// looked up now and then, so that a good one gets in from an address that others share, as behind
// a proxy; from then on it does not wait for turns that others use up.
static int64_t must_wait_s(struct api_frame *f, bool failed)
{
    struct keyring_cache *k = f->api->keys;
    int64_t now_us = clock_mono_us(f->call.site->clock);
    int64_t wait_s = 0;
    pthread_mutex_lock(&k->lock);
    struct failures *row = row_of(k, f->call.http->address, failed, now_us);
    if (row && row->n > 0 && now_us - row->since_us >= WINDOW_US) {
        row->n = 0;
        row->since_us = now_us;
    }
    if (row) {
        row->n += failed;
        bool over = row->n > FAILURES_MAX;
        bool look = !failed && over && now_us - row->looked_us >= LOOK_US;
        if (look) {
            row->looked_us = now_us;
        } else if (over) {
            wait_s = (row->since_us + WINDOW_US - now_us) / 1000000 + 1;
        }
    }
    pthread_mutex_unlock(&k->lock);
    return wait_s;
}

static bool refuse_for_a_while(struct api_frame *f, int64_t wait_s)
{
    api_refuse(&f->call, 429, "too_many_failures",
               "too many requests with keys that are not valid came from this address: wait %lld s",
               (long long)wait_s);
    api_header(&f->call, "Retry-After", arena_printf(f->call.arena, "%lld", (long long)wait_s));
    return false;
}

static const struct {
    const char *code, *message;
} VERDICTS[] = {
    [API_KEY_UNKNOWN] = {"invalid_api_key", "the API key is not known: make one with sluice keys "
                                            "create, or see the one the first start printed"},
    [API_KEY_EXPIRED] = {"expired_api_key", "the API key has expired: make another"},
    [API_KEY_REVOKED] = {"invalid_api_key", "the API key was revoked: make another"},
};

static bool refuse_key(struct api_frame *f, enum api_key_verdict verdict)
{
    int64_t wait_s = must_wait_s(f, true);
    if (wait_s > 0) {
        return refuse_for_a_while(f, wait_s);
    }
    api_refuse(&f->call, 401, VERDICTS[verdict].code, "%s", VERDICTS[verdict].message);
    api_header(&f->call, "WWW-Authenticate", STR("Bearer realm=\"sluice\""));
    return false;
}

static bool look_up(struct api_frame *f, const unsigned char *hash, struct api_key *ret)
{
    int64_t wait_s = was_let_in(f, hash) ? 0 : must_wait_s(f, false);
    if (wait_s > 0) {
        return refuse_for_a_while(f, wait_s);
    }
    if (!api_need_store(f)) {
        return false;
    }
    uint64_t before = generation(f->api->keys);
    enum api_key_verdict verdict = API_KEY_UNKNOWN;
    struct error err;
    if (!api_key_verify(f->call.store, f->key_text, f->call.arena, ret, &verdict, &err)) {
        api_fail(&f->call, &err);
        return false;
    }
    if (verdict == API_KEY_GOOD && str_eq(ret->account_id, f->call.site->account_id)) {
        cache_put(f, hash, ret, before);
        return true;
    }
    cache_drop(f, hash);
    return refuse_key(f, verdict == API_KEY_GOOD ? API_KEY_UNKNOWN : verdict);
}

static struct str key_of(const struct http_server_request *q)
{
    struct str key = str_trim(http_server_header(q, "x-api-key"));
    if (key.len > 0) {
        return key;
    }
    struct str bearer = str_trim(http_server_header(q, "authorization"));
    if (bearer.len > 7 && str_eq_nocase(str_sub(bearer, 0, 7), STR("bearer "))) {
        return str_trim(str_sub(bearer, 7, bearer.len));
    }
    return (struct str){NULL, 0};
}

static bool check_scope(struct api_frame *f)
{
    const struct api_route *route = f->call.route;
    enum api_key_scope need = route->scope;
    if ((route->flags & (API_CHANGES | API_ALONE)) && need == API_KEY_READ) {
        need = API_KEY_WRITE;
    }
    if (f->call.key.scope >= need) {
        return true;
    }
    api_refuse(&f->call, 403, "insufficient_scope",
               "the API key %.*s has scope %s, but this operation needs %s",
               STR_ARG(f->call.key.prefix), api_key_scope_name(f->call.key.scope),
               api_key_scope_name(need));
    return false;
}

bool api_authenticate(struct api_frame *f)
{
    f->key_text = key_of(f->call.http);
    if (f->key_text.len == 0) {
        api_refuse(&f->call, 401, "missing_api_key", "send an API key in the header x-api-key");
        api_header(&f->call, "WWW-Authenticate", STR("Bearer realm=\"sluice\""));
        return false;
    }
    if (f->key_text.len > API_KEY_TEXT_MAX) {
        return refuse_key(f, API_KEY_UNKNOWN);
    }
    unsigned char hash[API_HASH];
    crypto_generichash(hash, sizeof(hash), (const unsigned char *)f->key_text.ptr, f->key_text.len,
                       f->api->keys->salt, sizeof(f->api->keys->salt));
    return (cache_find(f, hash, &f->call.key) || look_up(f, hash, &f->call.key)) && check_scope(f);
}

#include "sim/credentials.h"

#include <sodium.h>

enum { BUCKETS_MIN = 256, PURGE_MIN = 4096 };

void credentials_init(struct credentials *t)
{
    *t = (struct credentials){.n_buckets = BUCKETS_MIN, .purge_at = PURGE_MIN};
    t->buckets = calloc(t->n_buckets, sizeof(struct credential *));
    if (!t->buckets || sodium_init() < 0) {
        abort();
    }
}

void credentials_done(struct credentials *t)
{
    for (size_t i = 0; i < t->n_buckets; i++) {
        while (t->buckets[i]) {
            struct credential *next = t->buckets[i]->next;
            free(t->buckets[i]);
            t->buckets[i] = next;
        }
    }
    free(t->buckets);
    *t = (struct credentials){0};
}

struct credential *credentials_find(const struct credentials *t, struct str text)
{
    uint64_t hash = str_hash(text);
    struct credential *c = t->buckets[hash & (t->n_buckets - 1)];
    while (c && (c->hash != hash || !str_eq((struct str){c->text, c->len}, text))) {
        c = c->next;
    }
    return c;
}

// Moves what is still of use into `n_buckets` buckets and frees the rest.
static void rebuild(struct credentials *t, size_t n_buckets, int64_t forget_before_ms)
{
    struct credential **buckets = calloc(n_buckets, sizeof(struct credential *));
    if (!buckets) {
        abort();
    }
    t->n = 0;
    for (size_t i = 0; i < t->n_buckets; i++) {
        while (t->buckets[i]) {
            struct credential *c = t->buckets[i];
            t->buckets[i] = c->next;
            if (c->expires_ms < forget_before_ms) {
                free(c);
                continue;
            }
            struct credential **head = &buckets[c->hash & (n_buckets - 1)];
            c->next = *head;
            *head = c;
            t->n++;
        }
    }
    free(t->buckets);
    t->buckets = buckets;
    t->n_buckets = n_buckets;
}

struct credential *credentials_add(struct credentials *t, enum credential_kind kind,
                                   struct str text, struct grant *grant, int64_t now_ms,
                                   int64_t life_ms)
{
    assert(!credentials_find(t, text) && life_ms > 0);
    if (t->n >= t->purge_at) {
        rebuild(t, t->n_buckets, now_ms - CREDENTIAL_MEMORY_MS);
        t->purge_at = MAX(t->n * 2, (size_t)PURGE_MIN);
    }
    if (t->n >= t->n_buckets) {
        rebuild(t, t->n_buckets * 2, INT64_MIN);
    }
    struct credential *c = calloc(1, sizeof(*c) + text.len + 1);
    if (!c) {
        abort();
    }
    c->hash = str_hash(text);
    c->kind = kind;
    c->grant = grant;
    c->created_ms = now_ms;
    c->expires_ms = life_ms == INT64_MAX ? INT64_MAX : now_ms + life_ms;
    c->len = text.len;
    memcpy(c->text, text.ptr, text.len);
    struct credential **head = &t->buckets[c->hash & (t->n_buckets - 1)];
    c->next = *head;
    *head = c;
    t->n++;
    return c;
}

struct str credential_random(struct arena *arena, size_t bytes)
{
    unsigned char *raw = arena_alloc(arena, bytes);
    size_t size = sodium_base64_ENCODED_LEN(bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    char *text = arena_alloc(arena, size);
    randombytes_buf(raw, bytes);
    sodium_bin2base64(text, size, raw, bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return str_from(text);
}

struct str credential_random_uuid(struct arena *arena, const char *prefix)
{
    uint16_t r[8];
    randombytes_buf(r, sizeof(r));
    return arena_printf(arena, "%s%04x%04x-%04x-4%03x-%04x-%04x%04x%04x", prefix, r[0], r[1], r[2],
                        r[3] & 0xfffU, (r[4] & 0x3fffU) | 0x8000U, r[5], r[6], r[7]);
}

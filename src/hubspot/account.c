#include "core/limits.h"
#include "hubspot/budget_share.h"
#include "hubspot/internal.h"

#include <fcntl.h>
#include <sodium.h>
#include <unistd.h>

enum { PORTAL_TEXT_MAX = 24 };

static struct str own(struct str s)
{
    char *copy = malloc(s.len + 1);
    if (!copy) {
        abort();
    }
    memcpy(copy, s.ptr ? s.ptr : "", s.len);
    copy[s.len] = '\0';
    return (struct str){copy, s.len};
}

struct hubspot *hubspot_create(const struct hubspot_options *options)
{
    struct hubspot *h = calloc(1, sizeof *h);
    if (!h) {
        abort();
    }
    h->options = *options;
    h->options.token = (struct str){NULL, 0};
    h->options.base_url = own(options->base_url);
    h->credential = options->credential;
    h->owns_credential = !options->credential;
    if (h->owns_credential) {
        h->credential = credential_static(secret_create(options->token));
    }
    struct credential_facts facts;
    credential_facts(h->credential, &facts);
    h->options.connection = own(options->connection.len > 0 ? options->connection : facts.name);
    h->budget_options = (struct budget_options){
        .share = options->share,
        .search_per_second = options->search_per_second,
        .daily_limit = options->daily_limit,
        .seed = (uint64_t)clock_mono_us(options->clock) ^ (uint64_t)getpid(),
    };
    h->budget = budget_create(&h->budget_options);
    return h;
}

// Which app calls, since each app has a window of its own: all tokens of an OAuth client are one,
// each other token is one by itself. 64 bits of a hash that cannot be turned back.
static bool app_key(struct hubspot *h, uint64_t *ret, struct error *err)
{
    struct credential_facts facts;
    struct buf name;
    uint64_t generation = 0;
    credential_facts(h->credential, &facts);
    buf_init(&name, LIMIT_HEADER_BYTES);
    bool ok = true;
    if (credential_is_static(h->credential)) {
        ok = credential_bearer(h->credential, &name, &generation, err);
    } else {
        buf_add(&name, facts.app);
    }
    unsigned char hash[crypto_generichash_BYTES_MIN];
    crypto_generichash(hash, sizeof hash, (const unsigned char *)name.ptr, name.len, NULL, 0);
    memcpy(ret, hash, sizeof *ret);
    if (name.ptr) {
        explicit_bzero(name.ptr, name.cap);
    }
    buf_done(&name);
    return ok;
}

// Whose account a static token is of, noted in a file for those that call without asking.
static int64_t noted_portal(const char *note)
{
    char text[PORTAL_TEXT_MAX];
    int fd = open(note, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text) : -1;
    if (fd >= 0) {
        close(fd);
    }
    int64_t id = 0;
    bool known = n > 0 && str_to_int64(str_trim((struct str){text, (size_t)n}), &id);
    return known && id > 0 ? id : 0;
}

// In one piece: others read it at any time. Without it, they have a budget of the token.
static void note_portal(const char *note, int64_t portal_id)
{
    char text[PORTAL_TEXT_MAX];
    char next[4096];
    int len = snprintf(text, sizeof text, "%lld\n", (long long)portal_id);
    if (noted_portal(note) == portal_id ||
        snprintf(next, sizeof next, "%s.%ld", note, (long)gettid()) >= (int)sizeof next) {
        return;
    }
    int fd = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return;
    }
    bool whole = write(fd, text, (size_t)len) == len;
    close(fd);
    if (!whole || rename(next, note) != 0) {
        unlink(next);
    }
}

// The file of the account's budget, or while nobody has said which account it is, of the token's.
static void budget_path(const struct hubspot *h, struct str directory, uint64_t app,
                        int64_t portal_id, struct buf *ret)
{
    unsigned long long place = str_hash(h->options.base_url) >> 32;
    if (credential_is_static(h->credential)) {
        buf_printf(ret, "%.*s/portal-of-%016llx-%08llx", STR_ARG(directory),
                   (unsigned long long)app, place);
        if (portal_id > 0) {
            note_portal(buf_cstr(ret), portal_id);
        } else {
            portal_id = noted_portal(buf_cstr(ret));
        }
        buf_reset(ret);
    }
    if (portal_id > 0) {
        buf_printf(ret, "%.*s/budget-%lld-%08llx", STR_ARG(directory), (long long)portal_id, place);
    } else {
        buf_printf(ret, "%.*s/budget-of-%016llx-%08llx", STR_ARG(directory),
                   (unsigned long long)app, place);
    }
}

bool hubspot_share_budget(struct hubspot *h, struct str directory, int64_t portal_id,
                          struct error *err)
{
    struct budget_options options = h->budget_options;
    struct budget *shared = NULL;
    struct buf path;
    assert(portal_id > 0 || credential_is_static(h->credential));
    if (!app_key(h, &options.app, err)) {
        return false;
    }
    buf_init(&path, LIMIT_URL_BYTES);
    budget_path(h, directory, options.app, portal_id, &path);
    bool ok = budget_open(buf_cstr(&path), &options, &shared, err);
    buf_done(&path);
    if (ok) {
        budget_adopt(shared, h->budget, clock_now_ms(h->options.clock));
        budget_destroy(h->budget);
        h->budget = shared;
        h->budget_options = options;
    }
    return ok;
}

void hubspot_destroy(struct hubspot *h)
{
    if (!h) {
        return;
    }
    budget_destroy(h->budget);
    if (h->owns_credential) {
        credential_destroy(h->credential);
    }
    free((char *)(uintptr_t)h->options.base_url.ptr); // our own copies
    free((char *)(uintptr_t)h->options.connection.ptr);
    free(h);
}

struct budget *hubspot_budget(struct hubspot *h)
{
    return h->budget;
}

void hubspot_figures(const struct hubspot *h, struct hubspot_figures *ret)
{
    *ret = (struct hubspot_figures){
        .calls = atomic_load(&h->calls),
        .retries = atomic_load(&h->retries),
        .refused = atomic_load(&h->refused),
        .bytes = atomic_load(&h->bytes),
        .renewed = atomic_load(&h->renewed),
        .resent = atomic_load(&h->resent),
    };
}

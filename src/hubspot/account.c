#include "hubspot/internal.h"

#include <unistd.h>

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
    h->budget = budget_create(&(struct budget_options){
        .share = options->share,
        .search_per_second = options->search_per_second,
        .daily_limit = options->daily_limit,
        .seed = (uint64_t)clock_mono_us(options->clock) ^ (uint64_t)getpid(),
    });
    return h;
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

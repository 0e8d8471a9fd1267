#include "hubspot/credential.h"

struct credential {
    struct secret *token;
    struct credential_facts facts;
    struct arena arena; // the texts of the facts
};

void token_set_done(struct token_set *t)
{
    secret_destroy(t->access);
    secret_destroy(t->refresh);
    *t = (struct token_set){0};
}

struct credential *credential_static(struct secret *token)
{
    assert(token);
    struct credential *c = calloc(1, sizeof *c);
    if (!c) {
        abort();
    }
    arena_init(&c->arena, SECRET_MAX);
    c->token = token;
    return c;
}

void credential_destroy(struct credential *c)
{
    if (!c) {
        return;
    }
    secret_destroy(c->token);
    arena_done(&c->arena);
    free(c);
}

void credential_set_facts(struct credential *c, const struct credential_facts *facts)
{
    c->facts = (struct credential_facts){
        .portal_id = facts->portal_id,
        .app = arena_dup(&c->arena, facts->app),
        .scopes = arena_dup(&c->arena, facts->scopes),
        .name = arena_dup(&c->arena, facts->name),
    };
}

void credential_facts(const struct credential *c, struct credential_facts *ret)
{
    *ret = c->facts;
}

bool credential_bearer(struct credential *c, struct buf *authorization, uint64_t *ret_generation,
                       struct error *err)
{
    buf_add_cstr(authorization, "Bearer ");
    if (!buf_add(authorization, secret_reveal(c->token))) {
        return error_set(err, ERR_LIMIT, "the token is longer than its buffer");
    }
    *ret_generation = 1;
    return true;
}

bool credential_refused(struct credential *c, uint64_t generation, struct error *err)
{
    (void)c;
    (void)generation;
    return error_set(err, ERR_CREDENTIALS, "HubSpot does not accept the token");
}

bool credential_mask(struct credential *c, char *text, size_t len)
{
    return secret_mask(c->token, text, len);
}

uint64_t credential_refreshes(const struct credential *c)
{
    (void)c;
    return 0;
}

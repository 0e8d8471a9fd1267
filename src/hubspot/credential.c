#include "hubspot/credential.h"

#include "core/limits.h"
#include "core/random.h"

#include <pthread.h>

enum {
    MAGIC = 0x63726564,
    FACTS_BYTES = 64 * 1024,
    RENEW_PERCENT = 75,      // of the token's life
    HOLD_OFF_MS = 60000,     // after a failure that trying again will not mend
    FRESH_MS = 10000,        // a token refused sooner after its issue than this (or a quarter of
                             // its life) is not renewed: that would not help, only repeat
    SLICE_US = 100000,       // waits look at `cancel` so often
    BACKOFF_FIRST_MS = 1000, // doubles with every failure in a row
    BACKOFF_MAX_MS = 60000,
    RETRY_AFTER_MAX_MS = 3600 * 1000,
    DEAD_MARGIN_MS = 1000,     // a token is not used in its last second (or tenth of its life)
    RELOAD_EVERY_US = 1000000, // a dead connection looks for a new login this often
};

struct credential {
    uint32_t magic;
    struct arena arena; // own copies of texts
    struct credential_facts facts;
    struct secret *fixed; // a static token; NULL: OAuth
    // From here on OAuth only.
    struct oauth_app app;
    struct secret *client_secret;
    struct token_store store;
    const struct clock *clock;
    const struct log *log;
    const struct cancel *cancel;
    const struct request_log *request_log;
    pthread_mutex_t lock;
    pthread_cond_t landed;    // a flight is over
    struct token_set tokens;  // in use
    int64_t issued_us;        // of those, by the monotonic clock
    int64_t due_us;           // to be renewed
    int64_t dead_us;          // at an end
    struct secret *before;    // the access token before that, for masking
    struct token_set unsaved; // HubSpot gave these, the store has not taken them yet
    uint64_t generation;      // of tokens.access; 0: none
    uint64_t refused;         // the generation that HubSpot has answered 401 to
    uint64_t forced;          // the generation that was asked for because of a 401
    bool loaded;              // the store was read once
    bool flying;              // one thread is renewing, without holding the lock
    uint64_t flights;         // that are over
    int64_t not_before_us;    // of the next flight, after one that failed
    int64_t reload_us;        // when a dead connection was last looked up
    int failures;             // flights in a row that failed
    bool will_stay;           // the last failure: trying again soon will not mend it
    struct error failure;     // of the last flight that failed
    uint64_t refreshes;
    struct random random;
};

void token_set_done(struct token_set *t)
{
    secret_destroy(t->access);
    secret_destroy(t->refresh);
    *t = (struct token_set){0};
}

// ---- making

static struct credential *create(void)
{
    struct credential *c = calloc(1, sizeof *c);
    if (!c) {
        abort();
    }
    c->magic = MAGIC;
    arena_init(&c->arena, FACTS_BYTES * 4);
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->landed, NULL);
    random_seed_entropy(&c->random);
    return c;
}

struct credential *credential_static(struct secret *token)
{
    assert(token);
    struct credential *c = create();
    c->fixed = token;
    return c;
}

struct credential *credential_oauth(const struct credential_oauth_options *o)
{
    struct credential *c = create();
    c->client_secret = secret_copy(o->app.client_secret);
    c->app = (struct oauth_app){.base_url = arena_dup(&c->arena, o->app.base_url),
                                .client_id = arena_dup(&c->arena, o->app.client_id),
                                .client_secret = c->client_secret,
                                .version = o->app.version};
    c->store = o->store;
    c->clock = o->clock;
    c->log = o->log;
    c->cancel = o->cancel;
    c->request_log = o->request_log;
    credential_set_facts(c, &o->facts);
    return c;
}

void credential_destroy(struct credential *c)
{
    if (!c) {
        return;
    }
    assert(c->magic == MAGIC && !c->flying);
    secret_destroy(c->fixed);
    secret_destroy(c->client_secret);
    secret_destroy(c->before);
    token_set_done(&c->tokens);
    token_set_done(&c->unsaved);
    pthread_cond_destroy(&c->landed);
    pthread_mutex_destroy(&c->lock);
    arena_done(&c->arena);
    c->magic = 0;
    free(c);
}

void credential_set_facts(struct credential *c, const struct credential_facts *facts)
{
    assert(facts->app.len + facts->scopes.len + facts->name.len < FACTS_BYTES);
    c->facts = (struct credential_facts){
        .portal_id = facts->portal_id,
        .app = arena_dup(&c->arena, facts->app),
        .scopes = arena_dup(&c->arena, facts->scopes),
        .name = arena_dup(&c->arena, facts->name),
    };
}

bool credential_is_static(const struct credential *c)
{
    return c->fixed != NULL;
}

void credential_facts(const struct credential *c, struct credential_facts *ret)
{
    *ret = c->facts;
}

// ---- the state of the tokens; all with the lock held

static int64_t life_ms(const struct token_set *t)
{
    return MAX(1, t->expires_ms - t->issued_ms);
}

static int64_t margin_ms(const struct token_set *t)
{
    return MIN(DEAD_MARGIN_MS, life_ms(t) / 10);
}

static int64_t renew_after_ms(const struct token_set *t)
{
    return life_ms(t) * RENEW_PERCENT / 100;
}

// A token's age goes on whatever happens to this machine's clock: both clocks must agree that it
// lives. The monotonic one does not see that the clock was set, the other one sees when the machine
// has slept.
static void note_times(struct credential *c)
{
    const struct token_set *t = &c->tokens;
    int64_t now_us = clock_mono_us(c->clock);
    int64_t age_ms = clock_now_ms(c->clock) - t->issued_ms;
    c->issued_us = now_us - MAX(0, age_ms) * 1000;
    c->dead_us = c->issued_us + (life_ms(t) - margin_ms(t)) * 1000;
    // Issued in the future: the clock was set back since, nobody knows how long ago that was.
    c->due_us = age_ms < 0 ? now_us : c->issued_us + renew_after_ms(t) * 1000;
}

static bool is_living(const struct credential *c)
{
    const struct token_set *t = &c->tokens;
    return t->access && !t->needs_reauthorization && c->generation != c->refused &&
           clock_mono_us(c->clock) < c->dead_us &&
           clock_now_ms(c->clock) < t->expires_ms - margin_ms(t);
}

static bool is_due(const struct credential *c)
{
    const struct token_set *t = &c->tokens;
    return !t->access || clock_mono_us(c->clock) >= c->due_us ||
           clock_now_ms(c->clock) >= t->issued_ms + renew_after_ms(t);
}

static bool must_reauthorize(const struct credential *c, struct error *err)
{
    return error_set(err, ERR_REAUTHORIZE,
                     "connection %.*s: HubSpot no longer accepts its refresh token; somebody must "
                     "grant access again: sluice login hubspot --name %.*s",
                     STR_ARG(c->facts.name), STR_ARG(c->facts.name));
}

static void take_tokens(struct credential *c, struct token_set *t)
{
    bool changed = t->access && !secret_eq(t->access, c->tokens.access);
    if (changed) {
        secret_destroy(c->before);
        c->before = c->tokens.access;
        c->tokens.access = NULL;
        c->generation++;
    }
    token_set_done(&c->tokens);
    c->tokens = *t;
    *t = (struct token_set){0};
    note_times(c);
}

static bool give(const struct credential *c, struct buf *authorization, uint64_t *ret_generation,
                 struct error *err)
{
    const struct secret *token = c->fixed ? c->fixed : c->tokens.access;
    buf_add_cstr(authorization, "Bearer ");
    if (!buf_add(authorization, secret_reveal(token))) {
        return error_set(err, ERR_LIMIT, "the token is longer than its buffer");
    }
    *ret_generation = c->fixed ? 1 : c->generation;
    return true;
}

// ---- one flight: without the lock, by one thread at a time

struct flight {
    struct token_set now;     // copies of what was in use when it began
    struct token_set unsaved; // moved here
    struct token_set result;
    bool adopted; // the result is another process's
    bool asked;   // the token endpoint
};

static struct token_set copy_tokens(const struct token_set *t)
{
    struct token_set copy = *t;
    copy.access = secret_copy(t->access);
    copy.refresh = secret_copy(t->refresh);
    return copy;
}

// The data of two accounts must not come into one destination.
static bool is_ours(const struct credential *c, const struct oauth_tokens *fresh, struct error *err)
{
    int64_t ours = c->facts.portal_id;
    return ours == 0 || fresh->portal_id == 0 || fresh->portal_id == ours ||
           error_set(err, ERR_ACCOUNT_CHANGED,
                     "connection %.*s belongs to account %lld, but HubSpot gives a token for "
                     "account %lld; log in again: sluice login hubspot --name %.*s",
                     STR_ARG(c->facts.name), (long long)ours, (long long)fresh->portal_id,
                     STR_ARG(c->facts.name));
}

static bool ask_hubspot(struct credential *c, const struct token_set *stored, struct token_set *ret,
                        struct error *err)
{
    struct oauth_caller *caller = oauth_caller_create(
        &(struct oauth_caller_options){c->clock, c->cancel, c->request_log, c->facts.name});
    struct oauth_request request = {.kind = OAUTH_REFRESH, .token = stored->refresh};
    struct oauth_tokens fresh = {0};
    int64_t asked_ms = clock_now_ms(c->clock); // its life counts from here: rather too short
    bool ok = oauth_call_tokens(caller, &c->app, &request, &fresh, err);
    oauth_caller_destroy(caller);
    if (!ok || !is_ours(c, &fresh, err)) {
        oauth_tokens_done(&fresh);
        return false;
    }
    *ret = (struct token_set){
        .access = fresh.access,
        .refresh = fresh.refresh ? fresh.refresh : secret_copy(stored->refresh),
        .issued_ms = asked_ms,
        .expires_ms = asked_ms + fresh.expires_in_ms,
    };
    return true;
}

// Somebody else's tokens, newer than ours?
static bool is_news(const struct flight *f, const struct token_set *stored, int64_t now_ms)
{
    return stored->access && !stored->needs_reauthorization &&
           !secret_eq(stored->access, f->now.access) && now_ms < stored->expires_ms;
}

// With the lock of the store: what another process has stored meanwhile, or what HubSpot gives now.
static bool renew(struct credential *c, struct flight *f, struct error *err)
{
    struct token_set stored = {0};
    if (!c->store.load(c->store.user, &stored, err)) {
        return false;
    }
    bool ok = true;
    if (is_news(f, &stored, clock_now_ms(c->clock))) {
        f->result = stored;
        f->adopted = true;
        return true;
    }
    if (f->unsaved.access && secret_eq(stored.access, f->now.access)) {
        f->result = f->unsaved; // HubSpot gave them before, the store was not able to take them
        f->unsaved = (struct token_set){0};
    } else if (stored.needs_reauthorization || !stored.refresh) {
        ok = must_reauthorize(c, err);
    } else {
        f->asked = true;
        ok = ask_hubspot(c, &stored, &f->result, err);
    }
    if (ok && !c->store.save(c->store.user, &f->result, err)) {
        f->unsaved = f->result; // used only once they are stored
        f->result = (struct token_set){0};
        ok = false;
    } else if (!ok && err->code == ERR_REAUTHORIZE && !stored.needs_reauthorization) {
        struct token_set dead = {.issued_ms = stored.issued_ms,
                                 .expires_ms = stored.expires_ms,
                                 .needs_reauthorization = true};
        struct error why = *err;
        struct error ignored;
        // Not being able to store it costs one more attempt by another process.
        (void)!c->store.save(c->store.user, &dead, &ignored);
        (void)must_reauthorize(c, err);
        error_context(&why, "connection %.*s", STR_ARG(c->facts.name));
        if (c->log) {
            log_line(c->log, LOG_ERROR, "connection needs to be authorized again",
                     LOG_S("connection", c->facts.name), LOG_C("reason", why.message));
        }
    }
    token_set_done(&stored);
    return ok;
}

static bool fly(struct credential *c, struct flight *f, struct error *err)
{
    if (!c->store.lock(c->store.user, err)) {
        return false;
    }
    bool ok = renew(c, f, err);
    c->store.unlock(c->store.user);
    return ok;
}

// Notes how it went, with the lock held.
static void land(struct credential *c, struct flight *f, bool ok, const struct error *err)
{
    token_set_done(&c->unsaved);
    c->unsaved = f->unsaved;
    c->refreshes += f->asked;
    token_set_done(&f->now);
    if (ok) {
        c->failures = 0;
        c->not_before_us = 0;
        take_tokens(c, &f->result);
    } else {
        c->failure = *err;
        // HubSpot says when to come back; nobody is kept waiting for longer than a backoff.
        c->will_stay = !error_info(err->code)->retryable || err->retry_after_ms > BACKOFF_MAX_MS;
        c->tokens.needs_reauthorization = err->code == ERR_REAUTHORIZE;
        int64_t delay_ms = BACKOFF_FIRST_MS << MIN(c->failures, 6);
        delay_ms += (int64_t)(random_unit(&c->random) * 0.5 * (double)delay_ms);
        delay_ms = c->will_stay ? HOLD_OFF_MS : MIN(delay_ms, BACKOFF_MAX_MS);
        delay_ms = MAX(delay_ms, MIN(err->retry_after_ms, RETRY_AFTER_MAX_MS));
        c->not_before_us = clock_mono_us(c->clock) + delay_ms * 1000;
        c->failures++;
    }
    c->flying = false;
    c->flights++;
    pthread_cond_broadcast(&c->landed);
}

// Renews, or waits for the thread that does. With the lock held, which is given back meanwhile.
static void make_flight(struct credential *c)
{
    struct flight f = {.now = copy_tokens(&c->tokens), .unsaved = c->unsaved};
    struct error err = {0};
    c->unsaved = (struct token_set){0};
    c->flying = true;
    pthread_mutex_unlock(&c->lock);
    bool ok = fly(c, &f, &err);
    pthread_mutex_lock(&c->lock);
    if (c->log && (ok || err.code != ERR_REAUTHORIZE)) {
        log_line(c->log, ok ? LOG_INFO : LOG_WARN,
                 ok ? "access token renewed" : "access token could not be renewed",
                 LOG_S("connection", c->facts.name),
                 LOG_C("by", f.adopted ? "another process" : "us"),
                 LOG_C("reason", ok ? "" : err.message));
    }
    land(c, &f, ok, &err);
}

// ---- what callers see

// Reads the store without renewing: at the start, and when a dead connection may have been logged
// in again.
static bool load(struct credential *c, struct error *err)
{
    struct token_set stored = {0};
    c->flying = true;
    pthread_mutex_unlock(&c->lock);
    bool ok = c->store.load(c->store.user, &stored, err);
    pthread_mutex_lock(&c->lock);
    c->flying = false;
    c->reload_us = clock_mono_us(c->clock);
    pthread_cond_broadcast(&c->landed);
    if (ok) {
        take_tokens(c, &stored);
    }
    return ok;
}

// Sleeps until the next flight may start or another thread's flight is over, in slices. With the
// lock held, which is given back meanwhile.
static bool wait_until_allowed(struct credential *c, struct error *err)
{
    uint64_t flights = c->flights;
    while (clock_mono_us(c->clock) < c->not_before_us && !c->flying && c->flights == flights) {
        if (cancel_requested(c->cancel)) {
            return error_set(err, ERR_INTERRUPTED, "interrupted");
        }
        int64_t left_us = c->not_before_us - clock_mono_us(c->clock);
        pthread_mutex_unlock(&c->lock);
        c->clock->sleep_us(c->clock, MIN(left_us, SLICE_US));
        pthread_mutex_lock(&c->lock);
    }
    return true;
}

// Trying again would not help, or has not helped often enough: for a while nobody tries.
static bool has_given_up(const struct credential *c)
{
    return (c->will_stay || c->failures >= LIMIT_TRIES) && c->failures > 0 &&
           clock_mono_us(c->clock) < c->not_before_us;
}

// Until there is a living token: waits for others' flights or makes its own, LIMIT_TRIES in all.
static bool wait_for_token(struct credential *c, struct error *err)
{
    uint64_t first = c->flights;
    while (!is_living(c)) {
        if (c->flying) {
            pthread_cond_wait(&c->landed, &c->lock);
        } else if (c->tokens.needs_reauthorization) {
            return must_reauthorize(c, err);
        } else if (has_given_up(c) || c->flights - first >= LIMIT_TRIES) {
            *err = c->failure;
            return false;
        } else if (clock_mono_us(c->clock) < c->not_before_us) {
            if (!wait_until_allowed(c, err)) {
                return false;
            }
        } else {
            make_flight(c);
        }
    }
    return true;
}

// The store has been read, and a dead connection looked up again now and then.
static bool be_informed(struct credential *c, struct error *err)
{
    while (c->flying && !c->tokens.access) {
        pthread_cond_wait(&c->landed, &c->lock);
    }
    if (!c->loaded) {
        c->loaded = load(c, err);
        return c->loaded;
    }
    if (c->tokens.needs_reauthorization && !c->flying &&
        clock_mono_us(c->clock) - c->reload_us >= RELOAD_EVERY_US) {
        return load(c, err);
    }
    return true;
}

static bool oauth_bearer(struct credential *c, struct error *err)
{
    if (!be_informed(c, err)) {
        return false;
    }
    if (c->tokens.needs_reauthorization) {
        return must_reauthorize(c, err);
    }
    if (is_living(c) && is_due(c) && !c->flying && clock_mono_us(c->clock) >= c->not_before_us) {
        make_flight(c); // when it fails, the old one still serves
    }
    return wait_for_token(c, err);
}

bool credential_bearer(struct credential *c, struct buf *authorization, uint64_t *ret_generation,
                       struct error *err)
{
    assert(c->magic == MAGIC);
    if (c->fixed) {
        return give(c, authorization, ret_generation, err);
    }
    pthread_mutex_lock(&c->lock);
    bool ok = oauth_bearer(c, err) && give(c, authorization, ret_generation, err);
    pthread_mutex_unlock(&c->lock);
    return ok;
}

static bool refused_again(const struct credential *c, struct error *err)
{
    return error_set(err, ERR_CREDENTIALS,
                     "connection %.*s: HubSpot refuses the access token that it has just issued",
                     STR_ARG(c->facts.name));
}

static bool oauth_refused(struct credential *c, uint64_t generation, struct error *err)
{
    while (c->flying && c->generation == generation) {
        pthread_cond_wait(&c->landed, &c->lock);
    }
    if (c->generation != generation && is_living(c)) {
        return true;
    }
    int64_t age_ms = (clock_mono_us(c->clock) - c->issued_us) / 1000;
    if (generation == c->forced && age_ms < MIN(FRESH_MS, life_ms(&c->tokens) / 4)) {
        return refused_again(c, err);
    }
    c->refused = MAX(c->refused, generation);
    if (!wait_for_token(c, err)) {
        return false;
    }
    c->forced = c->generation;
    return true;
}

bool credential_refused(struct credential *c, uint64_t generation, struct error *err)
{
    assert(c->magic == MAGIC);
    if (c->fixed) {
        return error_set(err, ERR_CREDENTIALS, "HubSpot does not accept the token");
    }
    pthread_mutex_lock(&c->lock);
    bool ok = oauth_refused(c, generation, err);
    pthread_mutex_unlock(&c->lock);
    return ok;
}

bool credential_mask(struct credential *c, char *text, size_t len)
{
    bool found = false;
    pthread_mutex_lock(&c->lock);
    const struct secret *all[] = {c->fixed,          c->before,         c->tokens.access,
                                  c->tokens.refresh, c->unsaved.access, c->unsaved.refresh,
                                  c->client_secret};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        found = (all[i] && secret_mask(all[i], text, len)) || found;
    }
    pthread_mutex_unlock(&c->lock);
    return found;
}

uint64_t credential_refreshes(struct credential *c)
{
    pthread_mutex_lock(&c->lock);
    uint64_t n = c->refreshes;
    pthread_mutex_unlock(&c->lock);
    return n;
}

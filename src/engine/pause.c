#include "engine/engine_internal.h"
#include "store/connections.h"
#include "store/events.h"
#include "store/runs.h"

enum { EVENT_ONCE_MS = 24 * 3600 * 1000, CONNECTION_BYTES_MAX = 1 << 20 };

// A token of a private app that HubSpot refuses stays refused; one of OAuth is renewed first, and
// only when that is refused the credential is dead.
static const struct {
    enum error_code code;
    bool oauth_too;
} DEAD[] = {{ERR_REAUTHORIZE, true}, {ERR_CREDENTIALS, false}};

static bool is_dead(struct str code, enum connection_kind kind)
{
    for (size_t i = 0; i < ARRAY_LEN(DEAD); i++) {
        if (str_eq_nocase(code, str_from(error_info(DEAD[i].code)->name))) {
            return DEAD[i].oauth_too || kind == CONNECTION_TOKEN;
        }
    }
    return false;
}

static bool is_other_grant(struct str code)
{
    return str_eq_nocase(code, str_from(error_info(ERR_ACCOUNT_CHANGED)->name));
}

static bool may_be_dead(struct str code)
{
    return is_dead(code, CONNECTION_TOKEN) || is_dead(code, CONNECTION_OAUTH) ||
           is_other_grant(code);
}

// The run had a credential that was replaced while it was at work: with the new one at once.
static bool ask_again(struct store *s, const struct stream_run_row *run, struct arena *arena,
                      struct error *err)
{
    struct elt_sync sync;
    struct stream_run_row next;
    struct run_wish wish = {.account_id = run->account_id, .stream_id = run->stream_id};
    bool made = false;
    if (!elt_sync_find(s, run->account_id, run->sync_id, arena, &sync, err)) {
        return err->code == ERR_NOT_FOUND;
    }
    return !sync.enabled || stream_run_request(s, &wish, arena, &next, &made, err);
}

// Several streams find out one after another: one of them says so.
static bool say_once(struct store *s, struct stored_event *event, struct arena *arena,
                     bool *ret_said, struct error *err)
{
    int64_t now_ms = 0;
    struct str newest = STR("");
    if (!store_now_ms(s, &now_ms, err) ||
        !event_last_of_connection(s, event->connection_id, now_ms - EVENT_ONCE_MS, arena, &newest,
                                  err)) {
        return false;
    }
    *ret_said = !str_eq(newest, event->kind);
    return !*ret_said || event_add(s, event, err);
}

bool pause_connection(struct engine *e, struct store *s, const struct stream_run_row *run,
                      struct error *err)
{
    struct arena arena;
    struct connection c;
    bool said = false;
    if (run->status != RUN_FAILED || !may_be_dead(run->error_code)) {
        return true;
    }
    struct stored_event event = {.account_id = run->account_id,
                                 .kind = STR("connection.needs_reauthorization"),
                                 .connection_id = run->connection_id,
                                 .data = STR("{}")};
    arena_init(&arena, CONNECTION_BYTES_MAX);
    if (!connection_find(s, run->connection_id, &arena, &c, err)) {
        arena_done(&arena);
        return err->code == ERR_USAGE; // deleted meanwhile
    }
    bool waits = c.state == CONNECTION_NEEDS_REAUTHORIZATION;
    bool ok = true;
    bool dead = is_dead(run->error_code, c.kind);
    // A credential that came while the run was at work is another one.
    bool other = c.updated_ms > run->updated_ms;
    if (!waits && other && (dead || is_other_grant(run->error_code))) {
        ok = ask_again(s, run, &arena, err);
    } else if (!waits && dead) {
        ok = connection_refuse(s, c.name, c.updated_ms, &waits, err);
    }
    if (ok && dead && waits) {
        ok = say_once(s, &event, &arena, &said, err);
    }
    if (ok && said) {
        log_line(e->options.log, LOG_ERROR,
                 "a connection needs to be authorized anew; its syncs wait until then",
                 LOG_S("connection", run->connection_id), LOG_S("error", run->error_message));
    }
    arena_done(&arena);
    return ok;
}

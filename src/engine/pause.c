#include "engine/engine_internal.h"
#include "store/connections.h"
#include "store/events.h"

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

static bool may_be_dead(struct str code)
{
    return is_dead(code, CONNECTION_TOKEN) || is_dead(code, CONNECTION_OAUTH);
}

// Several streams find out one after another.
static bool is_told(struct store *s, struct str connection, int64_t now_ms, bool *ret,
                    struct error *err)
{
    static const struct str TEXT = STR_INIT(
        "SELECT CASE WHEN kind = 'connection.needs_reauthorization' THEN 1 ELSE 0 END FROM event "
        "WHERE at_ms > $1 AND connection_id = $2 AND kind LIKE 'connection.%' "
        "ORDER BY id DESC LIMIT 1");
    struct sql_value args[] = {sql_int(now_ms - EVENT_ONCE_MS), sql_text(connection)};
    struct sql_value newest = sql_null();
    if (!sql_once_int(store_sql(s), TEXT, args, ARRAY_LEN(args), &newest, err)) {
        return store_fail(err);
    }
    *ret = newest.type == SQL_INT && newest.num == 1;
    return true;
}

static bool set_state(struct store *s, struct str connection, int64_t now_ms, struct error *err)
{
    static const struct str TEXT =
        STR_INIT("UPDATE connection SET state = $1, updated_ms = $2 WHERE name = $3");
    struct sql_value args[] = {
        sql_text(str_from(connection_state_name(CONNECTION_NEEDS_REAUTHORIZATION))),
        sql_int(now_ms), sql_text(connection)};
    return sql_once(store_sql(s), TEXT, args, ARRAY_LEN(args), NULL, err) || store_fail(err);
}

bool pause_connection(struct engine *e, struct store *s, const struct stream_run_row *run,
                      struct error *err)
{
    struct arena arena;
    struct connection c;
    int64_t now_ms = 0;
    bool told = false;
    if (run->status != RUN_FAILED || !may_be_dead(run->error_code)) {
        return true;
    }
    arena_init(&arena, CONNECTION_BYTES_MAX);
    struct stored_event event = {.account_id = run->account_id,
                                 .kind = STR("connection.needs_reauthorization"),
                                 .connection_id = run->connection_id,
                                 .data = STR("{}")};
    if (!connection_find(s, run->connection_id, &arena, &c, err)) {
        arena_done(&arena);
        return err->code == ERR_USAGE || err->code == ERR_NOT_FOUND; // deleted meanwhile
    }
    // A credential that came while the run was at work is another one.
    bool replaced = c.state == CONNECTION_ACTIVE && c.updated_ms > run->updated_ms;
    bool dead = is_dead(run->error_code, c.kind) && !replaced;
    bool ok = true;
    if (dead) {
        ok = store_now_ms(s, &now_ms, err) && is_told(s, run->connection_id, now_ms, &told, err) &&
             (c.state == CONNECTION_NEEDS_REAUTHORIZATION ||
              set_state(s, run->connection_id, now_ms, err)) &&
             (told || event_add(s, &event, err));
    }
    if (ok && dead && !told) {
        log_line(e->options.log, LOG_ERROR,
                 "a connection needs to be authorized anew; its syncs wait until then",
                 LOG_S("connection", run->connection_id), LOG_S("error", run->error_message));
    }
    arena_done(&arena);
    return ok;
}

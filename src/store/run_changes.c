#include "store/run_changes.h"

#include "store/sync_rows.h"

static bool read_change(struct row *row, void *item, struct error *err)
{
    struct run_change *c = item;
    c->run_id = row_text(row);
    c->sync_id = row_text(row);
    c->stream_id = row_text(row);
    c->connection_id = row_text(row);
    c->status = run_read_status(row);
    c->details = row_text(row);
    c->records = row_int(row);
    c->bytes = row_int(row);
    c->calls = row_int(row);
    c->rejects = row_int(row);
    c->estimated = row_int(row);
    c->retry_attempt = row_int(row);
    c->updated_ms = row_int(row);
    return row_check(row, "run", c->run_id, err);
}

bool run_changes(struct store *s, const struct run_changes_query *q, struct arena *arena,
                 struct run_change **ret, size_t *ret_n, struct error *err)
{
    struct sql_value args[] = {sql_text(q->account_id), sql_int(q->since_ms),
                               sql_int((int64_t)q->max)};
    struct statement st = {
        STR("SELECT id, sync_id, stream_id, connection_id, status, details, records, bytes, calls,"
            " rejects, estimated, retry_attempt, updated_ms FROM stream_run"
            " WHERE active = 1 AND account_id = $1 AND updated_ms >= $2"
            " ORDER BY updated_ms, id LIMIT $3"),
        args, ARRAY_LEN(args)};
    struct row_list list = {.arena = arena, .size = sizeof(**ret), .read = read_change};
    if (!rows_list(s, &st, &list, err)) {
        return false;
    }
    *ret = list.items;
    *ret_n = list.n;
    return true;
}

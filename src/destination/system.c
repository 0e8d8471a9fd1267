#include "destination/statements.h"

#include "core/limits.h"
#include "core/timestamp.h"

static const struct column STATE_COLUMNS[] = {
    {STR_INIT("stream"), COL_TEXT},
    {STR_INIT("state"), COL_TEXT},
    {STR_INIT("version"), COL_INT},
    {STR_INIT("updated_at"), COL_TIMESTAMP},
};
const struct table TABLE_STATE = {STR_INIT("_sluice_state"), STATE_COLUMNS,
                                  ARRAY_LEN(STATE_COLUMNS), 1};

static const struct column COLUMN_COLUMNS[] = {
    {STR_INIT("object"), COL_TEXT},     {STR_INIT("property"), COL_TEXT},
    {STR_INIT("column"), COL_TEXT},     {STR_INIT("type"), COL_TEXT},
    {STR_INIT("since"), COL_TIMESTAMP},
};
// A property that changed its type has a column for each, so the column is part of the key.
const struct table TABLE_COLUMN = {STR_INIT("_sluice_column"), COLUMN_COLUMNS,
                                   ARRAY_LEN(COLUMN_COLUMNS), 3};

static const struct column REJECT_COLUMNS[] = {
    {STR_INIT("stream"), COL_TEXT}, {STR_INIT("record_id"), COL_TEXT},
    {STR_INIT("column"), COL_TEXT}, {STR_INIT("raw_value"), COL_TEXT},
    {STR_INIT("reason"), COL_TEXT}, {STR_INIT("at"), COL_TIMESTAMP},
};
const struct table TABLE_REJECT = {STR_INIT("_sluice_reject"), REJECT_COLUMNS,
                                   ARRAY_LEN(REJECT_COLUMNS), 0};

static const struct column AUDIT_COLUMNS[] = {
    {STR_INIT("stream"), COL_TEXT},      {STR_INIT("window"), COL_TEXT},
    {STR_INIT("source_count"), COL_INT}, {STR_INIT("destination_count"), COL_INT},
    {STR_INIT("repaired"), COL_INT},     {STR_INIT("at"), COL_TIMESTAMP},
};
const struct table TABLE_AUDIT = {STR_INIT("_sluice_audit"), AUDIT_COLUMNS,
                                  ARRAY_LEN(AUDIT_COLUMNS), 2};

// status: "on", "off", or "renewed" (wiped, and on: not every row has a version yet).
static const struct column HISTORY_COLUMNS[] = {
    {STR_INIT("table"), COL_TEXT},      {STR_INIT("history"), COL_TEXT},
    {STR_INIT("status"), COL_TEXT},     {STR_INIT("reset"), COL_TEXT},
    {STR_INIT("since"), COL_TIMESTAMP},
};
const struct table TABLE_HISTORY = {STR_INIT("_sluice_history"), HISTORY_COLUMNS,
                                    ARRAY_LEN(HISTORY_COLUMNS), 1};

static void text_read_state(struct buf *b, const struct destination *d)
{
    buf_add_cstr(b, "SELECT \"version\", \"state\" FROM ");
    text_table(b, d, TABLE_STATE.name);
    buf_add_cstr(b, " WHERE \"stream\" = ");
    text_param(b, d, 1, COL_TEXT);
}

bool state_read(struct session *s, struct arena *arena, struct str *ret, struct error *err)
{
    struct buf text;
    buf_init(&text, STATEMENT_MAX);
    text_read_state(&text, s->dest);
    struct sql_value stream = sql_text(s->stream);
    struct sql_stmt *st = NULL;
    bool row = false;
    bool ok =
        sql_once_query(s->db, buf_str(&text), &stream, 1, &st, err) && sql_next(st, &row, err);
    if (ok) {
        s->state_known = true;
        s->state_version = row ? sql_column(st, 0).num : 0;
        struct str state = row ? sql_column_str(st, 1) : (struct str){0};
        *ret = state.ptr ? arena_dup(arena, state) : (struct str){0};
    }
    sql_finalize(st);
    buf_done(&text);
    return ok;
}

// The first state of a stream is inserted, later ones update the version that was read: when
// another program has been faster, no row changes.
static void text_write_state(struct buf *b, const struct destination *d, bool first)
{
    static const enum column_type TYPES[] = {COL_TEXT, COL_INT, COL_TIMESTAMP, COL_TEXT, COL_INT};
    static const char *const INSERT[] = {
        " (\"state\", \"version\", \"updated_at\", \"stream\") VALUES (", ", ", ", ", ", ",
        ") ON CONFLICT (\"stream\") DO NOTHING"};
    static const char *const UPDATE[] = {
        " SET \"state\" = ", ", \"version\" = ", ", \"updated_at\" = ", " WHERE \"stream\" = ",
        " AND \"version\" = "};
    buf_add_cstr(b, first ? "INSERT INTO " : "UPDATE ");
    text_table(b, d, TABLE_STATE.name);
    for (size_t i = 0; i < 5; i++) {
        buf_add_cstr(b, first ? INSERT[i] : UPDATE[i]);
        if (!first || i < 4) {
            text_param(b, d, i + 1, TYPES[i]);
        }
    }
}

static bool taken_over(struct session *s, struct error *err)
{
    return error_set(err, ERR_DESTINATION_BUSY,
                     "another program has loaded stream '%.*s' into the same tables meanwhile; "
                     "nothing of this transaction is kept",
                     STR_ARG(s->stream));
}

// Changes the row of the state as it was read; `step` is what its version grows by. Writing it,
// even as it is, keeps others from it until the commit.
static bool touch_state(struct session *s, int64_t step, struct error *err)
{
    struct sql_value args[] = {sql_int(step), sql_text(s->stream), sql_int(s->state_version)};
    struct buf text;
    uint64_t changed = 0;
    buf_init(&text, STATEMENT_MAX);
    buf_add_cstr(&text, "UPDATE ");
    text_table(&text, s->dest, TABLE_STATE.name);
    buf_add_cstr(&text, " SET \"version\" = \"version\" + ");
    text_param(&text, s->dest, 1, COL_INT);
    buf_add_cstr(&text, " WHERE \"stream\" = ");
    text_param(&text, s->dest, 2, COL_TEXT);
    buf_add_cstr(&text, " AND \"version\" = ");
    text_param(&text, s->dest, 3, COL_INT);
    bool ok = sql_once(s->db, buf_str(&text), args, ARRAY_LEN(args), &changed, err);
    buf_done(&text);
    return ok && (changed == 1 || taken_over(s, err));
}

bool state_check(struct session *s, struct error *err)
{
    return touch_state(s, 0, err);
}

bool state_claim(struct session *s, struct error *err)
{
    // A stream without a state gets a row that says nothing but who may write it.
    return s->state_version > 0 ? touch_state(s, 1, err)
                                : state_write(s, (struct str){NULL, 0}, err);
}

bool state_write(struct session *s, struct str state, struct error *err)
{
    if (state.len > LIMIT_STATE_BYTES) {
        return error_set(err, ERR_LIMIT, "the state of stream '%.*s' has %zu bytes; at most %d",
                         STR_ARG(s->stream), state.len, LIMIT_STATE_BYTES);
    }
    char now[TIMESTAMP_TEXT_MAX];
    bool formatted = timestamp_format(clock_now_ms(s->dest->clock), now);
    assert(formatted);
    bool first = s->state_version == 0;
    struct sql_value args[] = {sql_text(state), sql_int(s->state_version + 1),
                               sql_text(str_from(now)), sql_text(s->stream),
                               sql_int(s->state_version)};
    struct buf text;
    buf_init(&text, STATEMENT_MAX);
    text_write_state(&text, s->dest, first);
    uint64_t changed = 0;
    bool ok = sql_once(s->db, buf_str(&text), args, first ? 4 : 5, &changed, err);
    buf_done(&text);
    if (ok && changed == 0) {
        return taken_over(s, err);
    }
    return ok;
}

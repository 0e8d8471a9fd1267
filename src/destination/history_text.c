// The statement that makes versions.
#include "destination/statements.h"

#include "core/limits.h"

// alias."column"
static void add_of(struct buf *b, const char *alias, struct str column)
{
    buf_add_cstr(b, alias);
    buf_add_char(b, '.');
    sql_quote_name(b, column);
}

static void add_same_key(struct buf *b, const struct target *h, const char *one, const char *other)
{
    for (size_t i = 0; i < h->table.n_keys; i++) {
        buf_add_cstr(b, i > 0 ? " AND " : "");
        add_of(b, one, h->table.columns[i].name);
        buf_add_cstr(b, " = ");
        add_of(b, other, h->table.columns[i].name);
    }
}

// The synced value of a version: that of its row, unless the version before it is not older.
static void add_version_time(struct buf *b, const struct destination *d, const struct target *h)
{
    const char *later = d->driver->later;
    const char *at = strstr(later, "%s");
    assert(at);
    buf_add_cstr(b, "CASE WHEN ");
    add_of(b, "v", h->version);
    buf_add_cstr(b, " >= ");
    add_of(b, "t", h->version);
    buf_add_cstr(b, " THEN ");
    buf_add(b, (struct str){later, (size_t)(at - later)});
    add_of(b, "v", h->version);
    buf_add_cstr(b, at + 2);
    buf_add_cstr(b, " ELSE ");
    add_of(b, "t", h->version);
    buf_add_cstr(b, " END");
}

// " LEFT JOIN (the newest version of t's row) AS v", each way the one that its database finds by
// the key alone.
static void add_newest(struct buf *b, const struct destination *d, const struct target *h)
{
    if (d->driver->lateral) {
        buf_add_cstr(b, " LEFT JOIN LATERAL (SELECT * FROM ");
        text_table(b, d, h->table.name);
        buf_add_cstr(b, " AS h WHERE ");
        add_same_key(b, h, "h", "t");
        buf_add_cstr(b, " ORDER BY ");
        add_of(b, "h", h->version);
        buf_add_cstr(b, " DESC LIMIT 1) AS v ON TRUE");
        return;
    }
    buf_add_cstr(b, " LEFT JOIN ");
    text_table(b, d, h->table.name);
    buf_add_cstr(b, " AS v ON ");
    add_same_key(b, h, "v", "t");
    buf_add_cstr(b, " AND ");
    add_of(b, "v", h->version);
    buf_add_cstr(b, " = (SELECT max(");
    add_of(b, "h", h->version);
    buf_add_cstr(b, ") FROM ");
    text_table(b, d, h->table.name);
    buf_add_cstr(b, " AS h WHERE ");
    add_same_key(b, h, "h", "t");
    buf_add_char(b, ')');
}

// The columns that make the contents: neither key nor time. Returns how many.
static size_t add_contents(struct buf *b, const struct target *h, const char *alias)
{
    size_t n = 0;
    for (size_t i = h->table.n_keys; i < h->table.n_columns; i++) {
        if (!str_eq(h->table.columns[i].name, h->version)) {
            buf_add_cstr(b, n++ > 0 ? ", " : "");
            add_of(b, alias, h->table.columns[i].name);
        }
    }
    return n;
}

static void add_differs(struct buf *b, const struct destination *d, const struct target *h)
{
    buf_add_char(b, '(');
    add_of(b, "v", h->version);
    buf_add_cstr(b, " IS NULL");
    if (h->table.n_columns > h->table.n_keys + 1) {
        buf_add_cstr(b, " OR (");
        add_contents(b, h, "t");
        buf_add_cstr(b, d->driver->differs);
        add_contents(b, h, "v");
        buf_add_char(b, ')');
    }
    buf_add_char(b, ')');
}

static void add_values(struct buf *b, const struct destination *d, const struct version_text *v)
{
    const struct table *table = &v->h->table;
    for (size_t i = 0; i < table->n_columns; i++) {
        buf_add_cstr(b, i > 0 ? ", " : "");
        if (!v->empty && str_eq(table->columns[i].name, v->h->version)) {
            add_version_time(b, d, v->h);
        } else {
            add_of(b, "t", table->columns[i].name);
        }
    }
}

void text_versions(struct buf *b, const struct destination *d, const struct version_text *v)
{
    const struct table *table = &v->h->table;
    buf_add_cstr(b, "INSERT INTO ");
    text_table(b, d, table->name);
    buf_add_cstr(b, " (");
    for (size_t i = 0; i < table->n_columns; i++) {
        buf_add_cstr(b, i > 0 ? ", " : "");
        sql_quote_name(b, table->columns[i].name);
    }
    buf_add_cstr(b, ") SELECT ");
    add_values(b, d, v);
    buf_add_cstr(b, " FROM ");
    text_table(b, d, v->main);
    buf_add_cstr(b, " AS t");
    if (!v->empty) {
        add_newest(b, d, v->h);
    }
    buf_add_cstr(b, " WHERE ");
    add_of(b, "t", v->h->version);
    if (v->written) {
        buf_add_cstr(b, " = ");
        text_param(b, d, 1, COL_TIMESTAMP);
    } else {
        buf_add_cstr(b, " IS NOT NULL"); // a row that somebody else has put there
    }
    if (!v->empty) {
        buf_add_cstr(b, " AND ");
        add_differs(b, d, v->h);
    }
}

void text_clear(struct buf *b, const struct destination *d, struct str table)
{
    buf_add_cstr(b, "DELETE FROM ");
    text_table(b, d, table);
}

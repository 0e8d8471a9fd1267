#include "destination/statements.h"

#include "core/limits.h"

void text_table(struct buf *b, const struct destination *d, struct str name)
{
    if (d->driver->schemas) {
        sql_quote_name(b, d->schema);
        buf_add_char(b, '.');
    }
    sql_quote_name(b, name);
}

void text_param(struct buf *b, const struct destination *d, size_t n, enum column_type type)
{
    buf_add_char(b, '$');
    buf_add_int(b, (int64_t)n);
    buf_add_cstr(b, d->driver->casts[type]);
}

static void add_separator(struct buf *b, size_t i, const char *separator)
{
    if (i > 0) {
        buf_add_cstr(b, separator);
    }
}

static void add_key_names(struct buf *b, const struct target *t)
{
    for (size_t i = 0; i < t->table.n_keys; i++) {
        add_separator(b, i, ", ");
        sql_quote_name(b, t->table.columns[i].name);
    }
}

static void add_column_names(struct buf *b, const struct destination *d, const struct target *t)
{
    for (size_t i = 0; i < target_columns(t); i++) {
        add_separator(b, i, ", ");
        sql_quote_name(b, target_column(d, t, i).name);
    }
}

static void add_definition(struct buf *b, const struct destination *d, const struct column *column)
{
    sql_quote_name(b, column->name);
    buf_add_char(b, ' ');
    buf_add_cstr(b, d->driver->types[column->type]);
}

void text_create_table(struct buf *b, const struct destination *d, const struct target *t)
{
    const struct table *table = &t->table;
    buf_add_cstr(b, "CREATE TABLE ");
    text_table(b, d, table->name);
    buf_add_cstr(b, " (");
    for (size_t i = 0; i < target_columns(t); i++) {
        struct column column = target_column(d, t, i);
        add_separator(b, i, ", ");
        add_definition(b, d, &column);
        bool key = i < table->n_keys || str_eq(column.name, t->version);
        buf_add_cstr(b, key ? " NOT NULL" : "");
    }
    if (table->n_keys > 0) {
        buf_add_cstr(b, ", PRIMARY KEY (");
        add_key_names(b, t);
        if (t->version.len > 0) {
            buf_add_cstr(b, ", ");
            sql_quote_name(b, t->version);
        }
        buf_add_char(b, ')');
    }
    buf_add_char(b, ')');
    buf_add_cstr(b, table->n_keys > 1 ? d->driver->composite_suffix : "");
    buf_add_cstr(b, target_columns(t) > WIDE_COLUMNS ? d->driver->wide_suffix : "");
}

void text_add_column(struct buf *b, const struct destination *d, struct str table,
                     const struct column *column)
{
    buf_add_cstr(b, "ALTER TABLE ");
    text_table(b, d, table);
    buf_add_cstr(b, " ADD COLUMN ");
    add_definition(b, d, column);
}

void text_widen(struct buf *b, const struct destination *d, struct str table)
{
    buf_add_cstr(b, "ALTER TABLE ");
    text_table(b, d, table);
    buf_add_char(b, ' ');
    buf_add_cstr(b, d->driver->wide_storage);
}

void text_is_empty(struct buf *b, const struct destination *d, struct str table)
{
    buf_add_cstr(b, "SELECT 1 FROM ");
    text_table(b, d, table);
    buf_add_cstr(b, " LIMIT 1");
}

void text_index_name(struct buf *b, const struct destination *d, struct str table)
{
    // "<table>_<hash>_synced", cut where a character ends. The hash keeps cut names apart.
    size_t keep = MIN(table.len, (size_t)(LIMIT_IDENTIFIER_BYTES - 16));
    while (keep < table.len && keep > 0 && ((unsigned char)table.ptr[keep] & 0xc0) == 0x80) {
        keep--;
    }
    buf_add(b, str_sub(table, 0, keep));
    buf_printf(b, "_%08x_synced", (unsigned)(uint32_t)name_hash(table, d->metadata.synced));
}

void text_index_synced(struct buf *b, const struct destination *d, struct str table)
{
    struct buf name;
    buf_init(&name, 256);
    text_index_name(&name, d, table);
    buf_add_cstr(b, "CREATE INDEX IF NOT EXISTS ");
    sql_quote_name(b, buf_str(&name));
    buf_done(&name);
    buf_add_cstr(b, " ON ");
    text_table(b, d, table);
    buf_add_cstr(b, " (");
    sql_quote_name(b, d->metadata.synced);
    buf_add_char(b, ')');
}

// What happens to a row whose key is there: every column of the batch is taken over.
static void add_on_conflict(struct buf *b, const struct destination *d, const struct target *t)
{
    if (t->table.n_keys == 0) {
        return;
    }
    buf_add_cstr(b, " ON CONFLICT (");
    add_key_names(b, t);
    bool only_keys = target_columns(t) == t->table.n_keys;
    buf_add_cstr(b, only_keys ? ") DO NOTHING" : ") DO UPDATE SET ");
    for (size_t i = t->table.n_keys; i < target_columns(t); i++) {
        struct str name = target_column(d, t, i).name;
        add_separator(b, i - t->table.n_keys, ", ");
        sql_quote_name(b, name);
        buf_add_cstr(b, " = excluded.");
        sql_quote_name(b, name);
    }
}

static void add_insert_head(struct buf *b, const struct destination *d, const struct target *t)
{
    buf_add_cstr(b, "INSERT INTO ");
    text_table(b, d, t->table.name);
    buf_add_cstr(b, " AS t ("); // an alias, lest a table be called "excluded"
    add_column_names(b, d, t);
    buf_add_cstr(b, ") ");
}

void text_upsert(struct buf *b, const struct destination *d, const struct target *t)
{
    add_insert_head(b, d, t);
    buf_add_cstr(b, "VALUES (");
    for (size_t i = 0; i < target_columns(t); i++) {
        add_separator(b, i, ", ");
        text_param(b, d, i + 1, target_column(d, t, i).type);
    }
    buf_add_char(b, ')');
    add_on_conflict(b, d, t);
}

static void add_key_conditions(struct buf *b, const struct destination *d, const struct target *t,
                               size_t first_param)
{
    for (size_t i = 0; i < t->table.n_keys; i++) {
        add_separator(b, i, " AND ");
        sql_quote_name(b, t->table.columns[i].name);
        buf_add_cstr(b, " = ");
        text_param(b, d, first_param + i, t->table.columns[i].type);
    }
}

static void add_delete_from(struct buf *b, const struct destination *d, const struct target *t)
{
    buf_add_cstr(b, "DELETE FROM ");
    text_table(b, d, t->table.name);
}

void text_delete_row(struct buf *b, const struct destination *d, const struct target *t)
{
    add_delete_from(b, d, t);
    buf_add_cstr(b, " WHERE ");
    add_key_conditions(b, d, t, 1);
}

// UPDATE ... SET deleted = TRUE, synced = (the caller goes on)
static void add_mark_head(struct buf *b, const struct destination *d, const struct target *t)
{
    assert(t->has_deleted && t->has_synced);
    buf_add_cstr(b, "UPDATE ");
    text_table(b, d, t->table.name);
    buf_add_cstr(b, d->driver->schemas ? " AS t SET " : " SET ");
    sql_quote_name(b, d->metadata.deleted);
    buf_add_cstr(b, " = TRUE, ");
    if (t->table.deleted_mark > 0) {
        sql_quote_name(b, t->table.columns[t->table.deleted_mark].name);
        buf_add_cstr(b, " = TRUE, ");
    }
    sql_quote_name(b, d->metadata.synced);
    buf_add_cstr(b, " = ");
}

static void add_not_deleted(struct buf *b, const struct destination *d)
{
    sql_quote_name(b, d->metadata.deleted);
    buf_add_cstr(b, " IS NOT TRUE");
}

void text_mark_row(struct buf *b, const struct destination *d, const struct target *t)
{
    add_mark_head(b, d, t);
    text_param(b, d, 1, COL_TIMESTAMP);
    buf_add_cstr(b, " WHERE ");
    add_key_conditions(b, d, t, 2);
    buf_add_cstr(b, " AND ");
    add_not_deleted(b, d);
}

void text_delete_scope(struct buf *b, const struct destination *d, const struct target *t,
                       size_t scope_column)
{
    add_delete_from(b, d, t);
    buf_add_cstr(b, " WHERE ");
    sql_quote_name(b, t->table.columns[scope_column].name);
    buf_add_cstr(b, " = ");
    text_param(b, d, 1, t->table.columns[scope_column].type);
}

void text_delete_scopes(struct buf *b, const struct destination *d, const struct target *t,
                        size_t scope_column, const int64_t *scope, size_t n)
{
    add_delete_from(b, d, t);
    buf_add_cstr(b, " WHERE ");
    sql_quote_name(b, t->table.columns[scope_column].name);
    buf_add_cstr(b, " = ANY ('{");
    for (size_t i = 0; i < n; i++) {
        add_separator(b, i, ",");
        buf_add_int(b, scope[i]);
    }
    buf_add_cstr(b, "}'::bigint[])");
}

static void add_staging(struct buf *b, struct str staging)
{
    buf_add_cstr(b, "pg_temp.");
    sql_quote_name(b, staging);
}

void text_create_staging(struct buf *b, const struct destination *d, const struct target *t,
                         struct str staging, bool keys_only)
{
    size_t n = keys_only ? t->table.n_keys : target_columns(t);
    buf_add_cstr(b, "CREATE TEMPORARY TABLE ");
    sql_quote_name(b, staging);
    buf_add_cstr(b, " (");
    for (size_t i = 0; i < n; i++) {
        struct column column = target_column(d, t, i);
        add_separator(b, i, ", ");
        add_definition(b, d, &column);
    }
    buf_add_char(b, ')');
    buf_add_cstr(b, n > WIDE_COLUMNS ? d->driver->wide_suffix : "");
    buf_add_cstr(b, " ON COMMIT DELETE ROWS");
}

void text_copy(struct buf *b, const struct destination *d, const struct target *t,
               struct str staging, bool keys_only)
{
    buf_add_cstr(b, "COPY ");
    if (staging.ptr) {
        add_staging(b, staging);
    } else {
        text_table(b, d, t->table.name);
    }
    buf_add_cstr(b, " (");
    if (keys_only) {
        add_key_names(b, t);
    } else {
        add_column_names(b, d, t);
    }
    buf_add_cstr(b, ") FROM STDIN (FORMAT binary)");
}

void text_merge_staged(struct buf *b, const struct destination *d, const struct target *t,
                       struct str staging)
{
    add_insert_head(b, d, t);
    buf_add_cstr(b, "SELECT ");
    add_column_names(b, d, t);
    buf_add_cstr(b, " FROM ");
    add_staging(b, staging);
    add_on_conflict(b, d, t);
}

static void add_staged_keys(struct buf *b, const struct target *t)
{
    for (size_t i = 0; i < t->table.n_keys; i++) {
        add_separator(b, i, " AND ");
        buf_add_cstr(b, "t.");
        sql_quote_name(b, t->table.columns[i].name);
        buf_add_cstr(b, " = s.");
        sql_quote_name(b, t->table.columns[i].name);
    }
}

void text_delete_staged(struct buf *b, const struct destination *d, const struct target *t,
                        struct str staging)
{
    add_delete_from(b, d, t);
    buf_add_cstr(b, " AS t USING ");
    add_staging(b, staging);
    buf_add_cstr(b, " AS s WHERE ");
    add_staged_keys(b, t);
}

void text_mark_staged(struct buf *b, const struct destination *d, const struct target *t,
                      struct str staging, struct str synced)
{
    add_mark_head(b, d, t);
    sql_quote_text(b, synced);
    buf_add_cstr(b, d->driver->casts[COL_TIMESTAMP]);
    buf_add_cstr(b, " FROM ");
    add_staging(b, staging);
    buf_add_cstr(b, " AS s WHERE ");
    add_staged_keys(b, t);
    buf_add_cstr(b, " AND t.");
    add_not_deleted(b, d);
}

// " <word> column = $n", with the parameter typed like the column.
static void add_scope(struct buf *b, const struct destination *d, const struct target *t,
                      struct str column, size_t n)
{
    enum column_type type = COL_TEXT;
    for (size_t i = 0; i < t->table.n_columns; i++) {
        if (str_eq(t->table.columns[i].name, column)) {
            type = t->table.columns[i].type;
        }
    }
    sql_quote_name(b, column);
    buf_add_cstr(b, " = ");
    text_param(b, d, n, type);
}

void text_sweep(struct buf *b, const struct destination *d, const struct target *t,
                struct str scope_column, bool remove)
{
    size_t n = 1;
    if (remove) {
        add_delete_from(b, d, t);
    } else {
        add_mark_head(b, d, t);
        text_param(b, d, n++, COL_TIMESTAMP);
    }
    buf_add_cstr(b, " WHERE ");
    sql_quote_name(b, d->metadata.synced);
    buf_add_cstr(b, " < ");
    text_param(b, d, n++, COL_TIMESTAMP);
    if (!remove) {
        buf_add_cstr(b, " AND ");
        add_not_deleted(b, d);
    }
    if (scope_column.len > 0) {
        buf_add_cstr(b, " AND ");
        add_scope(b, d, t, scope_column, n);
    }
}

void text_count(struct buf *b, const struct destination *d, const struct target *t,
                struct str scope_column)
{
    buf_add_cstr(b, "SELECT count(*) FROM ");
    text_table(b, d, t->table.name);
    buf_add_cstr(b, " WHERE ");
    if (t->has_deleted) {
        add_not_deleted(b, d);
    } else {
        buf_add_cstr(b, "TRUE");
    }
    if (scope_column.len > 0) {
        buf_add_cstr(b, " AND ");
        add_scope(b, d, t, scope_column, 1);
    }
}

void text_read_ids(struct buf *b, const struct destination *d, struct str table,
                   struct str id_column, bool by_synced)
{
    size_t n = 1;
    buf_add_cstr(b, "SELECT ");
    sql_quote_name(b, id_column);
    buf_add_cstr(b, " FROM ");
    text_table(b, d, table);
    buf_add_cstr(b, " WHERE ");
    sql_quote_name(b, id_column);
    buf_add_cstr(b, " > ");
    text_param(b, d, n++, COL_INT);
    if (by_synced) {
        buf_add_cstr(b, " AND ");
        sql_quote_name(b, d->metadata.synced);
        buf_add_cstr(b, " > ");
        text_param(b, d, n++, COL_TIMESTAMP);
    }
    if (!by_synced && d->metadata.deleted.len > 0 && !table_is_system(table)) {
        buf_add_cstr(b, " AND ");
        add_not_deleted(b, d); // among what changed, being deleted is a change like another
    }
    buf_add_cstr(b, " ORDER BY 1 LIMIT ");
    text_param(b, d, n, COL_INT);
}

static void add_read(struct buf *b, const struct destination *d, const struct column *column)
{
    const char *form = d->driver->reads[column->type];
    const char *at = strstr(form, "%s");
    assert(at);
    buf_add(b, (struct str){form, (size_t)(at - form)});
    sql_quote_name(b, column->name);
    buf_add_cstr(b, at + 2);
}

void text_max_synced(struct buf *b, const struct destination *d, struct str table)
{
    struct column newest = {STR("newest"), COL_TIMESTAMP};
    buf_add_cstr(b, "SELECT ");
    add_read(b, d, &newest);
    buf_add_cstr(b, " FROM (SELECT max(");
    sql_quote_name(b, d->metadata.synced);
    buf_add_cstr(b, ") AS \"newest\" FROM ");
    text_table(b, d, table);
    buf_add_cstr(b, ") AS m");
}

void text_read_table(struct buf *b, const struct destination *d, const struct table *table)
{
    buf_add_cstr(b, "SELECT ");
    for (size_t i = 0; i < table->n_columns; i++) {
        add_separator(b, i, ", ");
        add_read(b, d, &table->columns[i]);
    }
    buf_add_cstr(b, " FROM ");
    text_table(b, d, table->name);
    for (size_t i = 0; i < table->n_keys; i++) {
        buf_add_cstr(b, i == 0 ? " ORDER BY " : ", ");
        sql_quote_name(b, table->columns[i].name);
    }
}

#include "store/destinations.h"

#include "store/ids.h"
#include "store/rows.h"
#include "store/secrets.h"

enum { LABEL_MAX = 200, MOVE_ARENA_MAX = 16 * 1024 * 1024 };

#define COLUMNS                                                                                    \
    "id, account_id, integration_id, label, url_shown, is_default, created_ms, updated_ms"

static bool read_destination(struct row *row, void *item, struct error *err)
{
    struct stored_destination *ret = item;
    struct stored_destination d;
    d.id = row_text(row);
    d.account_id = row_text(row);
    d.integration_id = row_text(row);
    d.label = row_text(row);
    d.url_shown = row_text(row);
    d.is_default = row_bool(row);
    d.created_ms = row_int(row);
    d.updated_ms = row_int(row);
    *ret = d;
    return row_check(row, "destination", d.id, err);
}

static struct seal_name url_name(struct str id, struct arena *arena)
{
    return (struct seal_name){arena_printf(arena, "destination:%.*s", STR_ARG(id)), STR("url")};
}

// ---- making

// Among those who change destinations at the same time: there is one default, and a bounded number.
static bool exclude_others(struct store *s, struct error *err)
{
    return store_exclude_others(s, "destinations", err);
}

static bool take_default_off(struct store *s, struct str account_id, int64_t now_ms,
                             struct error *err)
{
    static const struct str TEXT = STR_INIT("UPDATE destination SET is_default = 0, updated_ms = $1"
                                            " WHERE account_id = $2 AND is_default = 1");
    struct sql_value args[] = {sql_int(now_ms), sql_text(account_id)};
    return rows_run(s, &(struct statement){TEXT, args, 2}, NULL, err);
}

static bool check_room(struct store *s, struct str account_id, struct error *err)
{
    struct sql_value args[] = {sql_text(account_id)};
    struct statement st = {STR("SELECT count(*) FROM destination WHERE account_id = $1"), args, 1};
    int64_t n = 0;
    return rows_number(s, &st, 0, &n, err) &&
           (n < DESTINATIONS_MAX ||
            error_set(err, ERR_CONFLICT,
                      "there are %lld destinations, the most there may be; delete one that no sync "
                      "loads into",
                      (long long)n));
}

static bool insert_destination(struct store *s, const struct stored_destination *d,
                               struct error *err)
{
    static const struct str TEXT =
        STR_INIT("INSERT INTO destination (" COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)");
    struct sql_value args[] = {
        sql_text(d->id),        sql_text(d->account_id), sql_text(d->integration_id),
        sql_text(d->label),     sql_text(d->url_shown),  sql_int(d->is_default),
        sql_int(d->created_ms), sql_int(d->updated_ms),
    };
    return rows_run(s, &(struct statement){TEXT, args, ARRAY_LEN(args)}, NULL, err);
}

// The one that shows this URL and has lost it; *ret_found false: there is none.
static bool find_bereft(struct store *s, const struct stored_destination *d, struct arena *arena,
                        struct stored_destination *ret, bool *ret_found, struct error *err)
{
    static const struct str TEXT =
        STR_INIT("SELECT " COLUMNS " FROM destination WHERE account_id = $1 AND url_shown = $2 AND"
                 " NOT EXISTS (SELECT 1 FROM secret WHERE connection = 'destination:' ||"
                 " destination.id) ORDER BY created_ms, id LIMIT 1");
    struct sql_value args[] = {sql_text(d->account_id), sql_text(d->url_shown)};
    return rows_find(s, &(struct statement){TEXT, args, 2},
                     &(struct row_reader){arena, read_destination}, ret, ret_found, err);
}

bool stored_destination_restore(struct store *s, struct sealing *sealing, struct str id,
                                const struct secret *url, struct error *err)
{
    struct arena arena;
    arena_init(&arena, 1024);
    struct seal_name name = url_name(id, &arena);
    bool ok =
        store_begin(s, err) && store_end(s, stored_secret_put(s, sealing, &name, url, err), err);
    arena_done(&arena);
    return ok;
}

static bool make_default(struct store *s, struct stored_destination *d, struct error *err)
{
    static const struct str TEXT =
        STR_INIT("UPDATE destination SET is_default = 1, updated_ms = $1 WHERE id = $2");
    if (d->is_default) {
        return true;
    }
    if (!store_now_ms(s, &d->updated_ms, err)) {
        return false;
    }
    struct sql_value args[] = {sql_int(d->updated_ms), sql_text(d->id)};
    d->is_default = true;
    return take_default_off(s, d->account_id, d->updated_ms, err) &&
           rows_run(s, &(struct statement){TEXT, args, 2}, NULL, err);
}

static bool create(struct store *s, struct sealing *sealing, const struct secret *url,
                   struct stored_destination *d, struct arena *arena, struct error *err)
{
    struct str text = secret_reveal(url);
    struct seal_name name;
    struct stored_destination bereft = {.is_default = false};
    bool found = false;
    d->integration_id = str_starts(text, STR("sqlite:")) ? STR("sqlite") : STR("postgres");
    d->url_shown = sql_url_mask(text, arena);
    d->label = arena_dup(arena, d->label.len > 0 ? d->label : d->integration_id);
    if (!exclude_others(s, err) || !find_bereft(s, d, arena, &bereft, &found, err)) {
        return false;
    }
    if (found) {
        bool wanted = d->is_default;
        *d = bereft;
        return stored_destination_restore(s, sealing, d->id, url, err) &&
               (!wanted || make_default(s, d, err));
    }
    d->id = id_make(arena);
    name = url_name(d->id, arena);
    if (!store_now_ms(s, &d->created_ms, err)) {
        return false;
    }
    d->updated_ms = d->created_ms;
    return check_room(s, d->account_id, err) &&
           (!d->is_default || take_default_off(s, d->account_id, d->created_ms, err)) &&
           insert_destination(s, d, err) && stored_secret_put(s, sealing, &name, url, err);
}

bool stored_destination_create(struct store *s, struct sealing *sealing, const struct secret *url,
                               struct stored_destination *d, struct arena *arena, struct error *err)
{
    struct stored_destination made = *d;
    assert(d->account_id.len > 0);
    if (secret_len(url) == 0 || secret_len(url) > DESTINATION_URL_MAX) {
        return error_set(err, ERR_CONFIG, "url: %zu bytes; a destination's URL has 1 to %d",
                         secret_len(url), DESTINATION_URL_MAX);
    }
    if (!store_check_text("label", d->label, LABEL_MAX, err) || !store_begin(s, err) ||
        !store_end(s, create(s, sealing, url, &made, arena, err), err)) {
        return false;
    }
    *d = made;
    return true;
}

// ---- looking

static bool find_where(struct store *s, const struct statement *st, struct arena *arena,
                       struct stored_destination *ret, bool *ret_found, struct error *err)
{
    return rows_find(s, st, &(struct row_reader){arena, read_destination}, ret, ret_found, err);
}

bool stored_destination_default(struct store *s, struct str account_id, struct arena *arena,
                                struct stored_destination *ret, struct error *err)
{
    static const struct str TEXT =
        STR_INIT("SELECT " COLUMNS " FROM destination WHERE account_id = $1 AND is_default = 1"
                 " ORDER BY created_ms, id LIMIT 1");
    struct sql_value args[] = {sql_text(account_id)};
    bool found = false;
    return find_where(s, &(struct statement){TEXT, args, 1}, arena, ret, &found, err) &&
           (found ||
            error_set(err, ERR_NOT_FOUND,
                      "there is no default destination; start the server with --destination, or "
                      "make one with \"is_default\": true"));
}

bool stored_destination_find(struct store *s, struct str account_id, struct str id,
                             struct arena *arena, struct stored_destination *ret, struct error *err)
{
    static const struct str TEXT =
        STR_INIT("SELECT " COLUMNS " FROM destination WHERE id = $1 AND account_id = $2");
    struct sql_value args[] = {sql_text(id), sql_text(account_id)};
    bool found = false;
    if (!id_check(id)) {
        return rows_missing(err, "destination", id);
    }
    return find_where(s, &(struct statement){TEXT, args, 2}, arena, ret, &found, err) &&
           (found || rows_missing(err, "destination", id));
}

bool stored_destination_list(struct store *s, struct str account_id, struct arena *arena,
                             struct stored_destination **ret, size_t *ret_n, struct error *err)
{
    static const struct str TEXT = STR_INIT("SELECT " COLUMNS " FROM destination WHERE"
                                            " account_id = $1 ORDER BY created_ms, id LIMIT $2");
    struct sql_value args[] = {sql_text(account_id), sql_int(DESTINATIONS_MAX)};
    struct row_list list = {
        .arena = arena, .size = sizeof(struct stored_destination), .read = read_destination};
    if (!rows_list(s, &(struct statement){TEXT, args, 2}, &list, err)) {
        return false;
    }
    *ret = list.items;
    *ret_n = list.n;
    return true;
}

bool stored_destination_url(struct store *s, struct sealing *sealing, struct str id,
                            struct secret **ret, struct error *err)
{
    struct arena arena;
    struct secret *url = NULL;
    if (!id_check(id)) {
        return rows_missing(err, "destination", id);
    }
    arena_init(&arena, 1024);
    struct seal_name name = url_name(id, &arena);
    bool ok = stored_secret_get(s, sealing, &name, &url, err) &&
              (url || rows_missing(err, "destination", id));
    arena_done(&arena);
    if (ok) {
        *ret = url;
    }
    return ok;
}

// ---- changing

// URLs are compared whole, and passwords are sealed: so each one's is opened.
static bool find_by_url(struct store *s, struct sealing *sealing, const struct secret *url,
                        const struct row_list *all, const struct stored_destination **ret,
                        struct error *err)
{
    const struct stored_destination *items = all->items;
    struct str shown = sql_url_mask(secret_reveal(url), all->arena);
    bool ok = true;
    *ret = NULL;
    for (size_t i = 0; ok && !*ret && i < all->n; i++) {
        struct secret *other = NULL;
        if (str_eq(items[i].url_shown, shown)) {
            struct seal_name name = url_name(items[i].id, all->arena);
            ok = stored_secret_get(s, sealing, &name, &other, err);
            *ret = ok && other && secret_eq(other, url) ? &items[i] : NULL;
        }
        secret_destroy(other);
    }
    return ok;
}

static bool give_url(struct store *s, struct sealing *sealing, struct str id,
                     const struct secret *url, struct arena *arena, struct error *err)
{
    static const struct str TEXT =
        STR_INIT("UPDATE destination SET url_shown = $1, updated_ms = $2 WHERE id = $3");
    int64_t now_ms = 0;
    if (!store_now_ms(s, &now_ms, err)) {
        return false;
    }
    struct sql_value args[] = {sql_text(sql_url_mask(secret_reveal(url), arena)), sql_int(now_ms),
                               sql_text(id)};
    return rows_run(s, &(struct statement){TEXT, args, 3}, NULL, err) &&
           stored_destination_restore(s, sealing, id, url, err);
}

static bool move(struct store *s, struct sealing *sealing, const struct destination_move *m,
                 struct arena *arena, struct error *err)
{
    struct stored_destination *items = NULL;
    struct row_list all = {.arena = arena};
    const struct stored_destination *found = NULL;
    if (!exclude_others(s, err) ||
        !stored_destination_list(s, m->account_id, arena, &items, &all.n, err)) {
        return false;
    }
    all.items = items;
    return find_by_url(s, sealing, m->from, &all, &found, err) &&
           (!found || give_url(s, sealing, found->id, m->to, arena, err));
}

bool stored_destination_move(struct store *s, struct sealing *sealing,
                             const struct destination_move *m, struct error *err)
{
    struct arena arena;
    arena_init(&arena, MOVE_ARENA_MAX);
    bool ok = store_begin(s, err) && store_end(s, move(s, sealing, m, &arena, err), err);
    arena_done(&arena);
    return ok;
}

static bool set_default(struct store *s, struct sealing *sealing, const struct secret *url,
                        struct stored_destination *d, struct arena *arena, struct error *err)
{
    struct stored_destination *items = NULL;
    struct row_list all = {.arena = arena};
    const struct stored_destination *same = NULL;
    if (!exclude_others(s, err) ||
        !stored_destination_list(s, d->account_id, arena, &items, &all.n, err)) {
        return false;
    }
    all.items = items;
    if (!find_by_url(s, sealing, url, &all, &same, err)) {
        return false;
    }
    if (!same) {
        return stored_destination_create(s, sealing, url, d, arena, err);
    }
    *d = *same;
    return make_default(s, d, err);
}

bool stored_destination_set_default(struct store *s, struct sealing *sealing,
                                    const struct secret *url, struct stored_destination *d,
                                    struct arena *arena, struct error *err)
{
    struct stored_destination made = {.account_id = d->account_id, .is_default = true};
    if (!store_begin(s, err) ||
        !store_end(s, set_default(s, sealing, url, &made, arena, err), err)) {
        return false;
    }
    *d = made;
    return true;
}

// Held against a sync that is being made for it.
static bool lock_destination(struct store *s, struct str id, struct error *err)
{
    struct arena arena;
    struct sql_value args[] = {sql_text(id)};
    int64_t found = 0;
    arena_init(&arena, 1024);
    struct statement st = {
        arena_printf(&arena, "SELECT 1 FROM destination WHERE id = $1%s", rows_lock(s)), args, 1};
    bool ok =
        rows_number(s, &st, 0, &found, err) && (found || rows_missing(err, "destination", id));
    arena_done(&arena);
    return ok;
}

static bool check_unused(struct store *s, const struct stored_destination *d, struct error *err)
{
    struct sql_value args[] = {sql_text(d->id)};
    struct statement st = {STR("SELECT count(*) FROM elt_sync WHERE destination_id = $1"), args, 1};
    int64_t n = 0;
    if (!rows_number(s, &st, 0, &n, err)) {
        return false;
    }
    if (n > 0) {
        return error_set(err, ERR_CONFLICT,
                         "destination %.*s: %lld syncs load into it; delete them first",
                         STR_ARG(d->id), (long long)n);
    }
    return !d->is_default ||
           error_set(err, ERR_CONFLICT,
                     "destination %.*s is the default; make another one the default first",
                     STR_ARG(d->id));
}

static bool remove_it(struct store *s, struct str account_id, struct str id, struct arena *arena,
                      struct error *err)
{
    struct stored_destination d = {.is_default = false};
    struct sql_value args[] = {sql_text(id)};
    struct statement st = {STR("DELETE FROM destination WHERE id = $1"), args, 1};
    return exclude_others(s, err) && stored_destination_find(s, account_id, id, arena, &d, err) &&
           lock_destination(s, id, err) && check_unused(s, &d, err) &&
           stored_secret_remove(s, url_name(id, arena).owner, err) && rows_run(s, &st, NULL, err);
}

bool stored_destination_remove(struct store *s, struct str account_id, struct str id,
                               struct error *err)
{
    struct arena arena;
    if (!store_begin(s, err)) {
        return false;
    }
    arena_init(&arena, 64 * 1024);
    bool ok = remove_it(s, account_id, id, &arena, err);
    arena_done(&arena);
    return store_end(s, ok, err);
}

// The owners stream: tables owner and owner_team.
#include "http/url.h"
#include "source/hubspot/reference.h"

static const struct column OWNER_COLUMNS[] = {
    {STR_INIT("owner_id"), COL_INT},         {STR_INIT("active_user_id"), COL_INT},
    {STR_INIT("email"), COL_TEXT},           {STR_INIT("first_name"), COL_TEXT},
    {STR_INIT("last_name"), COL_TEXT},       {STR_INIT("type"), COL_TEXT},
    {STR_INIT("portal_id"), COL_INT},        {STR_INIT("created_at"), COL_TIMESTAMP},
    {STR_INIT("updated_at"), COL_TIMESTAMP}, {STR_INIT("is_active"), COL_BOOL},
};
static const struct table OWNER = {STR_INIT("owner"), OWNER_COLUMNS, ARRAY_LEN(OWNER_COLUMNS), 1,
                                   0};
static const struct column OWNER_TEAM_COLUMNS[] = {{STR_INIT("owner_id"), COL_INT},
                                                   {STR_INIT("team_id"), COL_INT},
                                                   {STR_INIT("is_team_primary"), COL_BOOL}};
static const struct table OWNER_TEAM = {STR_INIT("owner_team"), OWNER_TEAM_COLUMNS,
                                        ARRAY_LEN(OWNER_TEAM_COLUMNS), 2, 0};

static bool owners_open(struct source_stream *s, struct error *err)
{
    (void)err;
    reference_open(s);
    stream_add_table(s, &OWNER);
    stream_add_table(s, &OWNER_TEAM);
    return true;
}

static size_t count_teams(struct json results)
{
    size_t n = 0;
    struct json_iter it = json_iter(results);
    struct json owner;
    struct json teams;
    while (json_next(&it, &owner)) {
        n += json_get(owner, STR("teams"), &teams) ? json_count(teams) : 0;
    }
    return n;
}

static void owner_row(struct source_stream *s, struct json owner, struct arena *arena,
                      struct cell *row)
{
    bool archived = false;
    json_get_bool(owner, STR("archived"), &archived);
    row[0] = cell_field(owner, "id", COL_INT, arena);
    row[1] = cell_field(owner, "userId", COL_INT, arena);
    row[2] = cell_field(owner, "email", COL_TEXT, arena);
    row[3] = cell_field(owner, "firstName", COL_TEXT, arena);
    row[4] = cell_field(owner, "lastName", COL_TEXT, arena);
    row[5] = cell_field(owner, "type", COL_TEXT, arena);
    row[6] = cell_int(s->source->portal.id);
    row[7] = cell_field(owner, "createdAt", COL_TIMESTAMP, arena);
    row[8] = cell_field(owner, "updatedAt", COL_TIMESTAMP, arena);
    row[9] = cell_bool(!archived);
}

static void owner_rows(struct source_stream *s, struct json results, struct page *page)
{
    struct arena *arena = &page->arena;
    struct cell *owners = page_add_rows(page, &OWNER, BATCH_UPSERT, json_count(results));
    struct json_iter it = json_iter(results);
    struct json owner;
    size_t n = 0;
    while (json_next(&it, &owner)) {
        struct cell *row = &owners[n * OWNER.n_columns];
        owner_row(s, owner, arena, row);
        n += row[0].kind == CELL_INT; // without an id there is no row to keep it in
    }
    reference_keep(page, &OWNER, n);
    page->records += n;
    struct cell *teams = page_add_rows(page, &OWNER_TEAM, BATCH_UPSERT, count_teams(results));
    size_t n_teams = 0;
    it = json_iter(results);
    while (json_next(&it, &owner)) {
        struct json list;
        struct json team;
        struct json_iter walk = {0};
        if (json_get(owner, STR("teams"), &list)) {
            walk = json_iter(list);
        }
        while (walk.doc && json_next(&walk, &team)) {
            struct cell *row = &teams[n_teams * OWNER_TEAM.n_columns];
            row[0] = cell_field(owner, "id", COL_INT, arena);
            row[1] = cell_field(team, "id", COL_INT, arena);
            row[2] = cell_field(team, "primary", COL_BOOL, arena);
            n_teams += row[0].kind == CELL_INT && row[1].kind == CELL_INT;
        }
    }
    reference_keep(page, &OWNER_TEAM, n_teams);
}

static bool owners_next(struct source_stream *s, struct page **ret, struct error *err)
{
    static const char *const ARCHIVED[] = {"false", "true"};
    static const struct table *const MARKED[] = {&OWNER};
    struct reference *r = s->work;
    if (r->part == ARRAY_LEN(ARCHIVED)) {
        *ret = reference_close(s, MARKED, 1, &OWNER_TEAM);
        return true;
    }
    struct buf query;
    buf_init(&query, 4096);
    buf_printf(&query, "limit=%d&archived=%s", endpoint_info(HUBSPOT_OWNERS)->page_max,
               ARCHIVED[r->part]);
    if (r->after[0] != '\0') {
        buf_add_cstr(&query, "&after=");
        url_add_encoded(&query, str_from(r->after));
    }
    struct hubspot_request request = {.endpoint = HUBSPOT_OWNERS, .query = buf_str(&query)};
    struct page *page = stream_page(s);
    struct json root;
    struct json results;
    bool more = false;
    bool ok = fetch_json(s->client, &request, page->doc, &root, &page->bytes, err) &&
              fetch_results(root, &results, err) &&
              fetch_cursor(root, r->after, r->after, &more, &s->empty_pages, err);
    buf_done(&query);
    if (!ok) {
        page_destroy(page);
        return error_context(err, "owners");
    }
    owner_rows(s, results, page);
    if (!more) {
        r->part++;
    }
    *ret = page;
    return true;
}

const struct stream_ops OWNERS_STREAM = {.open = owners_open, .next = owners_next};

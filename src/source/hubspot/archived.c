// The sweep over archived records: HubSpot's search never shows them and archiving does not touch
// the modified date, so their ids are listed, and rows that are here are marked deleted.
#include "source/hubspot/full.h"

#include "data/json_writer.h"
#include "http/url.h"

enum { LIST_PAGE = 100 };

void object_add_marks(struct source_stream *s, struct page *page, const int64_t *ids, size_t n)
{
    const struct object_stream *o = object_stream_of(s);
    const struct table *tables[] = {&o->tables.main, o->tables.engagement};
    for (size_t t = 0; t < ARRAY_LEN(tables) && n > 0; t++) {
        if (!tables[t]) {
            continue;
        }
        struct cell *cells = page_add_rows(page, tables[t], BATCH_DELETED, n);
        for (size_t i = 0; i < n; i++) {
            cells[i * tables[t]->n_columns] = cell_int(ids[i]);
        }
    }
}

bool archived_walk_next(struct source_stream *s, struct page **ret, struct error *err)
{
    struct object_stream *o = object_stream_of(s);
    struct buf query;
    buf_init(&query, 4096);
    buf_printf(&query, "limit=%d&archived=true&properties=hs_object_id", LIST_PAGE);
    if (o->state.after_text[0] != '\0') {
        buf_add_cstr(&query, "&after=");
        url_add_encoded(&query, str_from(o->state.after_text));
    }
    struct hubspot_request r = {.endpoint = HUBSPOT_OBJECT_LIST,
                                .args.type = str_from(o->tables.info->name),
                                .query = buf_str(&query)};
    struct page *page = stream_page(s);
    struct json root;
    struct json results = {0};
    struct decode_result x;
    int64_t *ids;
    bool more = false;
    bool ok =
        fetch_json(s->client, &r, page->doc, &root, &page->bytes, err) &&
        fetch_results(root, &results, err) && decode_ids(results, &page->arena, &ids, &x, err) &&
        fetch_cursor(root, o->state.after_text, o->state.after_text, &more, &s->empty_pages, err);
    buf_done(&query);
    if (!ok) {
        page_destroy(page);
        return error_context(err, "archived records");
    }
    object_add_marks(s, page, ids, x.n_records);
    if (o->reconcile && x.n_records > 0) {
        buf_add(&o->archived, (struct str){(const char *)ids, x.n_records * sizeof *ids});
    }
    if (!more) {
        object_next_phase(s);
    }
    object_page_cursor(s, page);
    *ret = page;
    return true;
}

#include "data/batch.h"

#include "core/limits.h"

struct page *page_create(void)
{
    struct page *page = calloc(1, sizeof(*page));
    if (!page) {
        abort();
    }
    arena_init(&page->arena, LIMIT_PAGE_ARENA);
    return page;
}

void page_destroy(struct page *page)
{
    if (!page) {
        return;
    }
    if (page->release) {
        page->release(page->user, page);
        return;
    }
    json_doc_destroy(page->doc);
    arena_done(&page->arena);
    free(page);
}

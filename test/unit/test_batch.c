#include "check.h"

#include "data/batch.h"

static void test_page_owns(void **state)
{
    (void)state;
    struct page *page = page_create();
    assert_int_equal(page->n_batches, 0);
    assert_null(page->doc);
    assert_null(page->cursor.ptr);
    page->doc = json_doc_create();
    struct json root;
    struct error err;
    assert_true(json_parse(page->doc, STR("{\"a\":\"text\"}"), &root, &err));
    struct str text;
    assert_true(json_get_string(root, STR("a"), &text));
    struct cell *cells = ARENA_ARRAY(&page->arena, struct cell, 2);
    cells[0] = (struct cell){.ptr = text.ptr, .len = (uint32_t)text.len, .kind = CELL_TEXT};
    page->batches[page->n_batches++] = (struct batch){.op = BATCH_UPSERT, .cells = cells};
    check_str(((struct str){cells[0].ptr, cells[0].len}), "text");
    page_destroy(page); // the leak checker sees what it forgets
    page_destroy(NULL);
}

static void keep(void *user, struct page *page)
{
    struct page **kept = user;
    *kept = page;
}

static void test_release(void **state)
{
    (void)state;
    struct page *kept = NULL;
    struct page *page = page_create();
    page->release = keep;
    page->user = &kept;
    page_destroy(page);
    assert_ptr_equal(kept, page);
    page->release = NULL;
    page_destroy(page);
}

static void test_cells_are_small(void **state)
{
    (void)state;
    assert_int_equal(sizeof(struct cell), 16); // a page holds hundreds of thousands
    struct cell zero = {0};
    assert_int_equal(zero.kind, CELL_NULL); // so that zeroed memory is a row of NULLs
}

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_page_owns),
        cmocka_unit_test(test_release),
        cmocka_unit_test(test_cells_are_small),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}

#include "test_source_decode.h"

#define REJECT(id, column, raw)                                                                    \
    (const char *const[3])                                                                         \
    {                                                                                              \
        id, column, raw                                                                            \
    }

// ---- values

static void test_types(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s, "tickets", "t:text,n:decimal,b:bool,d:date,i:timestamp,whole:int,f:float");
    scene_page(&s, "[{\"id\":\"12\",\"properties\":{\"t\":\"text \\u00e9\",\"n\":\"+012.50\",\"b\":"
                   "\"TRUE\",\"d\":\"2026-02-28\",\"i\":\"1790000000000\",\"whole\":\"7\",\"f\":"
                   "\"0.5\"}}]");
    const struct batch *b = scene_batch(&s, "ticket", BATCH_UPSERT);
    assert_true(b && b->n_rows == 1 && !b->deleted && b->table == &s.tables.main);
    check_int(b, 0, "id", 12);
    check_text(b, 0, "property_t", "text \xc3\xa9");
    check_text(b, 0, "property_n", "12.50");
    assert_true(scene_cell(b, 0, "property_b")->kind == CELL_BOOL);
    assert_true(scene_cell(b, 0, "property_b")->num == 1);
    check_text(b, 0, "property_d", "2026-02-28");
    check_text(b, 0, "property_i", "2026-09-21T14:13:20.000Z");
    check_int(b, 0, "property_whole", 7);
    assert_true(scene_cell(b, 0, "property_f")->kind == CELL_FLOAT);
    assert_true(scene_cell(b, 0, "property_f")->dbl == 0.5);
    assert_int_equal(s.page->n_batches, 1);
    assert_true(s.page->records == 1 && s.page->rejects == 0);
    scene_done(&s);
}

static void test_null_absent_and_empty(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s, "tickets", "a:text,b:text,c:text,n:decimal");
    scene_page(&s, "[{\"id\":\"1\",\"properties\":{\"a\":null,\"c\":\"\",\"n\":\"\"}},"
                   "{\"id\":\"2\",\"properties\":{}}]");
    const struct batch *b = scene_batch(&s, "ticket", BATCH_UPSERT);
    static const char *const COLUMNS[] = {"property_a", "property_b", "property_c", "property_n"};
    for (size_t row = 0; row < 2; row++) {
        for (size_t i = 0; i < ARRAY_LEN(COLUMNS); i++) {
            check_text(b, row, COLUMNS[i], NULL);
        }
    }
    assert_true(s.page->rejects == 0);
    scene_done(&s);
}

// The order in which properties come is a guess from the record before, never more.
static void test_order_of_properties(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s, "tickets", "a:text,b:text,c:text");
    scene_page(&s, "[{\"id\":\"1\",\"properties\":{\"a\":\"1a\",\"b\":\"1b\",\"c\":\"1c\"}},"
                   "{\"id\":\"2\",\"properties\":{\"c\":\"2c\",\"a\":\"2a\",\"b\":\"2b\"}},"
                   "{\"id\":\"3\",\"properties\":{\"b\":\"3b\",\"unknown\":\"x\",\"a\":\"3a\"}},"
                   "{\"id\":\"4\",\"properties\":{\"unknown\":{\"x\":[1]},\"b\":\"4b\",\"\":\"y\","
                   "\"c\":\"4c\",\"a\":\"4a\"}},"
                   "{\"id\":\"5\",\"properties\":{\"a\":\"5a\",\"b\":\"5b\",\"c\":\"5c\"}}]");
    const struct batch *b = scene_batch(&s, "ticket", BATCH_UPSERT);
    static const char *const WANT[5][3] = {{"1a", "1b", "1c"},
                                           {"2a", "2b", "2c"},
                                           {"3a", "3b", NULL},
                                           {"4a", "4b", "4c"},
                                           {"5a", "5b", "5c"}};
    for (size_t row = 0; row < 5; row++) {
        check_text(b, row, "property_a", WANT[row][0]);
        check_text(b, row, "property_b", WANT[row][1]);
        check_text(b, row, "property_c", WANT[row][2]);
    }
    assert_true(s.page->rejects == 0); // what was not asked for is no fault
    scene_done(&s);
}

// More properties in a record than positions are remembered.
static void test_very_wide_record(void **state)
{
    (void)state;
    enum { WIDE = GUESSES_MAX + 500 };
    struct scene s;
    struct buf names;
    struct buf json;
    buf_init(&names, 1 << 20);
    buf_init(&json, 1 << 20);
    for (int record = 1; record <= 2; record++) {
        buf_printf(&json, "%s{\"id\":\"%d\",\"properties\":{", record == 1 ? "[" : ",", record);
        for (int i = 0; i < WIDE; i++) {
            // The second record comes in the opposite order.
            int at = record == 1 ? i : WIDE - 1 - i;
            buf_printf(&json, "%s\"p%d\":\"%d.%d\"", i ? "," : "", at, record, at);
            if (record == 1) {
                buf_printf(&names, "%sp%d:text", i ? "," : "", i);
            }
        }
        buf_add_cstr(&json, "}}");
    }
    buf_add_cstr(&json, "]");
    scene_init(&s, "tickets", buf_cstr(&names));
    scene_page(&s, buf_cstr(&json));
    const struct batch *b = scene_batch(&s, "ticket", BATCH_UPSERT);
    for (size_t row = 0; row < 2; row++) {
        for (size_t i = 0; i < WIDE; i++) {
            char want[32];
            const struct cell *c = &b->cells[row * b->table->n_columns + 1 + i];
            snprintf(want, sizeof want, "%zu.%zu", row + 1, i);
            check_str(((struct str){c->ptr, c->len}), want);
        }
    }
    scene_done(&s);
    buf_done(&names);
    buf_done(&json);
}

// ---- what does not fit

static void test_wrong_values_are_set_aside(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s, "tickets", "n:decimal,b:bool,d:date,i:timestamp,t:text");
    scene_page(&s, "[{\"id\":\"12\",\"properties\":{\"n\":\"1,234\",\"b\":\"maybe\",\"d\":"
                   "\"2026-02-30\",\"i\":\"soon\",\"t\":\"kept\"}},"
                   "{\"id\":13,\"properties\":{\"n\":\"x\",\"t\":\"kept too\"}}]");
    const struct batch *b = scene_batch(&s, "ticket", BATCH_UPSERT);
    assert_true(b->n_rows == 2 && s.page->rejects == 5 && s.page->records == 2);
    static const char *const COLUMNS[] = {"property_n", "property_b", "property_d", "property_i"};
    static const char *const RAW[] = {"1,234", "maybe", "2026-02-30", "soon"};
    for (size_t i = 0; i < ARRAY_LEN(COLUMNS); i++) {
        check_text(b, 0, COLUMNS[i], NULL);
        check_reject(&s, i, REJECT("12", COLUMNS[i], RAW[i]), "");
    }
    check_text(b, 0, "property_t", "kept");
    check_text(b, 1, "property_t", "kept too");
    check_reject(&s, 4, REJECT("13", "property_n", "x"), "");
    scene_done(&s);
}

// HubSpot sends strings; what else may come is taken by its meaning, or set aside as it is.
static void test_values_that_are_no_strings(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s, "tickets", "n:decimal,b:bool,t:text,d:date,i:timestamp,l:text");
    scene_page(&s,
               "[{\"id\":\"1\",\"properties\":{\"n\":12.5,\"b\":true,\"t\":7,\"i\":1790000000000,"
               "\"l\":[1,{\"a\":\"b\"}]}},"
               "{\"id\":\"2\",\"properties\":{\"n\":{\"x\":1},\"b\":[true],\"d\":false,"
               "\"i\":18446744073709551615}}]");
    const struct batch *b = scene_batch(&s, "ticket", BATCH_UPSERT);
    check_text(b, 0, "property_n", "12.5");
    assert_true(scene_cell(b, 0, "property_b")->num == 1);
    check_text(b, 0, "property_t", "7");
    check_text(b, 0, "property_i", "2026-09-21T14:13:20.000Z");
    check_text(b, 0, "property_l", "[1,{\"a\":\"b\"}]");
    assert_true(s.page->rejects == 4);
    check_reject(&s, 0, REJECT("2", "property_n", "{\"x\":1}"), "array or object");
    check_reject(&s, 1, REJECT("2", "property_b", "[true]"), "array or object");
    check_reject(&s, 2, REJECT("2", "property_d", "false"), "boolean");
    check_reject(&s, 3, REJECT("2", "property_i", "18446744073709551615"), "");
    scene_done(&s);
}

// NUL and bytes that are no UTF-8: the value is repaired, told about, and nothing else is lost.
static void test_repaired(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s, "tickets", "a:text,b:text,n:decimal");
    assert_true(
        scene_decode(&s,
                     STR("[{\"id\":\"1\",\"properties\":{\"a\":\"x\\u0000y\",\"b\":\"z\xff\","
                         "\"n\":\"1\\u00002\"}},{\"id\":\"2\",\"properties\":{\"a\":\"fine\"}}]"),
                     BATCH_UPSERT, INT64_MAX));
    const struct batch *b = scene_batch(&s, "ticket", BATCH_UPSERT);
    check_text(b, 0, "property_a", "x\xef\xbf\xbdy");
    check_text(b, 0, "property_b", "z\xef\xbf\xbd");
    check_text(b, 0, "property_n", NULL);
    check_text(b, 1, "property_a", "fine");
    assert_true(b->n_rows == 2 && s.page->rejects == 3);
    check_reject(&s, 0, REJECT("1", "property_a", "x\xef\xbf\xbdy"), "U+FFFD");
    check_reject(&s, 1, REJECT("1", "property_b", "z\xef\xbf\xbd"), "U+FFFD");
    check_reject(&s, 2,
                 REJECT("1", "property_n",
                        "1\xef\xbf\xbd"
                        "2"),
                 "");
    scene_done(&s);
}

// The raw value is kept, cut between characters where it is very long.
static void test_long_raw_values(void **state)
{
    (void)state;
    struct scene s;
    struct buf json;
    buf_init(&json, 1 << 20);
    scene_init(&s, "tickets", "n:decimal");
    for (int shift = 0; shift < 4; shift++) {
        buf_reset(&json);
        buf_printf(&json, "[{\"id\":\"1\",\"properties\":{\"n\":\"%.*s", shift, "xxx");
        for (int i = 0; i < 30000; i++) {
            buf_add_cstr(&json, "\xf0\x9f\x98\x80");
        }
        buf_add_cstr(&json, "\"}}]");
        scene_page(&s, buf_cstr(&json));
        const struct cell *c =
            scene_cell(scene_batch(&s, "_sluice_reject", BATCH_INSERT), 0, "raw_value");
        assert_in_range(c->len, 65000, 65536);
        assert_int_equal((c->len - (uint32_t)shift) % 4, 0);
    }
    scene_done(&s);
    buf_done(&json);
}

// ---- ids

static void test_ids(void **state)
{
    (void)state;
    static const struct {
        const char *record;
        int64_t id;          // 0: set aside
        const char *told_id; // in the reject row
    } ROWS[] = {
        {"{\"id\":\"12\",\"properties\":{}}", 12, NULL},
        {"{\"id\":12,\"properties\":{}}", 12, NULL},
        {"{\"id\":\"9223372036854775807\",\"properties\":{}}", INT64_MAX, NULL},
        {"{\"id\":9223372036854775807,\"properties\":{}}", INT64_MAX, NULL},
        {"{\"id\":\"9223372036854775808\",\"properties\":{}}", 0, "9223372036854775808"},
        {"{\"id\":9223372036854775808,\"properties\":{}}", 0, NULL},
        {"{\"id\":99999999999999999999999,\"properties\":{}}", 0, "99999999999999999999999"},
        {"{\"id\":\"0\",\"properties\":{}}", 0, "0"},
        {"{\"id\":-5,\"properties\":{}}", 0, NULL},
        {"{\"id\":\"-5\",\"properties\":{}}", 0, "-5"},
        {"{\"id\":\"\",\"properties\":{}}", 0, NULL},
        {"{\"id\":\"12x\",\"properties\":{}}", 0, "12x"},
        {"{\"id\":\"1\\u00002\",\"properties\":{}}", 0,
         "1\xef\xbf\xbd"
         "2"},
        {"{\"id\":12.5,\"properties\":{}}", 0, NULL},
        {"{\"id\":null,\"properties\":{}}", 0, NULL},
        {"{\"id\":{},\"properties\":{}}", 0, NULL},
        {"{\"properties\":{}}", 0, NULL},
        {"{\"id\":\"12\"}", 0, "12"},
        {"{\"id\":12,\"properties\":null}", 0, "12"},
        {"{\"id\":\"12\",\"properties\":null}", 0, "12"},
        {"{\"id\":\"12\",\"properties\":[]}", 0, "12"},
        {"{\"id\":\"12\",\"properties\":\"none\"}", 0, "12"},
        {"{}", 0, NULL},
        {"[]", 0, NULL},
        {"null", 0, NULL},
        {"7", 0, NULL},
    };
    struct scene s;
    scene_init(&s, "tickets", "a:text");
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        char results[256];
        snprintf(results, sizeof results, "[%s,{\"id\":\"1\",\"properties\":{\"a\":\"next\"}}]",
                 ROWS[i].record);
        scene_page(&s, results);
        const struct batch *b = scene_batch(&s, "ticket", BATCH_UPSERT);
        bool good = ROWS[i].id != 0;
        check_row(b->n_rows == (good ? 2 : 1) && s.page->rejects == !good, ROWS[i].record);
        check_text(b, good, "property_a", "next"); // what follows is not lost
        if (good) {
            check_int(b, 0, "id", ROWS[i].id);
        } else {
            const struct batch *rejects = scene_batch(&s, "_sluice_reject", BATCH_INSERT);
            check_text(rejects, 0, "record_id", ROWS[i].told_id);
            check_text(rejects, 0, "column", NULL);
            check_row(scene_cell(rejects, 0, "raw_value")->kind == CELL_TEXT, ROWS[i].record);
            check_text(rejects, 0, "reason", "the record has no usable id or no properties");
        }
    }
    // The whole record is kept where nothing of it could be.
    scene_page(&s, "[{\"id\":\"x\",\"properties\":{\"a\":\"b\"}}]");
    check_reject(&s, 0, REJECT("x", NULL, "{\"id\":\"x\",\"properties\":{\"a\":\"b\"}}"), "usable");
    assert_null(scene_batch(&s, "ticket", BATCH_UPSERT));
    scene_done(&s);
}

static void test_what_the_walk_learns(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s, "tickets", "a:text");
    scene_page(&s, "[{\"id\":\"5\",\"properties\":{}},{\"id\":\"7\",\"properties\":{}},"
                   "{\"id\":\"9\",\"properties\":{}}]");
    struct decode_result *x = &s.result;
    assert_true(x->n_records == 3 && x->n_seen == 3 && x->first_id == 5 && x->last_id == 9);
    assert_true(x->max_id == 9 && x->ascending && !x->reached_end);
    scene_page(&s, "[{\"id\":\"5\",\"properties\":{}},{\"id\":\"9\",\"properties\":{}},"
                   "{\"id\":\"7\",\"properties\":{}}]");
    assert_true(x->last_id == 7 && x->max_id == 9 && !x->ascending);
    scene_page(&s, "[{\"id\":\"5\",\"properties\":{}},{\"id\":\"5\",\"properties\":{}}]");
    assert_false(x->ascending); // twice the same is no rising
    scene_page(&s, "[]");
    assert_true(x->n_records == 0 && x->n_seen == 0 && x->first_id == 0 && x->ascending);
    assert_int_equal(s.page->n_batches, 0);
    scene_done(&s);
}

// Records at or above the end belong to another range: they are seen and left out.
static void test_end_id(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s, "tickets", "n:decimal");
    assert_true(
        scene_decode(&s,
                     STR("[{\"id\":\"5\",\"properties\":{}},{\"id\":\"7\",\"properties\":{}},"
                         "{\"id\":\"8\",\"properties\":{\"n\":\"bad\"}},"
                         "{\"id\":\"9\",\"properties\":{}}]"),
                     BATCH_INSERT, 8));
    const struct batch *b = scene_batch(&s, "ticket", BATCH_INSERT);
    assert_true(b->n_rows == 2 && s.page->records == 2 && s.page->rejects == 0);
    check_int(b, 1, "id", 7);
    assert_true(s.result.n_records == 2 && s.result.n_seen == 4 && s.result.last_id == 9);
    assert_true(s.result.reached_end && s.result.ascending);
    scene_done(&s);
}

static void test_no_list(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {"{}", "null", "\"x\"", "7"};
    struct scene s;
    scene_init(&s, "tickets", "a:text");
    for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
        assert_false(scene_decode(&s, str_from(TEXTS[i]), BATCH_UPSERT, INT64_MAX));
        assert_int_equal(s.error.code, ERR_SOURCE_DATA);
        check_contains(s.error.message, "results");
        assert_int_equal(s.page->n_batches, 0);
        struct json root;
        int64_t *ids = NULL;
        assert_true(json_parse(s.page->doc, str_from(TEXTS[i]), &root, &s.error));
        assert_false(decode_ids(root, &s.page->arena, &ids, &s.result, &s.error));
        assert_null(ids);
    }
    scene_done(&s);
}

static void test_decode_ids(void **state)
{
    (void)state;
    struct scene s;
    struct json root;
    int64_t *ids = NULL;
    scene_init(&s, "tickets", "a:text");
    scene_page(&s, "[]");
    assert_true(json_parse(s.page->doc,
                           STR("[{\"id\":\"3\"},{\"id\":4},{\"id\":\"x\"},{},{\"id\":\"5\"}]"),
                           &root, &s.error));
    assert_true(decode_ids(root, &s.page->arena, &ids, &s.result, &s.error));
    assert_true(s.result.n_records == 3 && ids[0] == 3 && ids[1] == 4 && ids[2] == 5);
    assert_true(s.result.ascending && s.result.first_id == 3 && s.result.last_id == 5);
    scene_done(&s);
}

// ---- what objects have besides

static void test_merges_of_contacts(void **state)
{
    (void)state;
    struct scene s;
    static const char RESULTS[] = "[{\"id\":\"12\",\"properties\":{\"hs_merged_object_ids\":\"7; "
                                  "8;;x;12;-3;99999999999999999999\"}},"
                                  "{\"id\":\"13\",\"properties\":{\"hs_merged_object_ids\":\"9\"}},"
                                  "{\"id\":\"14\",\"properties\":{\"hs_merged_object_ids\":null}}]";
    scene_init(&s, "contacts", "email:text,hs_merged_object_ids:text");
    scene_page(&s, RESULTS);
    static const int64_t WANT[][2] = {{12, 7}, {12, 8}, {13, 9}};
    const struct batch *gone = scene_batch(&s, "contact", BATCH_DELETED);
    const struct batch *audit = scene_batch(&s, "contact_merge_audit", BATCH_UPSERT);
    assert_true(gone && gone->n_rows == 3 && audit && audit->n_rows == 3);
    for (size_t i = 0; i < ARRAY_LEN(WANT); i++) {
        check_int(gone, i, "id", WANT[i][1]);
        check_int(audit, i, "canonical_vid", WANT[i][0]);
        check_int(audit, i, "vid_to_merge", WANT[i][1]);
        check_int(audit, i, "contact_id", WANT[i][0]);
        check_text(audit, i, "timestamp", NULL);
    }
    // The property keeps what HubSpot said.
    check_text(scene_batch(&s, "contact", BATCH_UPSERT), 0, "property_hs_merged_object_ids",
               "7; 8;;x;12;-3;99999999999999999999");
    // Into an empty table there is nobody to mark.
    assert_true(scene_decode(&s, str_from(RESULTS), BATCH_INSERT, INT64_MAX));
    assert_null(scene_batch(&s, "contact", BATCH_DELETED));
    assert_int_equal(scene_rows(&s, "contact_merge_audit", BATCH_UPSERT), 3);
    scene_done(&s);
}

static void test_merges_of_others(void **state)
{
    (void)state;
    struct scene s;
    const char *results = "[{\"id\":\"12\",\"properties\":{\"hs_merged_object_ids\":\"7\"}}]";
    scene_init(&s, "deals", "hs_merged_object_ids:text");
    scene_page(&s, results);
    const struct batch *merged = scene_batch(&s, "merged_deal", BATCH_UPSERT);
    check_int(merged, 0, "deal_id", 12);
    check_int(merged, 0, "merged_deal_id", 7);
    check_int(scene_batch(&s, "deal", BATCH_DELETED), 0, "deal_id", 7);
    scene_done(&s);
    scene_init(&s, "companies", "hs_merged_object_ids:text");
    scene_page(&s, results);
    check_int(scene_batch(&s, "company", BATCH_DELETED), 0, "id", 7);
    assert_int_equal(s.page->n_batches, 2); // there is no table of merged companies
    scene_done(&s);
}

// Hundreds of losers in a page grow the lists without losing one.
static void test_many_merges(void **state)
{
    (void)state;
    struct scene s;
    struct buf json;
    enum { LOSERS = 777 };
    buf_init(&json, 1 << 20);
    buf_add_cstr(&json, "[{\"id\":\"1000\",\"properties\":{\"hs_merged_object_ids\":\"");
    for (int i = 1; i <= LOSERS; i++) {
        buf_printf(&json, "%s%d", i > 1 ? ";" : "", i);
    }
    buf_add_cstr(&json, "\"}}]");
    scene_init(&s, "contacts", "hs_merged_object_ids:text");
    scene_page(&s, buf_cstr(&json));
    const struct batch *gone = scene_batch(&s, "contact", BATCH_DELETED);
    assert_int_equal(gone->n_rows, LOSERS);
    for (size_t i = 0; i < LOSERS; i++) {
        check_int(gone, i, "id", (int64_t)i + 1);
        check_int(scene_batch(&s, "contact_merge_audit", BATCH_UPSERT), i, "canonical_vid", 1000);
    }
    buf_done(&json);
    scene_done(&s);
}

static void test_engagements(void **state)
{
    (void)state;
    static const struct {
        const char *object, *table, *type;
    } ROWS[] = {
        {"calls", "engagement_call", "CALL"},
        {"communications", "engagement_communication", "COMMUNICATION"},
        {"emails", "engagement_email", "EMAIL"},
        {"meetings", "engagement_meeting", "MEETING"},
        {"notes", "engagement_note", "NOTE"},
        {"tasks", "engagement_task", "TASK"},
        {"postal_mail", "engagement_postal_mail", "POSTAL_MAIL"},
    };
    static const enum batch_op OPS[] = {BATCH_UPSERT, BATCH_INSERT};
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct scene s;
        enum batch_op op = OPS[i % 2];
        scene_init(&s, ROWS[i].object, "body:text");
        assert_true(
            scene_decode(&s,
                         STR("[{\"id\":\"5\",\"properties\":{\"body\":\"x\"}},{\"id\":\"bad\"},"
                             "{\"id\":\"6\",\"properties\":{}}]"),
                         op, INT64_MAX));
        const struct batch *own = scene_batch(&s, ROWS[i].table, op);
        const struct batch *all = scene_batch(&s, "engagement", op);
        assert_true(own && own->n_rows == 2 && all && all->n_rows == 2);
        check_int(own, 1, "engagement_id", 6);
        check_text(own, 1, "type", ROWS[i].type);
        check_text(own, 0, "property_body", "x");
        check_int(all, 0, "id", 5);
        check_int(all, 1, "id", 6);
        check_int(all, 1, "portal_id", 4711);
        check_text(all, 1, "type", ROWS[i].type);
        scene_done(&s);
    }
}

static void test_deals(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s, "deals", "pipeline:text,dealstage:text,hubspot_owner_id:text,amount:decimal");
    scene_page(&s, "[{\"id\":\"5\",\"properties\":{\"amount\":\"10.5\",\"hubspot_owner_id\":\"77\","
                   "\"dealstage\":\"closedwon\",\"pipeline\":\"default\"}},"
                   "{\"id\":\"6\",\"properties\":{\"hubspot_owner_id\":\"nobody\"}}]");
    const struct batch *b = scene_batch(&s, "deal", BATCH_UPSERT);
    check_int(b, 0, "deal_id", 5);
    check_text(b, 0, "deal_pipeline_id", "default");
    check_text(b, 0, "deal_pipeline_stage_id", "closedwon");
    check_int(b, 0, "owner_id", 77);
    check_int(b, 0, "portal_id", 4711);
    check_text(b, 0, "property_pipeline", "default");
    check_text(b, 0, "property_amount", "10.5");
    for (size_t row = 0; row < 2; row++) {
        assert_true(scene_cell(b, row, "is_deleted")->kind == CELL_BOOL);
        assert_true(scene_cell(b, row, "is_deleted")->num == 0);
    }
    check_text(b, 1, "deal_pipeline_id", NULL);
    check_text(b, 1, "owner_id", NULL);
    check_text(b, 1, "property_hubspot_owner_id", "nobody"); // kept where it fits
    assert_true(s.page->rejects == 0);
    scene_done(&s);
    // An account without those properties has the columns all the same.
    scene_init(&s, "deals", "amount:decimal");
    scene_page(&s, "[{\"id\":\"5\",\"properties\":{\"pipeline\":\"default\"}}]");
    check_text(scene_batch(&s, "deal", BATCH_UPSERT), 0, "deal_pipeline_id", NULL);
    scene_done(&s);
}

static void test_stages_of_deals(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s, "deals", "in_a:timestamp,out_a:timestamp,in_b:timestamp");
    const struct stage_date dates[] = {{STR("A"), 0, 1}, {STR("b-1"), 2, NO_COLUMN}};
    const struct stages stages = {dates, ARRAY_LEN(dates)};
    s.decoder.stages = &stages;
    const char *results =
        "[{\"id\":\"5\",\"properties\":{\"in_a\":\"2026-01-01\",\"out_a\":\"2026-01-02\","
        "\"in_b\":\"2026-01-02T03:04:05Z\"}},{\"id\":\"6\",\"properties\":{\"out_a\":\"2026-01-"
        "03\"}},"
        "{\"id\":\"7\",\"properties\":{\"in_b\":\"2026-01-04\"}}]";
    scene_page(&s, results);
    const struct batch *b = scene_batch(&s, "deal_stage", BATCH_REPLACE);
    if (!b) {
        fail_msg("no rows of stages");
        return;
    }
    assert_true(b->n_rows == 3 && b->scope_column == 0 && b->n_scope == 3);
    assert_true(b->scope[0] == 5 && b->scope[1] == 6 && b->scope[2] == 7);
    check_int(b, 0, "deal_id", 5);
    check_text(b, 0, "value", "A");
    check_text(b, 0, "date_entered", "2026-01-01T00:00:00.000Z");
    check_text(b, 0, "date_exited", "2026-01-02T00:00:00.000Z");
    check_text(b, 1, "value", "b-1");
    check_text(b, 1, "date_exited", NULL);
    check_int(b, 2, "deal_id", 7);
    assert_true(scene_decode(&s, str_from(results), BATCH_INSERT, INT64_MAX));
    assert_int_equal(scene_rows(&s, "deal_stage", BATCH_INSERT), 3);
    scene_done(&s);
}

static void test_reject_from_outside(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s, "tickets", "a:text");
    scene_page(&s, "[]");
    decode_reject(&s.decoder, s.page, STR("12"), STR("column"), STR("raw\0"), "because");
    check_reject(&s, 0, REJECT("12", "column", "raw\xef\xbf\xbd"), "because");
    assert_true(s.page->rejects == 1);
    scene_done(&s);
}

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_null_absent_and_empty),
        cmocka_unit_test(test_order_of_properties),
        cmocka_unit_test(test_very_wide_record),
        cmocka_unit_test(test_wrong_values_are_set_aside),
        cmocka_unit_test(test_values_that_are_no_strings),
        cmocka_unit_test(test_repaired),
        cmocka_unit_test(test_long_raw_values),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_what_the_walk_learns),
        cmocka_unit_test(test_end_id),
        cmocka_unit_test(test_no_list),
        cmocka_unit_test(test_decode_ids),
        cmocka_unit_test(test_merges_of_contacts),
        cmocka_unit_test(test_merges_of_others),
        cmocka_unit_test(test_many_merges),
        cmocka_unit_test(test_engagements),
        cmocka_unit_test(test_deals),
        cmocka_unit_test(test_stages_of_deals),
        cmocka_unit_test(test_reject_from_outside),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}

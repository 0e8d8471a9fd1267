// Any property names and types, in any order: columns are well formed, never shared, and the same
// in the next run. The input: fields that each hold a byte for the type and a property's name.
#include "core/arena.h"
#include "data/naming.h"
#include "fuzz.h"

enum { MAX_NAMES = 64 };

struct asked {
    struct str property;
    enum column_type type;
    struct str column;
};

static void check_column(struct str column)
{
    assert(str_starts(column, STR("property_")));
    assert(column.len > STR("property_").len && column.len <= LIMIT_IDENTIFIER_BYTES);
    for (size_t i = 0; i < column.len; i++) {
        char c = column.ptr[i];
        assert((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_');
    }
}

static struct naming *new_naming(struct arena *arena)
{
    struct naming *n = naming_create(STR("contacts"), STR("property_"), arena);
    naming_reserve(n, STR("id"));
    naming_reserve(n, STR("_sluice_synced"));
    naming_reserve(n, STR("_sluice_deleted"));
    return n;
}

static struct str resolve(struct naming *n, const struct asked *a)
{
    struct error err;
    struct str column;
    bool ok = naming_resolve(n, a->property, a->type, &column, &err);
    assert(ok);
    check_column(column);
    return column;
}

// One column belongs to one property in one type.
static void check_unique(const struct asked *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < i; k++) {
            bool same = list[i].type == list[k].type && str_eq(list[i].property, list[k].property);
            assert(same == str_eq(list[i].column, list[k].column));
        }
    }
}

// What a first run assigns is what a later run finds, whatever the order of rows and questions.
static void check_stable(struct naming *first, const struct asked *list, size_t n,
                         struct arena *arena)
{
    struct naming_row rows[MAX_NAMES];
    struct naming_row row;
    struct error err;
    size_t n_rows = 0;
    while (naming_next_new(first, &row)) {
        assert(n_rows < n);
        rows[n_rows++] = row;
    }
    struct naming *second = new_naming(arena);
    for (size_t i = n_rows; i > 0; i--) {
        bool ok = naming_load(second, &rows[i - 1], &err);
        assert(ok);
    }
    for (size_t i = n; i > 0; i--) {
        assert(str_eq(resolve(second, &list[i - 1]), list[i - 1].column));
    }
    assert(!naming_next_new(second, &row));
}

// Rows that nobody assigned: taken or refused, never a crash; and what is taken is given back.
static void check_foreign_rows(const struct asked *list, size_t n, struct arena *arena)
{
    struct naming *naming = new_naming(arena);
    struct error err;
    for (size_t i = 0; i + 1 < n; i += 2) {
        struct naming_row row = {STR("contacts"), list[i].property, list[i + 1].property,
                                 list[i].type};
        if (!naming_load(naming, &row, &err)) {
            assert(err.code == ERR_STATE && err.message[0] != '\0');
            return;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct asked list[MAX_NAMES];
    struct str rest = {(const char *)data, size};
    size_t n = 0;
    arena_init(&arena, 64 * 1024 * 1024);
    while (rest.len > 0 && n < MAX_NAMES) {
        struct str field = fuzz_field(&rest);
        if (field.len > 1) {
            list[n].type = (enum column_type)((uint8_t)field.ptr[0] % COL_TYPE_COUNT);
            list[n].property = str_sub(field, 1, field.len);
            n++;
        }
    }
    struct naming *naming = new_naming(&arena);
    for (size_t i = 0; i < n; i++) {
        list[i].column = resolve(naming, &list[i]);
        assert(str_eq(resolve(naming, &list[i]), list[i].column));
    }
    check_unique(list, n);
    check_stable(naming, list, n, &arena);
    check_foreign_rows(list, n, &arena);
    arena_done(&arena);
    return 0;
}

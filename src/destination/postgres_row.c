#include "destination/postgres_row.h"

#include "core/limits.h"
#include "core/random.h"
#include "core/timestamp.h"

#include <endian.h>

enum {
    EPOCH_DAYS = 10957, // 2000-01-01 in days since 1970-01-01
    NUMERIC_BASE_DIGITS = 4,
    NUMERIC_MAX_DECIMALS = 16383,
    NUMERIC_NEGATIVE = 0x4000,
};

int64_t postgres_timestamp(int64_t ms)
{
    return (ms - EPOCH_DAYS * 86400000LL) * 1000;
}

static char *put16(char *p, uint16_t x)
{
    x = htobe16(x);
    memcpy(p, &x, sizeof(x));
    return p + sizeof(x);
}

static char *put32(char *p, uint32_t x)
{
    x = htobe32(x);
    memcpy(p, &x, sizeof(x));
    return p + sizeof(x);
}

static char *put64(char *p, uint64_t x)
{
    x = htobe64(x);
    memcpy(p, &x, sizeof(x));
    return p + sizeof(x);
}

// --- numeric -------------------------------------------------------------------------------------

// A decimal in plain digits, split at its point.
struct decimal {
    struct str whole; // without leading zeros
    struct str decimals;
    bool negative;
};

static bool all_digits(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9') {
            return false;
        }
    }
    return true;
}

static bool split_decimal(struct str text, struct decimal *ret)
{
    struct decimal d = {.negative = str_starts(text, STR("-"))};
    struct str rest = str_sub(text, d.negative, text.len);
    const char *point = memchr(rest.ptr, '.', rest.len);
    size_t whole = point ? (size_t)(point - rest.ptr) : rest.len;
    d.whole = str_sub(rest, 0, whole);
    d.decimals = str_sub(rest, whole + (point != NULL), rest.len);
    if (d.whole.len + d.decimals.len == 0 || d.decimals.len > NUMERIC_MAX_DECIMALS ||
        !all_digits(d.whole) || !all_digits(d.decimals)) {
        return false;
    }
    while (d.whole.len > 0 && d.whole.ptr[0] == '0') {
        d.whole = str_sub(d.whole, 1, d.whole.len);
    }
    *ret = d;
    return true;
}

// Digit `i` of the decimal, counted from the point: -1 is the last before it, 0 the first behind
// it.
static int digit_at(const struct decimal *d, ptrdiff_t i)
{
    if (i < 0) {
        size_t back = (size_t)-i;
        return back <= d->whole.len ? d->whole.ptr[d->whole.len - back] - '0' : 0;
    }
    return (size_t)i < d->decimals.len ? d->decimals.ptr[i] - '0' : 0;
}

// Digits of base 10,000, the weight of the first, the sign and how many decimals are shown. Zero
// groups at both ends are left out, as the server does, so that equal numbers have equal digits.
static char *put_numeric(char *p, const struct decimal *d)
{
    ptrdiff_t first = -(ptrdiff_t)((d->whole.len + 3) / 4);
    ptrdiff_t end = (ptrdiff_t)((d->decimals.len + 3) / 4);
    char *const start = p + 4 + 8;
    char *digits = start;
    char *last = start; // behind the last group that is not zero
    size_t skipped = 0;
    for (ptrdiff_t group = first; group < end; group++) {
        unsigned x = 0;
        for (ptrdiff_t i = 0; i < NUMERIC_BASE_DIGITS; i++) {
            x = x * 10 + (unsigned)digit_at(d, group * NUMERIC_BASE_DIGITS + i);
        }
        if (x == 0 && digits == start) {
            skipped++;
            continue;
        }
        digits = put16(digits, (uint16_t)x);
        last = x ? digits : last;
    }
    size_t n = (size_t)(last - start) / 2;
    ptrdiff_t weight = n ? -first - 1 - (ptrdiff_t)skipped : 0;
    p = put32(p, (uint32_t)(8 + 2 * n));
    p = put16(p, (uint16_t)n);
    p = put16(p, (uint16_t)(int16_t)weight);
    p = put16(p, n && d->negative ? NUMERIC_NEGATIVE : 0);
    p = put16(p, (uint16_t)d->decimals.len);
    return p + 2 * n;
}

// --- cells ---------------------------------------------------------------------------------------

// Writes the field at p; NULL when the cell does not fit the column.
static char *put_text_cell(char *p, enum column_type type, const struct cell *c)
{
    struct str text = {c->ptr, c->len};
    struct decimal decimal;
    int64_t number;
    switch (type) {
    case COL_TEXT:
        p = put32(p, c->len);
        if (c->len > 0) {
            memcpy(p, c->ptr, c->len);
        }
        return p + c->len;
    case COL_DECIMAL:
        return split_decimal(text, &decimal) ? put_numeric(p, &decimal) : NULL;
    case COL_DATE:
        if (!date_parse(text, &number)) {
            return NULL;
        }
        return put32(put32(p, 4), (uint32_t)(int32_t)(number - EPOCH_DAYS));
    case COL_TIMESTAMP:
        if (!timestamp_parse(text, &number)) {
            return NULL;
        }
        return put64(put32(p, 8), (uint64_t)postgres_timestamp(number));
    case COL_INT:
    case COL_FLOAT:
    case COL_BOOL:
    case COL_TYPE_COUNT:
    default:
        return NULL;
    }
}

static char *put_cell(char *p, enum column_type type, const struct cell *c)
{
    uint64_t bits;
    switch ((enum cell_kind)c->kind) {
    case CELL_NULL:
        return put32(p, UINT32_MAX);
    case CELL_INT:
        return type == COL_INT ? put64(put32(p, 8), (uint64_t)c->num) : NULL;
    case CELL_BOOL:
        if (type != COL_BOOL) {
            return NULL;
        }
        p = put32(p, 1);
        *p = c->num != 0;
        return p + 1;
    case CELL_FLOAT:
        memcpy(&bits, &c->dbl, sizeof(bits));
        return type == COL_FLOAT ? put64(put32(p, 8), bits) : NULL;
    case CELL_TEXT:
        return put_text_cell(p, type, c);
    default:
        return NULL;
    }
}

static uint64_t key_number(const char *field, size_t len, const struct column *column,
                           const struct cell *c, uint64_t before)
{
    uint64_t x;
    if (c->kind == CELL_INT) {
        x = (uint64_t)c->num;
    } else if (c->kind == CELL_FLOAT) {
        double same = c->dbl + 0.0; // -0 equals 0
        memcpy(&x, &same, sizeof(x));
    } else if (column->type == COL_DECIMAL && len >= 12) {
        // How many decimals are shown does not tell numbers apart.
        x = str_hash((struct str){field + 4, 6}) ^
            random_mix(str_hash((struct str){field + 12, len - 12}));
    } else {
        x = str_hash((struct str){field, len});
    }
    return random_mix(before ^ x);
}

static bool misfit(const struct column *column, const struct cell *c, struct error *err)
{
    if (c->kind == CELL_TEXT) {
        return error_set(err, ERR_INTERNAL, "column '%.*s' cannot hold '%.*s' as %s",
                         STR_ARG(column->name), (int)MIN(c->len, 100U), c->ptr,
                         column_type_name(column->type));
    }
    return error_set(err, ERR_INTERNAL, "column '%.*s' of type %s was given a cell of kind %u",
                     STR_ARG(column->name), column_type_name(column->type), c->kind);
}

bool postgres_row(struct buf *b, const struct row_form *form, const struct cell *cells,
                  uint64_t *ret_key, struct error *err)
{
    const struct target *t = form->target;
    const struct table *table = &t->table;
    size_t n = form->keys_only ? table->n_keys : table->n_columns;
    // A field takes 4 bytes and at most its text, or 20; base 10,000 takes less than the digits.
    size_t most = 64;
    for (size_t i = 0; i < n; i++) {
        most += 28 + (cells[i].kind == CELL_TEXT ? cells[i].len : 0);
    }
    char *start = buf_reserve(b, most);
    if (!start) {
        return error_set(err, ERR_LIMIT, "a row of over %zu bytes", most);
    }
    size_t fields = form->keys_only ? n : n + t->has_synced + t->has_deleted;
    char *p = put16(start, (uint16_t)fields);
    uint64_t key = 0;
    for (size_t i = 0; i < n; i++) {
        char *next = put_cell(p, table->columns[i].type, &cells[i]);
        if (!next) {
            return misfit(&table->columns[i], &cells[i], err);
        }
        if (i < table->n_keys) {
            key = key_number(p, (size_t)(next - p), &table->columns[i], &cells[i], key);
        }
        p = next;
    }
    if (!form->keys_only && t->has_synced) {
        p = put64(put32(p, 8), (uint64_t)form->synced);
    }
    if (!form->keys_only && t->has_deleted) {
        p = put32(p, 1);
        *p++ = form->deleted;
    }
    assert((size_t)(p - start) <= most);
    buf_commit(b, (size_t)(p - start));
    *ret_key = key;
    return true;
}

#include "data/schema.h"

static const char *const NAMES[COL_TYPE_COUNT] = {
    [COL_TEXT] = "text", [COL_INT] = "int",   [COL_DECIMAL] = "decimal",     [COL_FLOAT] = "float",
    [COL_BOOL] = "bool", [COL_DATE] = "date", [COL_TIMESTAMP] = "timestamp",
};

const char *column_type_name(enum column_type t)
{
    assert((unsigned)t < COL_TYPE_COUNT);
    return NAMES[t];
}

bool column_type_parse(struct str name, enum column_type *ret)
{
    for (size_t i = 0; i < COL_TYPE_COUNT; i++) {
        if (str_eq(name, str_from(NAMES[i]))) {
            *ret = (enum column_type)i;
            return true;
        }
    }
    return false;
}

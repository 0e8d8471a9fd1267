// Is a text a value of a property? By type and kind; what HubSpot answers when it is not.
//
// Pure reading under the portal's lock; results live in the call's arena.
#pragma once

#include "sim/portal.h"
#include "sim/refusal.h"

enum { VALUE_CHARACTERS_MAX = 65536 };

// One value that cannot be written.
struct invalid {
    struct str name;  // of the property
    const char *code; // "INVALID_OPTION", ...
    struct str message;
};

struct invalids {
    struct invalid *items;
    size_t n;
    size_t cap;
};

// Adds to the list; always false.
bool invalids_add(struct call *c, struct invalids *list, struct str name, const char *code,
                  const char *fmt, ...) PRINTF_LIKE(5, 6);
// The refusal that lists them all: "Property values were not valid: [...]".
bool invalids_refuse(struct call *c, const struct invalids *list, struct refusal *ret);

// Checks a value that is not empty and brings it into the form in which HubSpot keeps it (dates);
// otherwise adds to the list. Stages and pipelines are checked elsewhere (lifecycle.h), since they
// depend on each other.
bool validate_value(struct call *c, const struct property *p, struct str value, struct str *ret,
                    struct invalids *list) MUST_CHECK;
// Whether several options may be joined by ';'.
bool validate_is_multiple(const struct property *p);
bool validate_email(struct str s);
// Names of properties that a new record must have and these lack: a comma list in the arena, empty
// when nothing lacks. `has` answers for one name.
struct str validate_missing(struct call *c, enum object_type object,
                            bool (*has)(const void *values, struct str name), const void *values);

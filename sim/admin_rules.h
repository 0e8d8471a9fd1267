// Rules that an account's admins made for what may be written. Legacy paths pass over them; paths
// of 2026-09 enforce them. Constant once parsed.
#pragma once

#include "core/error.h"
#include "sim/objects.h"

enum { ADMIN_RULES_MAX = 32 };

enum admin_rule_kind {
    RULE_REQUIRED, // when a record is created
    RULE_MIN,      // a number at least
    RULE_MAX,
    RULE_LENGTH, // at most so many bytes
    RULE_KIND_COUNT
};

struct admin_rule {
    enum object_type object;
    struct str property;
    enum admin_rule_kind kind;
    double bound;
};

struct admin_rules {
    struct admin_rule items[ADMIN_RULES_MAX];
    size_t n;
};

// "contacts.phone:required,deals.amount:min=0"; names are borrowed from the text.
bool admin_rules_parse(struct str text, struct admin_rules *ret, struct error *err) MUST_CHECK;
// The rule that a value breaks, or NULL.
const struct admin_rule *admin_rules_broken(const struct admin_rules *rules,
                                            enum object_type object, struct str property,
                                            struct str value);
const char *admin_rule_name(enum admin_rule_kind kind); // "required", "min", ...

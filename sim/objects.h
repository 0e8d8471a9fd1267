// The object types of a portal: a table of what the API calls them.
#pragma once

#include "core/str.h"

enum object_type {
    OBJECT_CONTACTS,
    OBJECT_COMPANIES,
    OBJECT_DEALS,
    OBJECT_TICKETS,
    OBJECT_CALLS,
    OBJECT_COMMUNICATIONS,
    OBJECT_EMAILS,
    OBJECT_MEETINGS,
    OBJECT_NOTES,
    OBJECT_TASKS,
    OBJECT_POSTAL_MAIL,
    OBJECT_COUNT
};

struct object_info {
    struct str plural;   // "contacts": in paths
    struct str singular; // "contact": in association paths and messages
    struct str type_id;  // "0-1"
    struct str upper;    // "CONTACT": in error messages
    struct str scope;    // what reading needs
    struct str created;  // name of the property with the creation date
    struct str modified; // name of the property with the modification date
    struct str defaults; // properties returned when none are asked for, comma-separated
    uint64_t id_base;    // ids of generated records start here
    bool engagement;
    bool merge_makes_new; // merging gives a record with a new id
};

const struct object_info *object_info(enum object_type t);
// By plural name or type id; with `singular`, by singular name too. Any case.
bool object_find(struct str name, bool singular, enum object_type *ret);

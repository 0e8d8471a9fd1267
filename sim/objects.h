// The object types of a portal: a table of what the API calls them.
//
// The last places of the table are for custom objects. What is constant of them (type id, names of
// the date properties) stands here; which of them a portal has, and their names, is in schemas.h:
// whoever looks a type up by name for a portal calls portal_object.
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
    OBJECT_PRODUCTS,
    OBJECT_LINE_ITEMS,
    OBJECT_QUOTES,
    OBJECT_LEADS,
    OBJECT_FEEDBACK_SUBMISSIONS,
    OBJECT_USERS,
    OBJECT_CUSTOM_FIRST,
    OBJECT_COUNT = OBJECT_CUSTOM_FIRST + 24
};

// Custom objects that one portal ever has; a deleted one keeps its place and its type id.
enum { OBJECT_CUSTOM_MAX = OBJECT_COUNT - OBJECT_CUSTOM_FIRST };

struct object_info {
    struct str plural;   // "contacts": in paths
    struct str singular; // "contact": in association paths and messages
    struct str type_id;  // "0-1"
    struct str upper;    // "CONTACT": in error messages
    struct str scope;    // what reading needs
    struct str created;  // name of the property with the creation date
    struct str modified; // name of the property with the modification date
    struct str defaults; // properties returned when none are asked for, comma-separated
    struct str group;    // property group of its standard properties
    struct str searched; // properties that free text is looked for in, comma-separated
    uint64_t id_base;    // ids of generated records start here
    bool engagement;
    bool main_type;       // has as many properties as the portal is told to have, and merges
    bool merge_makes_new; // merging gives a record with a new id
    bool read_only;       // records cannot be written
};

const struct object_info *object_info(enum object_type t);
static inline bool object_is_custom(enum object_type t)
{
    return t >= OBJECT_CUSTOM_FIRST;
}
// By plural name or type id; with `singular`, by singular name too. Any case. A custom type is
// found by its id only, and whether or not the portal has it.
bool object_find(struct str name, bool singular, enum object_type *ret);

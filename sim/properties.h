// Property definitions of one object type, and how values of each are made up.
//
// A set owns its definitions. They are never freed before the set: a deleted one stays, marked
// archived, so that pointers hold. Readers share the portal's lock; changes need it exclusively.
#pragma once

#include "core/arena.h"
#include "core/error.h"
#include "sim/objects.h"

enum property_type {
    PROPERTY_STRING,
    PROPERTY_NUMBER,
    PROPERTY_DATE,
    PROPERTY_DATETIME,
    PROPERTY_ENUMERATION,
    PROPERTY_BOOL,
    PROPERTY_PHONE_NUMBER,
    PROPERTY_JSON,
    PROPERTY_COORDINATES,
    PROPERTY_TYPE_COUNT
};
const char *property_type_name(enum property_type t); // "string", ...
bool property_type_parse(struct str name, enum property_type *ret);

// How values are made up; generate.c has one writer per kind.
enum value_kind {
    // what a record is
    KIND_OBJECT_ID,
    KIND_CREATED,
    KIND_MODIFIED,
    KIND_MERGED_IDS,
    KIND_COMPANY_ID,
    // people and companies
    KIND_FIRST_NAME,
    KIND_LAST_NAME,
    KIND_FULL_NAME,
    KIND_EMAIL,
    KIND_EMAIL_DOMAIN,
    KIND_PHONE,
    KIND_COMPANY_NAME,
    KIND_OWN_COMPANY_NAME,
    KIND_DOMAIN,
    KIND_WEBSITE,
    KIND_STREET,
    KIND_CITY,
    KIND_STATE,
    KIND_ZIP,
    KIND_COUNTRY,
    KIND_JOB_TITLE,
    KIND_OWNER,
    // deals, tickets, engagements
    KIND_DEAL_NAME,
    KIND_SUBJECT,
    KIND_PIPELINE,
    KIND_STAGE,
    KIND_STAGE_ENTERED, // lo of these four: pipeline * 100 + stage
    KIND_STAGE_EXITED,
    KIND_STAGE_LATEST, // ms from entering to leaving, the last time
    KIND_STAGE_TOTAL,  // ms, all times together
    KIND_HAPPENED,     // an engagement's own time
    // plain values; lo and hi bound them
    KIND_OPTION,
    KIND_OPTIONS,
    KIND_BOOL,
    KIND_INTEGER,
    KIND_DECIMAL, // two decimals
    KIND_MESSY_NUMBER,
    KIND_DATE,
    KIND_DATETIME,
    KIND_COORDINATES,
    KIND_UNIQUE, // "prefix-index": unique and traceable to its record
    KIND_UUID,
    KIND_TEXT, // a few words
    // long or with characters that JSON escapes
    KIND_PARAGRAPH,
    KIND_HTML,
    KIND_JSON,
    KIND_COUNT
};

struct property_option {
    struct str value;
    struct str label;
    struct str description;
    int64_t order; // 0 in constant tables: by position
    bool hidden;
};

// Properties stand in groups; each object type has its own.
struct property_group {
    struct str name;
    struct str label;
    int64_t order;
    bool hubspot_defined;
    bool archived;
};
enum { PROPERTY_GROUPS_MAX = 200 }; // of one object type, ever

enum property_sensitivity { SENSITIVITY_NONE, SENSITIVITY_SENSITIVE, SENSITIVITY_HIGH };

struct property {
    struct str name;
    struct str label;
    struct str group;
    enum property_type type;
    const char *field_type; // "text", "select", ...
    enum value_kind kind;
    const struct property_option *options;
    size_t n_options;
    int64_t lo, hi;
    uint64_t salt; // what makes its values differ from those of other properties
    uint32_t fill; // share of records that have a value, of UINT32_MAX
    bool calculated;
    bool read_only;        // also true of calculated ones
    bool external_options; // values are owner ids
    bool hidden;
    bool hubspot_defined;
    bool unique;
    bool archived;
    bool no_form_field;
    enum property_sensitivity sensitivity;
    struct str description;
    struct str formula; // of a calculated one of the user's own
    int64_t order;      // -1: behind those that have a place
    int64_t created_ms;
    int64_t updated_ms;
    // Rendered once: "name":null,  padded by TEXT_PADDING bytes; the first key_len bytes are
    // "name":
    const char *json;
    size_t key_len;
    size_t json_len;
};

struct property_set {
    struct arena arena;
    struct property **items; // in order of creation
    size_t n;
    size_t cap;
    struct property **table; // open addressing by name, live ones only
    size_t table_cap;
    size_t n_live;
    struct property_group *groups; // PROPERTY_GROUPS_MAX places, in the arena; NULL: none yet
    size_t n_groups;
};

void property_set_init(struct property_set *s);
void property_set_done(struct property_set *s);
// Fills the set with the standard properties of the object and custom ones up to `total`. With
// `clean`, no odd values.
void property_set_generate(struct property_set *s, enum object_type object, size_t total,
                           uint64_t seed, bool clean);
// The live property of that name, or NULL.
struct property *property_find(const struct property_set *s, struct str name);
// Copies *p (texts too, options not), gives it its rendered key, makes it findable, and makes its
// group if there is none. Asserts that the name is free.
struct property *property_add(struct property_set *s, const struct property *p);
// The newest archived property of that name, or NULL.
struct property *property_find_archived(const struct property_set *s, struct str name);
// The live group of that name, or NULL; and a fresh one without a name, NULL when there is no
// place.
struct property_group *property_group_find(const struct property_set *s, struct str name);
struct property_group *property_group_add(struct property_set *s);
const char *property_sensitivity_name(enum property_sensitivity s); // "non_sensitive", ...
// Marks it archived; it is found no more.
void property_remove(struct property_set *s, struct property *p, int64_t now_ms);
// A definition like a user would create it, with generated values for `fill_percent` of the
// records.
struct property property_custom(struct str name, enum property_type type, unsigned fill_percent);

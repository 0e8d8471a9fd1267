// The property definitions of an account, read once and shared by its streams. Streams that want
// newer ones get a catalog of their own time (source.c).
// Thread-safe. Definitions live until the last user lets go of the catalog.
#pragma once

#include "data/json.h"
#include "data/schema.h"
#include "hubspot/client.h"

struct catalog;

struct property_def {
    struct str name;
    struct str type_name;  // HubSpot's: "string", "number", ...
    enum column_type type; // ours
    struct json json;      // the whole definition
};
struct property_defs {
    const struct property_def *items;
    size_t n;
};

struct catalog *catalog_create(int64_t now_ms); // the caller is its user
struct catalog *catalog_use(struct catalog *c); // one user more
void catalog_leave(struct catalog *c);          // takes NULL; the last user's frees it
int64_t catalog_created_ms(const struct catalog *c);
// The definitions of an object, by its plural name. Asks HubSpot the first time.
bool catalog_get(struct catalog *c, struct hubspot_client *client, const char *object,
                 struct property_defs *ret, struct error *err) MUST_CHECK;

// The property definitions of an account, read once a run and shared by its streams.
// Thread-safe. Definitions live until the catalog is destroyed.
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

struct catalog *catalog_create(void);
void catalog_destroy(struct catalog *c); // takes NULL
// The definitions of an object, by its plural name. Asks HubSpot the first time.
bool catalog_get(struct catalog *c, struct hubspot_client *client, const char *object,
                 struct property_defs *ret, struct error *err) MUST_CHECK;

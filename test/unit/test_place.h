// A data directory with its store, for the tests of the store. One thread owns a place.
// test_place_both.h runs tests on files and on a PostgreSQL server.
#pragma once

#include "check.h"

#include "store/connections.h"

// A token that a test would find anywhere.
#define MARK "5ec7e7-stored"

struct place {
    char root[64];
    char dir[96];               // is made by the store
    char url[128];              // of the store; empty: a file in the directory
    struct test_server *server; // that has the database of the URL; else NULL
    struct virtual_clock clock;
    struct cancel cancel;
    struct store *store;
    struct sealing *sealing;
    struct arena arena;
};

// cmocka's setup and teardown.
int place_setup(void **state);
int place_teardown(void **state);

struct place *place_create(const char *url);
void place_destroy(struct place *p);

void must(bool ok, const struct error *err); // fails the test with the error
struct store_options place_options(struct place *p);
struct store *place_open_store(struct place *p);
struct sealing *place_open_sealing(struct store *store, const char *key_file);
// A connection of kind token.
bool place_put_token(struct place *p, const char *name, const char *token, struct error *err);
void place_check_token(struct place *p, const char *name, const char *token);
void place_run(struct place *p, const char *text);
int64_t place_number(struct place *p, const char *query);
// Copies one of the syncs that are there until there are `n`, all of its connection.
void place_fill_syncs(struct place *p, int64_t n);
// The path of a file in the directory; its bytes.
const char *place_file(struct place *p, const char *name);
struct str place_contents(struct place *p, const char *path);

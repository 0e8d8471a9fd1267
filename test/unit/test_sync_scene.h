// Connections, syncs and streams in a store, for the tests of what is stored of syncs.
#pragma once

#include "test_place_both.h"

#include "store/destinations.h"
#include "store/leases.h"
#include "store/runs.h"

#define ACCOUNT STR("A-account-0001")

// An active connection of the account; portal 0: not known.
void scene_connection(struct place *p, const char *name, int64_t portal);
// The destination that syncs of the scene load into; made when first asked for.
struct str scene_destination(struct place *p);
// An enabled sync that loads into `schema`.
struct elt_sync scene_sync(struct place *p, const char *connection, const char *schema);
struct elt_stream scene_stream(struct place *p, const struct elt_sync *sync, const char *name);
// The same with a connection of its own.
struct elt_stream scene_lone_stream(struct place *p, const char *connection, int64_t portal);
struct stream_run_row scene_request(struct place *p, struct str stream_id);
struct stream_run_row scene_run(struct place *p, struct str run_id);
size_t scene_take(struct place *p, const char *worker, size_t max, struct run_claim **ret);
// Takes the one run that waits.
struct run_claim scene_take_one(struct place *p, const char *worker);
// Ends a run that was taken.
bool scene_end(struct place *p, const struct run_claim *claim, enum run_status status,
               struct error *err);
int64_t scene_now(struct place *p);
int64_t scene_count(struct place *p, const char *table);
// The kind of what was told of the run last.
struct str scene_last_event(struct place *p, struct str run_id);
struct elt_stream scene_stream_now(struct place *p, struct str id);

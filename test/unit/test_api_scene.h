// The REST API over loopback, on a store of its own: for the tests of its resources.
#pragma once

#include "test_place_both.h"

#include "api/api.h"
#include "data/json.h"
#include "http/client.h"
#include "store/runs.h"

enum { SCENE_ANSWERS_MAX = 2048 };

struct scene {
    struct place *place;
    struct api *api;
    struct http_server *server;
    struct http_client *client;
    struct str key; // of the caller, scope write
    struct str account_id;
    struct str destination_id; // the default: SQLite files in the directory `files`
    struct str files;
    struct json_doc *docs[SCENE_ANSWERS_MAX];
    size_t n_docs;
};

struct answer {
    int status;
    struct str body;
    struct str retry_after;
    struct json root; // of an answer with a body
};

// With connections "main" and "other".
struct scene *scene_open(struct place *p);
// The same, with a clock whose waits are waits: for requests that meet.
struct scene *scene_open_on(struct place *p, const struct clock *clock);
void scene_close(struct scene *s);
// A client for another thread.
struct http_client *scene_client(void);
int scene_status(struct scene *s, struct http_client *client, const char *method, const char *path,
                 const char *body);

struct answer scene_call(struct scene *s, const char *method, const char *path, const char *body);
// The same, and fails unless the status is that one. Errors must have their shape.
struct json scene_expect(struct scene *s, int status, const char *method, const char *path,
                         const char *body);
// Fails unless the answer is an error with that status whose message holds `says`.
void scene_refused(struct scene *s, int status, const char *method, const char *path,
                   const char *body, const char *says);
// printf into the arena of the place.
const char *scene_text(struct scene *s, const char *fmt, ...) PRINTF_LIKE(2, 3);

// Fields of answers; they must be there.
const char *field_text(struct scene *s, struct json v, const char *name);
int64_t field_int(struct json v, const char *name);
bool field_bool(struct json v, const char *name);
struct json field(struct json v, const char *name);
bool has_field(struct json v, const char *name);
struct json item(struct json list, size_t n);

// A sync of connection "main" into that schema; its id.
const char *scene_sync(struct scene *s, const char *schema);
// The item of that name.
struct json item_named(struct scene *s, struct json list, const char *name);
// Puts a stream; its id.
const char *scene_stream(struct scene *s, const char *sync_id, const char *name);
// What a worker would do with the one run that waits; none may wait otherwise.
struct stream_run_row scene_begin_run(struct scene *s);
void scene_end_run(struct scene *s, struct stream_run_row *run, enum run_status status);

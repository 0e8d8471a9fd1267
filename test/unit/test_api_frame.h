// The API's frame with routes of the test's own, on a store of its own.
#pragma once

#include "test_place.h"
#include "test_raw.h"

#include "api/api.h"

struct frame {
    struct place *place;
    struct api *api;
    struct http_server *server;
    uint16_t port;
    char read_key[256], write_key[256], admin_key[256]; // header lines
    char read_id[64];
    struct str account_id;
};

struct frame *frame_open(void);
void frame_close(struct frame *f);
int frame_setup(void **state);
int frame_teardown(void **state);
// Makes a key; its header line into `line`.
struct api_key frame_key(struct frame *f, enum api_key_scope scope, int64_t expires_ms, char *line);
// Fails unless the answer has that status and, when it is an error, its shape and that code.
void frame_expect(struct frame *f, int status, const char *code, const char *method,
                  const char *target, const char *headers, const char *body);
// How many things the handler has made and the store keeps.
int64_t frame_things(struct frame *f);
// POST /gate waits until the gate is opened; how many are inside.
void frame_gate(bool open);
int frame_inside(void);

// Requests written by hand over a socket, for what no honest client sends. One thread owns a talk.
#pragma once

#include "check.h"

#include "core/buf.h"

struct talk {
    int fd;
    struct buf in; // what came so far
};
struct reply {
    int status; // 0: the connection was closed without an answer
    char *head; // "HTTP/1.1 200 OK\r\n...": its lines; the caller's
    char *body; // NUL-terminated; the caller's
    size_t body_len;
};

struct talk talk_open(uint16_t port);
// The system keeps so little of what is not read yet.
struct talk talk_open_narrow(uint16_t port, int receive_bytes);
void talk_close(struct talk *t);
void talk_send(struct talk *t, const char *text, size_t len);
// Reads what there is within so long; false at the end of the connection.
bool talk_read(struct talk *t, int timeout_ms);
// Until the text is in what came; fails the test when it does not come.
void talk_expect(struct talk *t, const char *text);
// Until the connection is closed; false when it is still open after so long.
bool talk_ends(struct talk *t, int timeout_ms);
// One whole answer with Content-Length, or to the end of the connection.
struct reply talk_reply(struct talk *t);
// A request on a connection of its own. `headers`: lines with "\r\n"; `body` NULL: none.
struct reply raw_ask(uint16_t port, const char *method, const char *target, const char *headers,
                     const char *body);
void reply_done(struct reply *r);
// Whether there is such a header line: "X-A: b".
bool reply_has(const struct reply *r, const char *line);

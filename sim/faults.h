// Scripted faults: rules that say which requests go wrong, when, and how.
//
// Rules are added through the admin API and matched in order; all that fire act together.
// Thread-safe.
#pragma once

#include "core/error.h"
#include "data/json_writer.h"
#include "sim/call.h"
#include "sim/fault_pages.h"
#include "sim/limits.h"

struct faults;

// What befalls one call: the rules that fired, joined.
struct fault_effects {
    bool fired;
    bool answers; // the endpoint is not asked at all; the fields below are the answer
    int status;
    struct str category; // empty: the bare form
    struct str message;
    struct str body; // ptr set: the whole body as it is
    bool html;
    bool forbid;           // 403 MISSING_SCOPES
    int64_t retry_after_s; // > 0: a Retry-After header
    int64_t delay_ms;
    struct http_server_wire wire;
    bool truncate; // the body ends after truncate_after bytes, and Content-Length agrees
    size_t truncate_after;
    const struct fault_cloudflare *cloudflare; // NULL: not asked
    bool rate_limit;                           // a 429 with the body of that policy
    enum limits_policy policy;
    struct str url;    // ptr set: redirect to it
    bool bad_json;     // the end of the body is none that JSON has
    size_t pad_bytes;  // so many bytes more in the body
    const char *spoil; // inserted into one value: bad UTF-8, NUL, control character; NULL: nothing
    struct str spoil_property; // empty: the first value that fits
};

struct faults *faults_create(void);
void faults_destroy(struct faults *f);
void faults_clear(struct faults *f);
// Adds the rules of {"rules":[...]}, or one rule. On an error none is added.
bool faults_add(struct faults *f, struct json body, struct error *err) MUST_CHECK;
size_t faults_count(struct faults *f);
// An array of the rules with how often each matched and fired.
void faults_write(struct faults *f, struct json_writer *w);
// Which faults meet this call; also sets call->page. Texts are copied to the call's arena.
struct fault_effects faults_for(struct faults *f, struct call *call);
// Fills the response from effects that answer by themselves.
void faults_answer(const struct fault_effects *e, struct call *call);
// Damages the finished answer.
void faults_damage(const struct fault_effects *e, struct call *call);

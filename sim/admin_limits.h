// /_sim/limits and /_sim/foreign: how much may be called, and who else calls.
#pragma once

#include "sim/call.h"

void admin_limits_get(struct call *c);
void admin_limits_set(struct call *c);
void admin_foreign_set(struct call *c);
// The fields "peak", "rate_limited", "foreign" and "calls_today" of the statistics.
void admin_limits_write_counts(struct call *c, struct json_writer *w);
// A tier or a rate ("100/10s") as the burst limit of one app; no text: nothing is set.
bool admin_limits_set_app(struct call *c, const struct app *app, struct str tier, struct str limit,
                          struct error *err) MUST_CHECK;

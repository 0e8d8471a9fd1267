// One budget for all processes of a machine: its state in a file that they map.
//
// Several programs of ours may work for one HubSpot account at the same time (a sync from cron, a
// second one by hand, a server). Each by itself would see the others only in HubSpot's headers,
// late, and together they would pass the share. So the state lies in a file in the data directory,
// one an account and base URL; processes that were killed leave nothing behind that holds others
// up. The file holds no secrets. It is made anew after a restart of the machine (its times are
// monotonic) and when another version wrote it.
#pragma once

#include "core/error.h"
#include "hubspot/budget.h"

// `path`: the file; made when it is missing, in a directory that is there. The budget lives on when
// the file is removed. Errors: STORE, with the path and the reason.
bool budget_open(const char *path, const struct budget_options *options, struct budget **ret,
                 struct error *err) MUST_CHECK;
// What `from` has learned and sent goes into `to`, for a process that had to make its first call
// before it knew the account. Neither may be in use by other threads of this process.
void budget_adopt(struct budget *to, struct budget *from, int64_t wall_ms);

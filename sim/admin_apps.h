// /_sim/apps, /_sim/oauth and /_sim/clock: who may call, what was granted, and when it runs out.
#pragma once

#include "sim/call.h"

void admin_apps_get(struct call *c);
void admin_apps_add(struct call *c);
void admin_apps_expire(struct call *c);
void admin_apps_revoke(struct call *c);
void admin_apps_uninstall(struct call *c);
void admin_apps_scopes(struct call *c);
void admin_oauth_get(struct call *c);
void admin_oauth_set(struct call *c);
void admin_clock_get(struct call *c);
void admin_clock_advance(struct call *c);

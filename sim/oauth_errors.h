// What the OAuth endpoints have in common: who calls, and how they refuse. One thread: the call's.
#pragma once

#include "sim/apps.h"
#include "sim/call.h"

// The app whose client id and secret are in the form; answers and returns false when there is none
// such.
bool oauth_client(struct call *c, const struct app **ret) MUST_CHECK;
void oauth_refuse(struct call *c, enum oauth_refusal refusal);

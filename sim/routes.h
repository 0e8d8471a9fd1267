// The endpoint table: each with its legacy and its dated path, and the function that answers it.
#pragma once

#include "sim/call.h"
#include "sim/limits.h"

enum { ROUTES_MAX = 256 };

struct route {
    const char *name;   // "objects.list": in stats and faults
    const char *method; // "GET"
    const char *legacy; // pattern: "/crm/v3/objects/{}"; NULL: none
    const char *dated;  // "/crm/objects/{date}/{}": {date} is 2026-03 or 2026-09
    enum rate_class rate;
    void (*handle)(struct call *call); // called with the portal locked
    bool writes;                       // for writing; otherwise for reading
    bool open;                         // needs no token and has no limit: it looks after itself
};

// Finds the route of a request and fills call->params. *ret_status: 200, 404, or 405 when only the
// method is wrong.
const struct route *route_find(struct call *call, int *ret_status);
size_t route_index(const struct route *r); // NULL: the place where unknown paths are counted
const char *route_name(size_t index);
bool route_name_known(struct str name);

// struct sim: the simulator's parts, as endpoints see them. Made by main; each part locks itself.
#pragma once

#include "core/log.h"
#include "sim/apps.h"
#include "sim/faults.h"
#include "sim/limits.h"
#include "sim/options.h"
#include "sim/portal.h"
#include "sim/search.h"
#include "sim/selection.h"
#include "sim/shift_clock.h"
#include "sim/stats.h"

#include <stdatomic.h>

enum { SIM_APP_ID = 1234567, SIM_OAUTH_APP_ID = 7654321, SIM_URL_MAX = 16200 };

struct sim {
    const struct options *options;
    const struct clock *clock; // that of shift
    struct shift_clock *shift;
    const struct log *log;
    struct portal *portal;
    struct selection_cache *selections;
    struct search_cache *searches;
    struct apps *apps;
    struct limits *limits;
    struct faults *faults;
    struct stats *stats;
    atomic_uint_fast64_t sequence; // requests so far: correlation ids and latencies come from it
};

// Answers one request: the http_server_handler of the simulator.
void sim_handle(void *sim, struct http_server_request *request,
                struct http_server_response *response);

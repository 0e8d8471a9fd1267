// HubSpot as a source: opening an account. Streams are then used through source/source.h.
#pragma once

#include "hubspot/client.h"
#include "source/hubspot/gate.h"
#include "source/source.h"

struct source_hubspot_options {
    struct hubspot_options account;
    int64_t horizon_ms; // how far behind the start of a pass its durable cursor stays: search lags
                        // behind writes
    int64_t association_sweep_ms; // every association is read anew at least this often
    int64_t reconcile_ms;         // live records are compared with HubSpot's at least this often
    // Where processes of this machine share what they know of the account's limits; must be there.
    // Empty: not shared. Only read while opening.
    struct str state_directory;
    const struct cancel *open_cancel; // ends waits while opening; may be NULL
    struct page_gate *gate;           // of all accounts of the process; may be NULL
};

// Opens the account: reads its details, which proves base URL and token. *ret is closed by
// source_close.
bool source_hubspot_open(const struct source_hubspot_options *options, struct source **ret,
                         struct error *err) MUST_CHECK;
void source_close(struct source *s); // takes NULL; its streams must be closed
// All streams, in the order in which they are best run. Static.
const struct source_stream_info *source_hubspot_streams(size_t *ret_n);
const struct source_stream_info *source_hubspot_find(struct str name_or_alias);
struct hubspot *source_hubspot_account(struct source *s);

struct source_hubspot_portal {
    int64_t id;
    struct str time_zone;    // IANA name; may be empty
    struct str account_type; // "STANDARD", ...; may be empty
    int64_t utc_offset_ms;   // today's
};
struct source_hubspot_portal source_hubspot_portal(const struct source *s);

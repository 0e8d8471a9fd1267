// When a deal was in which stage: rows of deal_stage, made from the calculated properties
// hs_v2_date_entered_<stage> and hs_v2_date_exited_<stage>, which HubSpot keeps for every stage; so
// they cost no call of their own.
//
// HubSpot folds the stage's id into the property's name (lower case, "-" as "_", other signs left
// out) and may put a number behind it; the id itself is looked up among the pipelines. Source:
// HubSpot's stage calculated properties pages.
#pragma once

#include "hubspot/client.h"
#include "source/hubspot/tables.h"

struct stage_date {
    struct str stage; // id; the folded name where no pipeline has such a stage any more
    int entered;      // number of the property
    int exited;       // NO_COLUMN when there is none
};
struct stages {
    const struct stage_date *items;
    size_t n;
};

extern const struct table TABLE_DEAL_STAGE;

// The stages among the properties of `t`; one call for the pipelines when there are any. In the
// arena.
bool stages_build(struct hubspot_client *client, const struct object_tables *t, struct arena *arena,
                  struct stages *ret, struct error *err) MUST_CHECK;
// The stage id (of `ids`) that was folded into `suffix`; the empty slice when none was.
struct str stages_match(struct str suffix, const struct str *ids, size_t n_ids);

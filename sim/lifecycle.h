// Stages: of the lifecycle, which only goes forward, and of pipelines, which must hold the stage.
// Reads the portal under its lock.
#pragma once

#include "sim/validate.h"

// Whether a lifecycle stage may follow the stored one: when one of them is empty, and forward. A
// refused move is no error: the write succeeds and the value stays.
bool lifecycle_allows(const struct property *p, struct str stored, struct str wanted);
bool lifecycle_is_stage(const struct property *p); // the property that the above is about

// A pair of pipeline and stage as a write would leave it; ptr NULL: no value.
struct placement {
    const struct property *pipeline;
    const struct property *stage;
    struct str pipeline_id;
    struct str stage_id;
};
// The properties that hold pipeline and stage; false when the type has no pipelines.
bool lifecycle_placement(const struct shelf *s, struct placement *ret);
// Whether there is such a pipeline and the stage is one of it; otherwise adds to the list.
bool lifecycle_check_placement(struct call *c, enum object_type object, const struct placement *p,
                               struct invalids *list) MUST_CHECK;
// What HubSpot works out of that stage (KIND_STAGE_ENTERED to KIND_STAGE_TOTAL), or NULL when the
// portal has no such property.
const struct property *lifecycle_calculated(const struct shelf *s, const struct placement *p,
                                            enum value_kind kind);

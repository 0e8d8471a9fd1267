// The pipelines of deals and tickets: a constant table.
#pragma once

#include "sim/properties.h"

struct pipeline_stage {
    struct str id;
    struct str label;
    struct str metadata; // JSON object
};

struct pipeline {
    struct str id;
    struct str label;
    const struct pipeline_stage *stages;
    size_t n_stages;
};

// Pipelines of an object type; *ret_n 0 when it has none.
const struct pipeline *pipelines_of(enum object_type object, size_t *ret_n);
// The same as options of the pipeline and stage properties, in the arena.
void pipelines_options(enum object_type object, bool stages, struct arena *arena,
                       const struct property_option **ret, size_t *ret_n);
// Where the record with this hash stands: index of pipeline and stage.
void pipelines_place(enum object_type object, uint64_t record_hash, size_t *ret_pipeline,
                     size_t *ret_stage);

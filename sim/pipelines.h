// Pipelines. Those that every portal starts with are a constant table, from which generated records
// take their stages. What users made of them since is in struct pipelines, locked with the portal;
// its texts live in the portal's arena.
#pragma once

#include "sim/properties.h"

struct portal;

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

// The pipelines that the type starts with; *ret_n 0 when it has none.
const struct pipeline *pipelines_of(enum object_type object, size_t *ret_n);
// The same as options of the pipeline and stage properties, in the arena.
void pipelines_options(enum object_type object, bool stages, struct arena *arena,
                       const struct property_option **ret, size_t *ret_n);
// Where the generated record with this hash stands: index of pipeline and stage.
void pipelines_place(enum object_type object, uint64_t record_hash, size_t *ret_pipeline,
                     size_t *ret_stage);

enum {
    PIPELINES_MAX = 100, // of one type, ever
    STAGES_MAX = 100,    // of one pipeline, ever
    PIPELINE_AUDITS_MAX = 10000,
};

struct live_stage {
    struct str id;
    struct str label;
    struct str metadata; // JSON object whose values are texts
    int64_t order;
    int64_t created_ms;
    int64_t updated_ms;
    bool archived; // listed nowhere
};

struct live_pipeline {
    struct str id;
    struct str label;
    int64_t order;
    int64_t created_ms;
    int64_t updated_ms;
    bool archived;
    struct live_stage *stages; // STAGES_MAX places
    size_t n_stages;
};

// One change of a pipeline (stage.len 0) or of a stage.
struct pipeline_audit {
    enum object_type object;
    struct str pipeline;
    struct str stage;
    const char *action; // "CREATE", "UPDATE", "DELETE"
    struct str raw;     // what it is since then, JSON
    int64_t at_ms;
};

struct pipelines {
    struct live_pipeline *lists[OBJECT_COUNT]; // PIPELINES_MAX places; NULL: none yet
    size_t n[OBJECT_COUNT];
    struct pipeline_audit *audits;
    size_t n_audits;
    size_t cap_audits;
    uint64_t next_id;
};

void pipelines_generate(struct pipelines *s, struct arena *arena);
void pipelines_done(struct pipelines *s);
// The live pipeline of the id; NULL: there is none.
struct live_pipeline *pipelines_find(const struct pipelines *s, enum object_type object,
                                     struct str id);
struct live_stage *pipeline_find_stage(const struct live_pipeline *p, struct str id);
// A fresh one behind the others, empty; NULL when there is no place.
struct live_pipeline *pipelines_add(struct pipelines *s, enum object_type object,
                                    struct arena *arena);
struct live_stage *pipeline_add_stage(struct live_pipeline *p);
// Notes a change; false when there were PIPELINE_AUDITS_MAX.
bool pipelines_note(struct pipelines *s, const struct pipeline_audit *audit) MUST_CHECK;
// The options of the type's pipeline and stage properties become what the live pipelines are.
void pipelines_sync(struct portal *p, enum object_type object);
// Names of the two properties: pipeline or hs_pipeline, dealstage or hs_pipeline_stage.
struct str pipelines_property(enum object_type object, bool stage);

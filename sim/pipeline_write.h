// What the endpoints of pipelines and stages share: finding, checking, writing, noting changes.
// Each answers what it refuses and returns false or NULL then.
#pragma once

#include "sim/fields.h"
#include "sim/pipelines.h"

// The live pipeline in the second path parameter.
struct live_pipeline *pipeline_in_path(struct call *c, enum object_type *ret_object);
// Live ones by place and label; at most PIPELINES_MAX.
size_t pipelines_sorted(const struct pipelines *s, enum object_type object,
                        const struct live_pipeline **ret);
bool pipeline_label_ok(struct call *c, struct str label) MUST_CHECK;
// The id a client wants for a new pipeline, or (empty) one that is made up; kept for good.
bool pipeline_id_ok(struct call *c, enum object_type object, struct str *id) MUST_CHECK;
// Label, place and metadata of a stage over what *s has; texts are kept for good. Metadata is
// checked as the object type wants it.
bool stage_read(struct call *c, enum object_type object, struct json v, enum field_need need,
                struct live_stage *s) MUST_CHECK;
bool stage_label_is_free(struct call *c, const struct live_pipeline *p,
                         const struct live_stage *self, struct str label) MUST_CHECK;
// Adds the stage to the pipeline, with the id of `v` ("stageId") or a new one.
bool stage_settle(struct call *c, struct live_pipeline *p, struct json v,
                  const struct live_stage *s) MUST_CHECK;
// Whether the pipeline, or its stage, may be deleted: not while records are in it, as far as the
// version of the API and the query parameters say.
bool pipeline_may_go(struct call *c, enum object_type object, const struct live_pipeline *p,
                     const struct live_stage *s) MUST_CHECK;

void stage_write(struct call *c, struct json_writer *w, const struct live_stage *s);
void pipeline_write_stages(struct call *c, struct json_writer *w, const struct live_pipeline *p);
void pipeline_write(struct call *c, struct json_writer *w, const struct live_pipeline *p);
// Adds to the audits; stage NULL: about the pipeline itself.
bool pipeline_note(struct call *c, enum object_type object, const struct live_pipeline *p,
                   const struct live_stage *s, const char *action) MUST_CHECK;
// The whole answer; stage empty: of the pipeline.
void pipeline_write_audits(struct call *c, enum object_type object, struct str pipeline,
                           struct str stage);

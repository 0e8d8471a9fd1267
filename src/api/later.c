// Operations that Weld's API has and this server does not: each is answered 501 with its family, so
// that a client learns what it met. One row an operation; building one takes its row away.
#include "api/api.h"

static void not_yet(struct api_call *c)
{
    api_refuse(c, 501, "not_implemented",
               "%s %s: this server has no %s yet; it syncs HubSpot into a database (connections, "
               "elt_syncs, elt_streams)",
               c->route->method, c->route->path, c->route->tag);
}

#define LATER(method_, path_, name_, tag_)                                                         \
    {                                                                                              \
        .method = (method_), .path = (path_), .name = (name_), .tag = (tag_),                      \
        .help = "Not built yet: answered with 501.", .scope = API_KEY_READ,                        \
        .answers = {{.status = 501, .shape = &API_ERROR_SHAPE, .help = "Not built yet."}},         \
        .handle = not_yet                                                                          \
    }
#define ORCHESTRATION(method, path, name) LATER(method, path, name, "orchestrations")
#define REVERSE(method, path, name)       LATER(method, path, name, "reverse ETL")
#define TRANSFORM(method, path, name)     LATER(method, path, name, "transforms")
#define REPORT(method, path, name)        LATER(method, path, name, "custom reports")

static const struct api_route ROUTES[] = {
    ORCHESTRATION("POST", "/elt_syncs/{id}/orchestration", "attachEltSyncToOrchestration"),
    ORCHESTRATION("DELETE", "/elt_syncs/{id}/orchestration", "detachEltSyncFromOrchestration"),
    ORCHESTRATION("GET", "/orchestrations", "listOrchestrations"),
    ORCHESTRATION("GET", "/orchestrations/{id}", "getOrchestration"),
    ORCHESTRATION("POST", "/orchestrations/{id}/request_run", "requestOrchestrationRun"),
    ORCHESTRATION("GET", "/orchestration_runs", "listOrchestrationRuns"),
    ORCHESTRATION("GET", "/orchestration_runs/{id}", "getOrchestrationRun"),
    REPORT("POST", "/custom_reports", "createCustomReports"),
    REVERSE("GET", "/reverse_etl_syncs", "listReverseEtlSyncs"),
    REVERSE("POST", "/reverse_etl_syncs", "createReverseEtlSync"),
    REVERSE("GET", "/reverse_etl_syncs/object_types", "listReverseEtlObjectTypes"),
    REVERSE("GET", "/reverse_etl_syncs/available_operations", "listReverseEtlOperations"),
    REVERSE("GET", "/reverse_etl_syncs/destination_schema", "getReverseEtlDestinationSchema"),
    REVERSE("POST", "/reverse_etl_syncs/settings_schema", "getReverseEtlSettingsSchema"),
    REVERSE("GET", "/reverse_etl_syncs/{id}", "getReverseEtlSync"),
    REVERSE("POST", "/reverse_etl_syncs/{id}", "updateReverseEtlSync"),
    REVERSE("DELETE", "/reverse_etl_syncs/{id}", "deleteReverseEtlSync"),
    REVERSE("POST", "/reverse_etl_syncs/{id}/activate", "activateReverseEtlSync"),
    REVERSE("POST", "/reverse_etl_syncs/{id}/deactivate", "deactivateReverseEtlSync"),
    REVERSE("POST", "/reverse_etl_syncs/{id}/request_run", "requestReverseEtlRun"),
    REVERSE("GET", "/reverse_etl_sync_runs", "listReverseEtlRuns"),
    REVERSE("GET", "/reverse_etl_sync_runs/{id}", "getReverseEtlRun"),
    REVERSE("GET", "/reverse_etl_failed_records", "listReverseEtlFailedRecords"),
    REVERSE("GET", "/reverse_etl_failed_records/count", "countReverseEtlFailedRecords"),
    REVERSE("POST", "/reverse_etl_failed_records/retry", "retryReverseEtlFailedRecords"),
    REVERSE("POST", "/reverse_etl_failed_records/retry_all", "retryAllReverseEtlFailedRecords"),
    TRANSFORM("GET", "/transforms", "listTransforms"),
    TRANSFORM("POST", "/transforms", "createTransform"),
    TRANSFORM("POST", "/transforms/bulk", "createTransforms"),
    TRANSFORM("GET", "/transforms/available_references", "listTransformReferences"),
    TRANSFORM("POST", "/transforms/query_previews", "createQueryPreview"),
    TRANSFORM("GET", "/transforms/query_previews/{id}/status", "getQueryPreviewStatus"),
    TRANSFORM("GET", "/transforms/query_previews/{id}/result", "getQueryPreviewResult"),
    TRANSFORM("GET", "/transforms/{id}", "getTransform"),
    TRANSFORM("PATCH", "/transforms/{id}", "updateTransform"),
    TRANSFORM("DELETE", "/transforms/{id}", "deleteTransform"),
    TRANSFORM("GET", "/transforms/{id}/schema", "getTransformSchema"),
    TRANSFORM("GET", "/transforms/{id}/versions", "listTransformVersions"),
    TRANSFORM("POST", "/transforms/{id}/publish", "publishTransform"),
    TRANSFORM("POST", "/transforms/{id}/orchestration", "attachTransformToOrchestration"),
    TRANSFORM("DELETE", "/transforms/{id}/orchestration", "detachTransformFromOrchestration"),
};
const struct api_routes API_ROUTES_LATER = {ROUTES, ARRAY_LEN(ROUTES)};

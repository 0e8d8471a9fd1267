// The functions behind the endpoint table. Each reads the call, which is already admitted, and
// fills its response.
#pragma once

#include "sim/call.h"

void endpoint_objects_list(struct call *c);
void endpoint_objects_get(struct call *c);
void endpoint_objects_batch_read(struct call *c);
void endpoint_objects_search(struct call *c);
void endpoint_objects_create(struct call *c);
void endpoint_objects_update(struct call *c);
void endpoint_objects_archive(struct call *c);
void endpoint_objects_merge(struct call *c);
void endpoint_objects_gdpr_delete(struct call *c);
void endpoint_objects_batch_create(struct call *c);
void endpoint_objects_batch_update(struct call *c);
void endpoint_objects_batch_upsert(struct call *c);
void endpoint_objects_batch_archive(struct call *c);
void endpoint_properties_list(struct call *c);
void endpoint_properties_get(struct call *c);
void endpoint_owners_list(struct call *c);
void endpoint_owners_get(struct call *c);
void endpoint_pipelines_list(struct call *c);
void endpoint_pipelines_get(struct call *c);
void endpoint_pipelines_stages(struct call *c);
void endpoint_associations_batch_read(struct call *c);
void endpoint_associations_list(struct call *c);
void endpoint_associations_labels(struct call *c);
void endpoint_associations_labels_create(struct call *c);
void endpoint_associations_labels_update(struct call *c);
void endpoint_associations_labels_delete(struct call *c);
void endpoint_associations_batch_create(struct call *c);
void endpoint_associations_batch_default(struct call *c);
void endpoint_associations_batch_archive(struct call *c);
void endpoint_associations_labels_archive(struct call *c);
void endpoint_associations_put(struct call *c);
void endpoint_associations_put_default(struct call *c);
void endpoint_associations_delete(struct call *c);
void endpoint_schemas_list(struct call *c);
void endpoint_account_details(struct call *c);
void endpoint_account_daily_usage(struct call *c);
void endpoint_token_info(struct call *c);
void endpoint_oauth_authorize(struct call *c);
void endpoint_oauth_consent(struct call *c);
void endpoint_oauth_token(struct call *c);
void endpoint_oauth_access_token(struct call *c);
void endpoint_oauth_refresh_token(struct call *c);
void endpoint_oauth_delete_refresh_token(struct call *c);
void endpoint_oauth_introspect(struct call *c);
void endpoint_oauth_revoke(struct call *c);
void endpoint_uninstall(struct call *c);
// Everything below /_sim/: not limited, not counted, no token needed. Locks the portal itself.
void endpoint_admin(struct call *c);

// Every operation of Weld Connect's REST API, with what it answers there; `later` are those that this server does not
// have yet and answers with 501. {} stands for an id.
const OURS = `
GET /connection_bridges 200
POST /connection_bridges 201
GET /connections 200
GET /connections/{}/settings 200
DELETE /connections/{} 204
GET /integrations 200
GET /elt_syncs 200
POST /elt_syncs 201 409
GET /elt_syncs/{} 200 404
POST /elt_syncs/{} 200
DELETE /elt_syncs/{} 204
POST /elt_syncs/{}/enable 204
POST /elt_syncs/{}/disable 204
GET /elt_syncs/{}/status 200
GET /elt_syncs/{}/available_source_streams 200
POST /elt_syncs/{}/source_streams 201 400
GET /elt_streams 200
GET /elt_streams/{} 200 404
DELETE /elt_streams/{} 204 404
POST /elt_streams/{}/request_run 200 400 404 409
POST /elt_streams/{}/request_full_refresh 204 400 404
POST /elt_streams/{}/cancel_full_refresh 204 404
GET /elt_stream_runs 200 404
GET /elt_stream_runs/{} 200 400 404`;

const LATER = `
POST /elt_syncs/{}/orchestration
DELETE /elt_syncs/{}/orchestration
POST /custom_reports
GET /orchestrations
GET /orchestrations/{}
POST /orchestrations/{}/request_run
GET /orchestration_runs
GET /orchestration_runs/{}
GET /reverse_etl_syncs
POST /reverse_etl_syncs
GET /reverse_etl_syncs/{}
POST /reverse_etl_syncs/{}
DELETE /reverse_etl_syncs/{}
POST /reverse_etl_syncs/{}/activate
POST /reverse_etl_syncs/{}/deactivate
POST /reverse_etl_syncs/{}/request_run
GET /reverse_etl_syncs/object_types
GET /reverse_etl_syncs/available_operations
GET /reverse_etl_syncs/destination_schema
POST /reverse_etl_syncs/settings_schema
GET /reverse_etl_sync_runs
GET /reverse_etl_sync_runs/{}
GET /reverse_etl_failed_records
GET /reverse_etl_failed_records/count
POST /reverse_etl_failed_records/retry
POST /reverse_etl_failed_records/retry_all
GET /transforms
POST /transforms
GET /transforms/{}
PATCH /transforms/{}
DELETE /transforms/{}
GET /transforms/{}/schema
GET /transforms/{}/versions
POST /transforms/{}/publish
POST /transforms/{}/orchestration
DELETE /transforms/{}/orchestration
POST /transforms/bulk
GET /transforms/available_references
POST /transforms/query_previews
GET /transforms/query_previews/{}/status
GET /transforms/query_previews/{}/result`;

function read(text, later) {
  return text.trim().split('\n').map((line) => {
    const [method, path, ...statuses] = line.split(' ');
    return { method, path, statuses: later ? [501] : statuses.map(Number), later };
  });
}

export const WELD_OPERATIONS = [...read(OURS, false), ...read(LATER, true)];

// The shapes of answers and bodies: * is required, a field in [] is a list, what follows a colon are the values that
// there are.
const SHAPES = {
  Integration: 'id* name* supports_start_date* abilities*[]',
  EltSyncCreate: 'connection_id* destination_schema_name* sync_interval* elt_settings start_date',
  EltSyncUpdate: 'elt_settings sync_interval',
  EltSync: `id* account_id* source_connection_id* source_integration_id* destination_connection_id*
    destination_integration_id* destination_schema_name config enabled* status*:NOT_STARTED|RUNNING|FAILED|PAUSED
    sync_interval start_date source_streams[] created_at* updated_at*`,
  SourceStream: `name* incremental_pointer_id excluded_columns[] hashed_columns[] full_sync_always full_sync_at_midnight
    protected_from_full_sync excluded_substreams[] enabled_history_table`,
  EltStream: `id* elt_sync_id* name* incremental_pointer_id full_sync_at_midnight* full_sync_always*
    protected_from_full_sync* excluded_substreams*[] enabled_history_table* created_at* updated_at*`,
  EltStreamRun: `id* elt_sync_id* elt_stream_id* started_at* finished_at rows_synced
    status:CHUNK_COMPLETED|COMPLETED|FAILED|RUNNING`,
  AvailableStream: 'name* is_selectable preselect sub_streams[] retired*',
  EltSyncProgress: 'elt_sync_id* source_streams*[]',
  EltStreamStatus: 'name* active_sync latest_sync',
  EltStreamSyncSnapshot: `bytes_synced* records_synced estimated_total_count started_at finished_at
    status:SCHEDULED|RUNNING|RETRYING|DELAYED|COMPLETED|FAILED operation_mode:FULL|INCREMENTAL
    full_sync_trigger:NONE|INITIAL_SYNC|ALWAYS_FULL|MIDNIGHT|USER|SCHEMA_CHANGE|LOOKBACK|MIGRATION|ERROR
    retry_attempt error_message details`,
  EltStreamRunRequested: 'status_url*',
  ConnectionBridgeCreate: 'redirect_uri* integration_id* label* connection_id state',
  ConnectionBridge: 'id* authorize_url created_at* expires_at*',
  Connection: 'id* integration_id* label* status* created_at* updated_at*',
  Error: 'error_code* message* active_run_id',
};

export const WELD_SHAPES = Object.entries(SHAPES).map(([name, text]) => ({
  name,
  fields: text.trim().split(/\s+/).map((word) => {
    const [, field, required, list, values] = /^(\w+)(\*?)(\[\])?(?::(\S+))?$/.exec(word);
    return { field, required: required !== '', list: Boolean(list), values: values?.split('|') };
  }),
}));

#include "store/migrations.h"

// Times are milliseconds since 1970-01-01 UTC. {BLOB} and {ID} stand for the database's own type of
// bytes and of a number that grows by itself and is the key.
const char *const STORE_MIGRATIONS[] = {
    // 1: connections and their sealed secrets
    "CREATE TABLE connection ("
    " name TEXT PRIMARY KEY,"
    " kind TEXT NOT NULL,"  // oauth, token
    " state TEXT NOT NULL," // active, needs_reauthorization
    " portal_id BIGINT NOT NULL DEFAULT 0,"
    " app_id BIGINT NOT NULL DEFAULT 0,"
    " client_id TEXT NOT NULL DEFAULT '',"
    " base_url TEXT NOT NULL,"
    " oauth_version TEXT NOT NULL DEFAULT '',"
    " scopes TEXT NOT NULL DEFAULT '',"
    " user_name TEXT NOT NULL DEFAULT '',"
    " issued_ms BIGINT NOT NULL DEFAULT 0,"  // of the access token
    " expires_ms BIGINT NOT NULL DEFAULT 0," // of the access token; 0: never
    " created_ms BIGINT NOT NULL,"
    " updated_ms BIGINT NOT NULL);"
    "CREATE TABLE secret ("
    " connection TEXT NOT NULL,"
    " what TEXT NOT NULL,"   // access_token, refresh_token, client_secret, token
    " key_id TEXT NOT NULL," // of the key that sealed it
    " nonce {BLOB} NOT NULL,"
    " sealed {BLOB} NOT NULL,"
    " PRIMARY KEY (connection, what));",
    // 2: what was asked of HubSpot and what came back (store/requests.h)
    "CREATE TABLE request ("
    " id {ID},"
    " started_ms BIGINT NOT NULL,"
    " first_byte_us BIGINT NOT NULL,"
    " took_us BIGINT NOT NULL,"
    " connection TEXT NOT NULL,"
    " stream TEXT NOT NULL,"
    " endpoint TEXT NOT NULL,"
    " method TEXT NOT NULL,"
    " url TEXT NOT NULL,"
    " request_headers TEXT NOT NULL,"
    " request_body {BLOB}," // its start
    " request_body_bytes BIGINT NOT NULL,"
    " status INTEGER NOT NULL," // 0: no answer
    " response_headers TEXT NOT NULL,"
    " response_body {BLOB}," // its start
    " response_body_bytes BIGINT NOT NULL,"
    " tries INTEGER NOT NULL,"
    " sends INTEGER NOT NULL,"
    " failed INTEGER NOT NULL,"
    " again INTEGER NOT NULL," // it was sent once more
    " code TEXT NOT NULL,"
    " message TEXT NOT NULL,"
    " correlation_id TEXT NOT NULL,"
    " size BIGINT NOT NULL);"
    "CREATE INDEX request_by_size ON request (id, size);",
    // 3: keys, bridges, destinations, kept answers, budgets. Flags are 0 or 1; texts that are lists
    // or objects are JSON.
    "CREATE TABLE workspace ("
    " id TEXT PRIMARY KEY,"
    " name TEXT NOT NULL,"
    " created_ms BIGINT NOT NULL);"
    "CREATE TABLE api_key ("
    " id TEXT PRIMARY KEY,"
    " account_id TEXT NOT NULL,"
    " name TEXT NOT NULL,"
    " prefix TEXT NOT NULL UNIQUE," // the key's first characters, which are not secret
    " hash {BLOB} NOT NULL,"
    " scope TEXT NOT NULL," // read, write, admin; each may do what those before it may
    " created_ms BIGINT NOT NULL,"
    " expires_ms BIGINT NOT NULL,"   // 0: never
    " last_used_ms BIGINT NOT NULL," // 0: not yet
    " revoked_ms BIGINT NOT NULL);"  // 0: it is not
    "ALTER TABLE connection ADD COLUMN account_id TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE connection ADD COLUMN integration_id TEXT NOT NULL DEFAULT 'hubspot-v2';"
    "ALTER TABLE connection ADD COLUMN label TEXT NOT NULL DEFAULT '';"
    "CREATE TABLE bridge ("
    " id TEXT PRIMARY KEY,"
    " account_id TEXT NOT NULL,"
    " token_hash {BLOB} NOT NULL UNIQUE," // of what authorize_url holds
    " oauth_state_hash {BLOB},"           // of the state sent to HubSpot last; NULL: none is out
    " status TEXT NOT NULL,"              // open, completed, refused
    " integration_id TEXT NOT NULL,"
    " label TEXT NOT NULL,"
    " redirect_uri TEXT NOT NULL,"
    " state TEXT NOT NULL,"         // the caller's, handed back
    " connection_id TEXT NOT NULL," // to be authorized anew; or the one made
    " reauthorizes INTEGER NOT NULL,"
    " created_ms BIGINT NOT NULL,"
    " expires_ms BIGINT NOT NULL);"
    "CREATE INDEX bridge_by_account ON bridge (account_id, created_ms, id);"
    "CREATE UNIQUE INDEX bridge_by_state ON bridge (oauth_state_hash);"
    "CREATE INDEX bridge_by_expiry ON bridge (expires_ms, id);"
    "CREATE TABLE destination ("
    " id TEXT PRIMARY KEY,"
    " account_id TEXT NOT NULL,"
    " integration_id TEXT NOT NULL," // sqlite, postgres
    " label TEXT NOT NULL,"
    " url_shown TEXT NOT NULL," // passwords masked; the true one is sealed
    " is_default INTEGER NOT NULL,"
    " created_ms BIGINT NOT NULL,"
    " updated_ms BIGINT NOT NULL);"
    "CREATE TABLE idempotency ("
    " account_id TEXT NOT NULL,"
    " name TEXT NOT NULL," // the caller's key
    " request_hash {BLOB} NOT NULL,"
    " status INTEGER NOT NULL,"
    " body TEXT NOT NULL,"
    " created_ms BIGINT NOT NULL,"
    " PRIMARY KEY (account_id, name));"
    "CREATE INDEX idempotency_by_time ON idempotency (created_ms);"
    "CREATE TABLE connection_budget ("
    " connection_id TEXT PRIMARY KEY,"
    " at_ms BIGINT NOT NULL,"
    " data TEXT NOT NULL);", // a JSON object, see store/budgets.h
    // 4: syncs, their streams and runs, and who works
    "CREATE TABLE elt_sync ("
    " id TEXT PRIMARY KEY,"
    " account_id TEXT NOT NULL,"
    " connection_id TEXT NOT NULL,"
    " destination_id TEXT NOT NULL,"
    " schema_name TEXT NOT NULL,"
    " schema_key TEXT NOT NULL," // the same for all that load into one schema (store/schemas.h)
    " sync_interval TEXT NOT NULL,"
    " settings TEXT NOT NULL,"
    " start_ms BIGINT NOT NULL," // 0: everything
    " enabled INTEGER NOT NULL,"
    " started INTEGER NOT NULL,"    // it has been enabled once
    " next_due_ms BIGINT NOT NULL," // 0: not scheduled
    " created_ms BIGINT NOT NULL,"
    " updated_ms BIGINT NOT NULL);"
    "CREATE INDEX sync_by_account ON elt_sync (account_id, created_ms, id);"
    "CREATE INDEX sync_by_connection ON elt_sync (connection_id);"
    "CREATE INDEX sync_by_due ON elt_sync (next_due_ms, id) WHERE enabled = 1;"
    "CREATE INDEX sync_by_schema ON elt_sync (schema_key);"
    "CREATE TABLE elt_stream ("
    " id TEXT PRIMARY KEY,"
    " account_id TEXT NOT NULL,"
    " sync_id TEXT NOT NULL,"
    " schema_key TEXT NOT NULL," // of its sync
    " name TEXT NOT NULL,"
    " incremental_pointer_id TEXT NOT NULL,"
    " full_sync_always INTEGER NOT NULL,"
    " full_sync_at_midnight INTEGER NOT NULL,"
    " protected_from_full_sync INTEGER NOT NULL,"
    " enabled_history_table INTEGER NOT NULL,"
    " excluded_columns TEXT NOT NULL,"
    " hashed_columns TEXT NOT NULL,"
    " excluded_substreams TEXT NOT NULL,"
    " full_refresh_ms BIGINT NOT NULL,"   // when somebody asked for it; 0: nobody did
    " reset_history INTEGER NOT NULL,"    // histories are wiped then, too
    " last_completed_ms BIGINT NOT NULL," // 0: never
    " last_full_ms BIGINT NOT NULL,"      // start of the last full run that completed; 0: none
    " last_status TEXT NOT NULL,"         // of the last run that ended; empty: none
    " tables TEXT NOT NULL,"              // that it has made in the destination
    " created_ms BIGINT NOT NULL,"
    " updated_ms BIGINT NOT NULL,"
    " UNIQUE (sync_id, name),"
    " UNIQUE (schema_key, name));" // two syncs never write one table
    "CREATE INDEX stream_by_account ON elt_stream (account_id, created_ms, id);"
    "CREATE INDEX stream_failed ON elt_stream (sync_id) WHERE last_status = 'failed';"
    "CREATE TABLE stream_run ("
    " id TEXT PRIMARY KEY,"
    " account_id TEXT NOT NULL,"
    " sync_id TEXT NOT NULL,"
    " stream_id TEXT NOT NULL,"
    " connection_id TEXT NOT NULL,"
    " status TEXT NOT NULL,"          // scheduled, running, retrying, delayed, completed, failed
    " active INTEGER NOT NULL,"       // none of the last two
    " requested_ms BIGINT NOT NULL,"  // unique within the stream; the run's place in lists
    " not_before_ms BIGINT NOT NULL," // when it may be (re)started
    " started_ms BIGINT NOT NULL DEFAULT 0,"      // first start; 0: not yet
    " finished_ms BIGINT NOT NULL DEFAULT 0,"     // 0: not yet
    " mode TEXT NOT NULL DEFAULT '',"             // FULL, INCREMENTAL; empty until it starts
    " full_trigger TEXT NOT NULL DEFAULT 'NONE'," // NONE, INITIAL_SYNC, ...
    " by_user INTEGER NOT NULL,"                  // requested, not scheduled
    " resumable INTEGER NOT NULL DEFAULT 0," // the destination's state goes on with this full pass
    " reset_history INTEGER NOT NULL DEFAULT 0," // it wipes histories
    " records BIGINT NOT NULL DEFAULT 0,"
    " bytes BIGINT NOT NULL DEFAULT 0,"
    " calls BIGINT NOT NULL DEFAULT 0,"
    " rejects BIGINT NOT NULL DEFAULT 0,"
    " estimated BIGINT NOT NULL DEFAULT 0," // 0: not known
    " retry_attempt INTEGER NOT NULL DEFAULT 0,"
    " error_code TEXT NOT NULL DEFAULT '',"
    " error_message TEXT NOT NULL DEFAULT '',"
    " details TEXT NOT NULL DEFAULT '',"
    " cancel INTEGER NOT NULL DEFAULT 0,"  // somebody wants it to end
    " worker TEXT NOT NULL DEFAULT '',"    // who runs it; empty: nobody
    " fence BIGINT NOT NULL DEFAULT 0,"    // of the lease it runs under
    " lease TEXT NOT NULL DEFAULT '',"     // the name of that
    " turn BIGINT NOT NULL,"               // the order in which connections are served
    " taken INTEGER NOT NULL DEFAULT 0,"   // it has been given to a worker once
    " waits_for TEXT NOT NULL DEFAULT ''," // the stream whose run must end before
    " updated_ms BIGINT NOT NULL);"
    // A stream never runs twice at once.
    "CREATE UNIQUE INDEX run_active ON stream_run (stream_id) WHERE active = 1;"
    "CREATE UNIQUE INDEX run_by_stream ON stream_run (stream_id, requested_ms);"
    "CREATE INDEX run_by_due ON stream_run (not_before_ms) WHERE active = 1 AND worker = '';"
    "CREATE INDEX run_by_turn ON stream_run (turn, not_before_ms, id)"
    " WHERE active = 1 AND worker = '';"
    "CREATE INDEX run_by_sync ON stream_run (sync_id) WHERE active = 1;"
    "CREATE INDEX run_by_connection ON stream_run (connection_id, turn);"
    "CREATE INDEX run_by_service ON stream_run (turn) WHERE taken = 1;"
    "CREATE INDEX run_by_worker ON stream_run (worker) WHERE worker <> '';"
    "CREATE INDEX run_by_age ON stream_run (finished_ms, status) WHERE active = 0;"
    "CREATE TABLE event ("
    " id {ID},"
    " account_id TEXT NOT NULL,"
    " at_ms BIGINT NOT NULL,"
    " kind TEXT NOT NULL," // run.started, run.completed, connection.needs_reauthorization, ...
    " connection_id TEXT NOT NULL,"
    " sync_id TEXT NOT NULL,"
    " stream_id TEXT NOT NULL,"
    " run_id TEXT NOT NULL,"
    " data TEXT NOT NULL);" // a JSON object
    "CREATE INDEX event_by_run ON event (run_id, id);"
    "CREATE INDEX event_by_time ON event (at_ms);"
    "CREATE INDEX event_by_sync ON event (sync_id, stream_id);"
    "CREATE TABLE lease ("
    " name TEXT PRIMARY KEY,"
    " owner TEXT NOT NULL,"
    " until_ms BIGINT NOT NULL,"
    " fence BIGINT NOT NULL);" // grows with every new owner
    "CREATE TABLE worker ("
    " id TEXT PRIMARY KEY,"
    " host TEXT NOT NULL,"
    " pid BIGINT NOT NULL,"
    " slots INTEGER NOT NULL,"
    " busy INTEGER NOT NULL,"
    " started_ms BIGINT NOT NULL,"
    " seen_ms BIGINT NOT NULL);",
};
const size_t STORE_MIGRATIONS_N = ARRAY_LEN(STORE_MIGRATIONS);

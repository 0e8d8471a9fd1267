#include "store/migrations.h"

// Times are milliseconds since 1970-01-01 UTC.
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
    " nonce BLOB NOT NULL,"
    " sealed BLOB NOT NULL,"
    " PRIMARY KEY (connection, what));",
    // 2: what was asked of HubSpot and what came back (store/requests.h)
    "CREATE TABLE request ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " started_ms BIGINT NOT NULL,"
    " first_byte_us BIGINT NOT NULL,"
    " took_us BIGINT NOT NULL,"
    " connection TEXT NOT NULL,"
    " stream TEXT NOT NULL,"
    " endpoint TEXT NOT NULL,"
    " method TEXT NOT NULL,"
    " url TEXT NOT NULL,"
    " request_headers TEXT NOT NULL,"
    " request_body BLOB," // its start
    " request_body_bytes BIGINT NOT NULL,"
    " status INTEGER NOT NULL," // 0: no answer
    " response_headers TEXT NOT NULL,"
    " response_body BLOB," // its start
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
};
const size_t STORE_MIGRATIONS_N = ARRAY_LEN(STORE_MIGRATIONS);

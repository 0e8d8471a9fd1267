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
};
const size_t STORE_MIGRATIONS_N = ARRAY_LEN(STORE_MIGRATIONS);

// A PostgreSQL server of the test's own, in a temporary directory, and temporary directories.
#pragma once

#include "check.h"

struct test_server {
    char dir[64]; // holds the data and the socket
    int port;
    pid_t pid; // 0: not running
};

// Makes the cluster and starts it. False, with a message, when there is no PostgreSQL on this
// machine.
bool test_server_create(struct test_server *server);
void test_server_start(struct test_server *server);
// SIGINT stops it in order, SIGQUIT at once, as a crash would.
void test_server_stop(struct test_server *server, int signal);
void test_server_destroy(struct test_server *server);
// "postgres://postgres@127.0.0.1:PORT/postgres", static to the server.
const char *test_server_url(const struct test_server *server, char out[96]);

void test_dir_create(char out[64]);
void test_dir_destroy(const char *dir);

#include "test_sql_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <grp.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/socket.h>

enum {
    READY_TRIES = 2400,
    READY_SLICE_US = 50 * 1000,
    PORTS_MAX = 10000, // so many below those that the system gives to connections
    PORT_TRIES = 100,
    START_TRIES = 5,
};

static bool find_programs(char bin[128])
{
    glob_t found;
    bool ok = glob("/usr/lib/postgresql/*/bin", 0, NULL, &found) == 0 && found.gl_pathc > 0;
    if (ok) {
        (void)snprintf(bin, 128, "%s", found.gl_pathv[found.gl_pathc - 1]);
    }
    globfree(&found);
    return ok;
}

// PostgreSQL refuses to run as root: then it runs as the user that its package has made.
static const struct passwd *server_user(void)
{
    return geteuid() == 0 ? getpwnam("postgres") : NULL;
}

static void become(const struct passwd *user)
{
    if (user &&
        (setgroups(0, NULL) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0)) {
        _exit(126);
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGQUIT); // ends with the test, however that ends
}

static pid_t spawn(const struct test_server *server, char *const argv[])
{
    const struct passwd *user = server_user();
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char log[96];
        (void)snprintf(log, sizeof(log), "%s/log", server->dir);
        become(user);
        int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
        if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0 ||
            chdir(server->dir) != 0) {
            _exit(126);
        }
        execv(argv[0], argv);
        _exit(127);
    }
    return child;
}

static bool is_free(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    bool ok = bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    close(fd);
    return ok;
}

// Below those that the system itself gives to connections: nobody comes upon it by chance, not even
// while the server is down.
static int free_port(void)
{
    int low = 32768;
    FILE *f = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
    if (f) {
        char line[64];
        assert_non_null(fgets(line, sizeof line, f));
        low = (int)strtol(line, NULL, 10);
        (void)fclose(f);
    }
    assert_true(low > PORTS_MAX);
    for (int i = 0; i < PORT_TRIES; i++) {
        uint32_t any;
        assert_int_equal(getentropy(&any, sizeof(any)), 0);
        int port = low - 1 - (int)(any % (PORTS_MAX / 2));
        if (is_free(port)) {
            return port;
        }
    }
    fail_msg("no free port below %d", low);
    return 0;
}

void test_dir_create(char out[64])
{
    (void)snprintf(out, 64, "/tmp/sluice-test-XXXXXX");
    assert_non_null(mkdtemp(out));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void test_dir_destroy(const char *dir)
{
    (void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *test_server_url(const struct test_server *server, char out[96])
{
    (void)snprintf(out, 96, "postgres://postgres@127.0.0.1:%d/postgres", server->port);
    return out;
}

bool test_server_create(struct test_server *server)
{
    char bin[128];
    if (!find_programs(bin)) {
        print_message("no PostgreSQL under /usr/lib/postgresql\n");
        return false;
    }
    *server = (struct test_server){0};
    test_dir_create(server->dir);
    const struct passwd *user = server_user();
    if (user) {
        assert_int_equal(chown(server->dir, user->pw_uid, user->pw_gid), 0);
    }
    char program[160];
    (void)snprintf(program, sizeof(program), "%s/initdb", bin);
    char *argv[] = {program,
                    (char[]){"-D"},
                    (char[]){"data"},
                    (char[]){"-U"},
                    (char[]){"postgres"},
                    (char[]){"-A"},
                    (char[]){"trust"},
                    (char[]){"-E"},
                    (char[]){"UTF8"},
                    (char[]){"--locale=C"},
                    (char[]){"--no-sync"},
                    NULL};
    int status = 0;
    assert_int_equal(waitpid(spawn(server, argv), &status, 0) > 0, 1);
    assert_int_equal(status, 0);
    test_server_start(server);
    return true;
}

// This server, not another that somebody has started on the same port at the same time: what it
// writes down of itself begins with its process and ends with its state.
static bool is_ready(const struct test_server *server)
{
    char path[96];
    char line[256];
    bool ready = false;
    (void)snprintf(path, sizeof(path), "%s/data/postmaster.pid", server->dir);
    FILE *f = fopen(path, "re");
    for (int n = 0; f && fgets(line, sizeof(line), f); n++) {
        if (n == 0 && strtol(line, NULL, 10) != server->pid) {
            break;
        }
        ready = strncmp(line, "ready", 5) == 0;
    }
    if (f) {
        (void)fclose(f);
    }
    return ready;
}

static bool has_ended(struct test_server *server)
{
    int status = 0;
    bool ended = waitpid(server->pid, &status, WNOHANG) == server->pid;
    server->pid = ended ? 0 : server->pid;
    return ended;
}

static void show_log(const struct test_server *server)
{
    char path[96];
    char line[512];
    (void)snprintf(path, sizeof(path), "%s/log", server->dir);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof(line), f)) {
        print_error("%s", line);
    }
    if (f) {
        (void)fclose(f);
    }
}

// False: it has ended, for somebody else has taken the port.
static bool launch(struct test_server *server)
{
    char bin[128];
    assert_true(find_programs(bin));
    char program[160];
    char port[16];
    (void)snprintf(program, sizeof(program), "%s/postgres", bin);
    (void)snprintf(port, sizeof(port), "%d", server->port);
    char *argv[] = {program,
                    (char[]){"-D"},
                    (char[]){"data"},
                    (char[]){"-k"},
                    server->dir,
                    (char[]){"-p"},
                    port,
                    (char[]){"-h"},
                    (char[]){"127.0.0.1"},
                    (char[]){"-F"},
                    (char[]){"-c"},
                    (char[]){"shared_buffers=32MB"},
                    NULL};
    server->pid = spawn(server, argv);
    for (int i = 0; i < READY_TRIES; i++) {
        if (is_ready(server)) {
            return true;
        }
        if (has_ended(server)) {
            return false;
        }
        usleep(READY_SLICE_US);
    }
    return false;
}

void test_server_start(struct test_server *server)
{
    bool again = server->port > 0;
    bool ready = false;
    for (int i = 0; i < START_TRIES && !ready; i++) {
        server->port = again ? server->port : free_port();
        ready = launch(server);
    }
    if (!ready) {
        show_log(server);
    }
    assert_true(ready);
}

void test_server_stop(struct test_server *server, int signal)
{
    if (server->pid > 0) {
        int status = 0;
        assert_int_equal(kill(server->pid, signal), 0);
        assert_int_equal(waitpid(server->pid, &status, 0), server->pid);
        server->pid = 0;
    }
}

void test_server_destroy(struct test_server *server)
{
    test_server_stop(server, SIGINT);
    test_dir_destroy(server->dir);
}

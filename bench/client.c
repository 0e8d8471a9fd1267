// What the HubSpot client costs above libcurl: CPU of the calling thread for small answers and for
// pages of 100 kB, by libcurl's multi interface alone and by our client with budget, credential and
// reading the JSON, over kept-alive loopback connections to a server in a process of its own.
//
//   bench-client [REQUESTS]     20000 by default; of pages a tenth

#include "hubspot/client.h"
#include "core/clock.h"
#include "data/json.h"
#include "data/json_writer.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    AT_ONCE = 8,
    CONNECTIONS_MAX = 64,
    ANSWER_MAX = 1 << 20,
    REQUEST_MAX = 1 << 16,
    PROPERTIES = 30,
    ROUNDS = 5,
};

static void die(const char *what)
{
    fprintf(stderr, "bench-client: %s\n", what);
    exit(1); // NOLINT(concurrency-mt-unsafe): there is one thread
}

// ---- the server: the same answer to every request

static void make_answer(struct buf *out, size_t records)
{
    struct buf body;
    struct json_writer w;
    buf_init(&body, ANSWER_MAX);
    json_writer_init(&w, &body);
    json_begin_object(&w);
    json_key(&w, STR("results"));
    json_begin_array(&w);
    for (size_t i = 0; i < records; i++) {
        json_begin_object(&w);
        json_field_str(&w, "id", STR("512345678"));
        json_key(&w, STR("properties"));
        json_begin_object(&w);
        for (int k = 0; k < PROPERTIES; k++) {
            char name[32];
            snprintf(name, sizeof name, "property_name_%d", k);
            json_field_str(&w, name, k % 3 ? STR("ada@example.com") : STR("marketingqualified"));
        }
        json_end_object(&w);
        json_field_bool(&w, "archived", false);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
    buf_printf(out,
               "HTTP/1.1 200 OK\r\nContent-Type: application/json;charset=utf-8\r\n"
               "X-HubSpot-RateLimit-Max: 100000000\r\nX-HubSpot-RateLimit-Remaining: 99000000\r\n"
               "X-HubSpot-RateLimit-Interval-Milliseconds: 10000\r\n"
               "X-HubSpot-RateLimit-Daily: 900000000\r\n"
               "X-HubSpot-RateLimit-Daily-Remaining: 890000000\r\nServer: bench\r\n"
               "X-HubSpot-Correlation-Id: 11111111-2222-3333-4444-555555555555\r\n"
               "Content-Length: %zu\r\n\r\n",
               body.len);
    buf_add(out, buf_str(&body));
    buf_done(&body);
}

static bool answer_one(int fd, struct str answer)
{
    char in[REQUEST_MAX]; // requests come one at a time, and fit
    ssize_t n = recv(fd, in, sizeof in, 0);
    if (n <= 0) {
        return false;
    }
    while (answer.len > 0) {
        ssize_t sent = send(fd, answer.ptr, answer.len, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        answer = str_sub(answer, (size_t)sent, answer.len);
    }
    return true;
}

static void NORETURN serve(int listener, struct str answer)
{
    struct pollfd fds[CONNECTIONS_MAX] = {{.fd = listener, .events = POLLIN}};
    nfds_t n = 1;
    for (;;) {
        if (poll(fds, n, -1) < 0) {
            _exit(1);
        }
        for (nfds_t i = n; i-- > 1;) {
            if (fds[i].revents && !answer_one(fds[i].fd, answer)) {
                close(fds[i].fd);
                fds[i] = fds[--n];
            }
        }
        if (fds[0].revents && n < CONNECTIONS_MAX) {
            fds[n++] = (struct pollfd){.fd = accept(listener, NULL, NULL), .events = POLLIN};
        }
    }
}

static pid_t start_server(struct str answer, char *url, size_t size)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(fd, CONNECTIONS_MAX) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
        die("no server");
    }
    snprintf(url, size, "http://127.0.0.1:%d", ntohs(address.sin_port));
    pid_t pid = fork();
    if (pid == 0) {
        serve(fd, answer);
    }
    close(fd);
    return pid;
}

// ---- the two clients

static double cpu_us(void)
{
    struct rusage u;
    getrusage(RUSAGE_THREAD, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static size_t collect(char *data, size_t size, size_t n, void *user)
{
    return buf_add(user, (struct str){data, size * n}) ? size * n : 0;
}

// libcurl alone: the same requests, the body gathered and nothing done with it.
struct plain {
    CURLM *multi;
    CURL *easy[AT_ONCE];
    struct buf bodies[AT_ONCE];
    struct curl_slist *headers;
};

static void plain_start(struct plain *p, const char *url)
{
    p->multi = curl_multi_init();
    p->headers = curl_slist_append(NULL, "Authorization: Bearer pat-na1-bench");
    p->headers = curl_slist_append(p->headers, "Accept: application/json");
    for (int i = 0; i < AT_ONCE; i++) {
        CURL *e = p->easy[i] = curl_easy_init();
        buf_init(&p->bodies[i], ANSWER_MAX);
        curl_easy_setopt(e, CURLOPT_URL, url);
        curl_easy_setopt(e, CURLOPT_HTTPHEADER, p->headers);
        curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, "");
        curl_easy_setopt(e, CURLOPT_BUFFERSIZE, 256L * 1024);
        curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, collect);
        curl_easy_setopt(e, CURLOPT_WRITEDATA, &p->bodies[i]);
        curl_easy_setopt(e, CURLOPT_PRIVATE, &p->bodies[i]);
    }
}

static void plain_done(struct plain *p)
{
    for (int i = 0; i < AT_ONCE; i++) {
        curl_easy_cleanup(p->easy[i]);
        buf_done(&p->bodies[i]);
    }
    curl_slist_free_all(p->headers);
    curl_multi_cleanup(p->multi);
}

static void plain_run(struct plain *p, int requests, int at_once)
{
    int started = 0;
    int done = 0;
    for (; started < MIN(at_once, requests); started++) {
        buf_reset(&p->bodies[started]);
        curl_multi_add_handle(p->multi, p->easy[started]);
    }
    while (done < requests) {
        int running = 0;
        int left = 0;
        CURLMsg *msg;
        curl_multi_perform(p->multi, &running);
        while ((msg = curl_multi_info_read(p->multi, &left)) != NULL) {
            CURL *e = msg->easy_handle;
            struct buf *body = NULL;
            if (msg->data.result != CURLE_OK) {
                die(curl_easy_strerror(msg->data.result));
            }
            curl_easy_getinfo(e, CURLINFO_PRIVATE, (char **)&body);
            curl_multi_remove_handle(p->multi, e);
            done++;
            if (started < requests) {
                buf_reset(body);
                curl_multi_add_handle(p->multi, e);
                started++;
            }
        }
        if (running > 0) {
            curl_multi_poll(p->multi, NULL, 0, 1000, NULL);
        }
    }
}

static void ours_start(struct hubspot_client *c, int n)
{
    struct error err;
    struct hubspot_request r = {.endpoint = HUBSPOT_OBJECT_LIST,
                                .args.type = STR("contacts"),
                                .query = STR("limit=100&properties=email,firstname,lastname")};
    for (int i = 0; i < n; i++) {
        if (!hubspot_client_start(c, &r, &err)) {
            die(err.message);
        }
    }
}

static void ours_run(struct hubspot_client *c, struct json_doc *doc, int requests, int at_once)
{
    struct error err;
    struct json root;
    int started = MIN(at_once, requests);
    ours_start(c, started);
    for (int done = 0; done < requests; done++) {
        struct hubspot_answer *a = hubspot_client_next(c, -1);
        if (!a || !a->ok || !json_parse(doc, a->body, &root, &err)) {
            die(a ? a->error.message : "no answer");
        }
        hubspot_client_release(c, a);
        if (started < requests) {
            ours_start(c, 1);
            started++;
        }
    }
}

// ---- measuring

struct figures {
    double plain_us, ours_us; // CPU of one request
};

static double best(double a, double b)
{
    return a > 0 && a < b ? a : b;
}

// The best of some rounds, in turns, so that both meet the same noise.
static struct figures measure(const char *url, int requests, int at_once)
{
    struct figures f = {0, 0};
    struct plain plain;
    char path[256];
    snprintf(path, sizeof path,
             "%s/crm/objects/2026-09/contacts?limit=100&properties=email,firstname,lastname", url);
    plain_start(&plain, path);
    int each = requests / ROUNDS;
    struct hubspot *h = hubspot_create(&(struct hubspot_options){.base_url = str_from(url),
                                                                 .token = STR("pat-na1-bench"),
                                                                 .version = API_2026_09,
                                                                 .share = 1,
                                                                 .search_per_second = 5,
                                                                 .clock = clock_system()});
    struct hubspot_client *c = hubspot_client_create(h);
    struct json_doc *doc = json_doc_create();
    json_doc_use(doc, hubspot_client_parser(c));
    plain_run(&plain, 100, at_once); // connections and buffers
    ours_run(c, doc, 100, at_once);
    for (int i = 0; i < ROUNDS; i++) {
        double begun = cpu_us();
        plain_run(&plain, each, at_once);
        f.plain_us = best(f.plain_us, (cpu_us() - begun) / each);
        begun = cpu_us();
        ours_run(c, doc, each, at_once);
        f.ours_us = best(f.ours_us, (cpu_us() - begun) / each);
    }
    json_doc_destroy(doc);
    hubspot_client_destroy(c);
    hubspot_destroy(h);
    plain_done(&plain);
    return f;
}

int main(int argc, char **argv)
{
    struct error err;
    int64_t requests = 20000;
    if (argc > 1 && (!str_to_int64(str_from(argv[1]), &requests) || requests < 1000)) {
        die("REQUESTS is a number from 1000 on");
    }
    if (!http_client_global_init(&err)) {
        die(err.message);
    }
    static const struct {
        const char *name;
        size_t records;
        int fewer, at_once;
    } ROWS[] = {{"small, one at a time", 1, 1, 1},
                {"small, 8 in flight", 1, 1, AT_ONCE},
                {"page, one at a time", 82, 10, 1},
                {"page, 8 in flight", 82, 10, AT_ONCE}};
    printf("%-22s %10s %12s %12s %12s %14s\n", "answers", "bytes", "libcurl us", "sluice us",
           "more us", "more ns/byte");
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct buf answer;
        char url[64];
        buf_init(&answer, ANSWER_MAX);
        make_answer(&answer, ROWS[i].records);
        pid_t server = start_server(buf_str(&answer), url, sizeof url);
        struct figures f = measure(url, (int)requests / ROWS[i].fewer, ROWS[i].at_once);
        double more = f.ours_us - f.plain_us;
        printf("%-22s %10zu %12.1f %12.1f %12.1f %14.2f\n", ROWS[i].name, answer.len, f.plain_us,
               f.ours_us, more, more * 1000 / (double)answer.len);
        kill(server, SIGKILL);
        waitpid(server, NULL, 0);
        buf_done(&answer);
    }
    return 0;
}

#include "test_raw.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

enum { IN_MAX = 64 * 1024 * 1024, WAIT_MS = 60000 };

struct talk talk_open(uint16_t port)
{
    return talk_open_narrow(port, 0);
}

struct talk talk_open_narrow(uint16_t port, int receive_bytes)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct talk t = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_true(t.fd >= 0);
    if (receive_bytes > 0) {
        setsockopt(t.fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes));
    }
    assert_int_equal(connect(t.fd, (struct sockaddr *)&to, sizeof(to)), 0);
    buf_init(&t.in, IN_MAX);
    return t;
}

void talk_close(struct talk *t)
{
    close(t->fd);
    buf_done(&t->in);
}

void talk_send(struct talk *t, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = send(t->fd, text, len, MSG_NOSIGNAL);
        if (n <= 0) {
            return; // the server has closed: what it said is looked at
        }
        text += n;
        len -= (size_t)n;
    }
}

bool talk_read(struct talk *t, int timeout_ms)
{
    struct pollfd p = {t->fd, POLLIN, 0};
    if (poll(&p, 1, timeout_ms) <= 0) {
        return true;
    }
    char *to = buf_reserve(&t->in, 64 * 1024);
    assert_non_null(to);
    ssize_t n = recv(t->fd, to, 64 * 1024, 0);
    if (n <= 0) {
        return false;
    }
    buf_commit(&t->in, (size_t)n);
    return true;
}

void talk_expect(struct talk *t, const char *text)
{
    while (str_find(buf_str(&t->in), str_from(text)) < 0) {
        size_t before = t->in.len;
        bool open = talk_read(t, WAIT_MS);
        if (!open || t->in.len == before) {
            fail_msg("\"%s\" did not come: %s", text, buf_cstr(&t->in));
        }
    }
}

bool talk_ends(struct talk *t, int timeout_ms)
{
    while (true) {
        size_t before = t->in.len;
        if (!talk_read(t, timeout_ms)) {
            return true;
        }
        if (t->in.len == before) {
            return false;
        }
    }
}

static char *copy(struct str s)
{
    char *text = malloc(s.len + 1);
    assert_non_null(text);
    if (s.len > 0) {
        memcpy(text, s.ptr, s.len);
    }
    text[s.len] = '\0';
    return text;
}

struct reply talk_reply(struct talk *t)
{
    struct reply r = {0};
    ptrdiff_t end = -1;
    bool open = true;
    while (open && (end = str_find(buf_str(&t->in), STR("\r\n\r\n"))) < 0) {
        open = talk_read(t, WAIT_MS);
    }
    if (end < 0) {
        r.head = copy(STR(""));
        r.body = copy(STR(""));
        return r;
    }
    r.head = copy(str_sub(buf_str(&t->in), 0, (size_t)end + 2));
    buf_consume(&t->in, (size_t)end + 4);
    r.status = (int)strtol(r.head + 9, NULL, 10);
    const char *length = strcasestr(r.head, "\r\ncontent-length:");
    size_t want = length ? strtoul(length + 17, NULL, 10) : r.status == 204 ? 0 : SIZE_MAX;
    while (open && t->in.len < want) {
        open = talk_read(t, WAIT_MS);
    }
    r.body_len = MIN(want, t->in.len);
    r.body = copy(str_sub(buf_str(&t->in), 0, r.body_len));
    buf_consume(&t->in, r.body_len);
    return r;
}

struct reply raw_ask(uint16_t port, const char *method, const char *target, const char *headers,
                     const char *body)
{
    struct talk t = talk_open(port);
    struct buf out;
    buf_init(&out, IN_MAX);
    buf_printf(&out, "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s", method, target,
               headers ? headers : "");
    if (body) {
        buf_printf(&out, "Content-Length: %zu\r\n", strlen(body));
    }
    buf_printf(&out, "\r\n%s", body ? body : "");
    talk_send(&t, out.ptr, out.len);
    buf_done(&out);
    struct reply r = talk_reply(&t);
    if (strcmp(method, "HEAD") == 0) {
        assert_int_equal(r.body_len, 0);
    }
    talk_close(&t);
    return r;
}

void reply_done(struct reply *r)
{
    free(r->head);
    free(r->body);
}

bool reply_has(const struct reply *r, const char *line)
{
    return strcasestr(r->head, line) != NULL;
}

#include "sim/fault_pages.h"

#include "core/random.h"

static const struct fault_cloudflare answers[] = {
    {1006, 403, NULL}, // the address is blocked
    {1015, 429, NULL}, // too many calls for Cloudflare itself
    {1018, 409, NULL}, // no such host, for a moment
    {520, 520, "Web server is returning an unknown error"},
    {521, 521, "Web server is down"},
    {522, 522, "Connection timed out"},
    {523, 523, "Origin is unreachable"},
    {524, 524, "A timeout occurred"},
    {525, 525, "SSL handshake failed"},
    {526, 526, "Invalid SSL certificate"},
};

const struct fault_cloudflare *fault_cloudflare(int64_t code)
{
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        if (answers[i].code == code) {
            return &answers[i];
        }
    }
    return NULL;
}

void fault_cloudflare_answer(struct call *c, const struct fault_cloudflare *f)
{
    struct buf *body = &c->response->body;
    uint64_t ray = random_mix((uint64_t)c->request->arrived_us);
    c->response->status = f->status;
    c->response->content_type = f->title ? "text/html; charset=UTF-8" : "text/plain; charset=UTF-8";
    c->response->n_headers = 0; // none of HubSpot's own: nobody asked it
    http_server_add_header(c->response, "Server", STR("cloudflare"));
    http_server_add_header(c->response, "CF-Ray",
                           arena_printf(c->arena, "%016llx-FRA", (unsigned long long)ray));
    buf_reset(body);
    if (!f->title) {
        buf_printf(body, "error code: %d", (int)f->code);
        return;
    }
    buf_printf(body,
               "<!DOCTYPE html>\n<html lang=\"en-US\">\n<head><title>api.hubapi.com | %d: %s"
               "</title></head>\n<body>\n<h1>%s</h1>\n<p>Error code %d</p>\n<p>Cloudflare Ray ID: "
               "%016llx</p>\n</body>\n</html>\n",
               f->status, f->title, f->title, f->status, (unsigned long long)ray);
}

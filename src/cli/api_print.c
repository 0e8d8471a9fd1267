#include "cli/api_print.h"

#include "data/json_writer.h"

#include <unistd.h>

enum { PART_BYTES = 64 * 1024 }; // of a body that is written as a string

bool api_json_check(struct str text, struct error *err)
{
    struct json_doc *doc = json_doc_create();
    struct json root;
    bool ok = json_parse(doc, text, &root, err);
    json_doc_destroy(doc);
    return ok;
}

// Part by part: escaped as a whole it would take many times the memory of the body.
static void print_string(struct str body)
{
    struct buf part;
    struct json_writer w;
    buf_init(&part, 7 * PART_BYTES); // every byte escaped, and the quotes
    putchar('"');
    while (body.len > 0) {
        size_t len = hubspot_cut(body, PART_BYTES).len;
        len = len > 0 ? len : MIN(body.len, PART_BYTES); // bytes that are no text
        buf_reset(&part);
        json_writer_init(&w, &part);
        json_put_str(&w, str_sub(body, 0, len));
        assert(!part.overflow && part.len >= 2);
        fwrite(part.ptr + 1, 1, part.len - 2, stdout); // without its quotes
        body = str_sub(body, len, body.len);
    }
    putchar('"');
    buf_done(&part);
}

// JSON as it came, but in one line: between its tokens a line's end is a space like any other.
static void print_lines(struct str json)
{
    struct str line;
    while (json.len > 0) {
        size_t len = 0;
        while (len < json.len && json.ptr[len] != '\n' && json.ptr[len] != '\r') {
            len++;
        }
        line = str_sub(json, 0, len);
        fwrite(line.ptr, 1, line.len, stdout);
        if (len < json.len) {
            putchar(' ');
            len++;
        }
        json = str_sub(json, len, json.len);
    }
}

static void print_body(struct str body)
{
    struct error no_json;
    if (body.len == 0) {
        fputs("null", stdout);
    } else if (api_json_check(body, &no_json)) {
        print_lines(body);
    } else {
        print_string(body);
    }
}

static void print_error(const struct error *e)
{
    struct buf out;
    struct json_writer w;
    buf_init(&out, 16 * ERROR_MESSAGE_MAX);
    json_writer_init(&w, &out);
    json_begin_object(&w);
    json_field_str(&w, "code", str_from(error_info(e->code)->name));
    json_field_str(&w, "message", str_from(e->message));
    json_field_str(&w, "hint", str_from(error_info(e->code)->hint));
    json_end_object(&w);
    assert(!out.overflow);
    printf(",\"error\":%s", buf_cstr(&out));
    buf_done(&out);
}

void api_print_json(const struct hubspot_answer *answer)
{
    printf("{\"status\":%d,\"tries\":%d,\"body\":", answer->status, answer->tries);
    print_body(answer->body);
    if (!answer->ok) {
        print_error(&answer->error);
    }
    puts("}");
}

void api_print_raw(struct str body)
{
    if (body.len == 0) {
        return; // there may be none at all
    }
    fwrite(body.ptr, 1, body.len, stdout);
    if (body.ptr[body.len - 1] != '\n' && isatty(STDOUT_FILENO)) {
        putchar('\n');
    }
}

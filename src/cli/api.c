// sluice api: one endpoint of the table, called with the same budget, repeats and errors as a sync.
#include "cli/api.h"

#include "cli/account.h"
#include "cli/api_print.h"
#include "cli/cli.h"
#include "core/limits.h"
#include "core/nearest.h"
#include "core/timestamp.h"
#include "data/json_writer.h"
#include "http/url.h"
#include "store/requests.h"

#include <errno.h>
#include <unistd.h>

#define FIELD(f) offsetof(struct api_settings, account.f)

const struct setting API_SETTINGS[API_SETTINGS_N] = {
    {.name = "query",
     .type = SET_STR,
     .offset = offsetof(struct api_settings, query),
     .arg = "A=B&C=D",
     .help = "The query of the URL, percent-encoded."},
    {.name = "body",
     .type = SET_STR,
     .offset = offsetof(struct api_settings, body),
     .arg = "JSON|@FILE|-",
     .help = "What to send: JSON, a file that holds it, or - for standard input."},
    {.name = "json",
     .type = SET_BOOL,
     .offset = FIELD(json),
     .help = "Print one line {\"status\":...,\"body\":...}, errors too."},
    {.name = "all",
     .type = SET_BOOL,
     .offset = offsetof(struct api_settings, all),
     .help = "Follow a list to its end and print one result a line."},
    {.name = "max",
     .type = SET_INT,
     .offset = offsetof(struct api_settings, max),
     .fallback = "1000000",
     .min = 1,
     .max = 1e9,
     .arg = "N",
     .help = "With --all: stop after so many results."},
#include "cli/account_settings.def"
    {.name = "log-level",
     .type = SET_ENUM,
     .offset = FIELD(log_level),
     .fallback = "warn",
     .choices = "debug|info|warn|error|off",
     .help = "What is logged on standard error."},
};

enum {
    SHOWN_MAX = 80,
    LOOK_MS = 500,         // how often a call that waits is looked after
    NOTICED_MS = 1000,     // what is left of a wait that is told of
    SAME_WAIT_MS = 2000,   // ends that differ by less are one wait
    HISTORY_PAGE_MAX = 50, // HubSpot's limit where propertiesWithHistory is asked for
};

// All that one `sluice api` holds.
struct api {
    const struct cli *cli;
    struct api_settings settings;
    struct log log;
    enum hubspot_endpoint endpoint;
    struct endpoint_arg named[CLI_WORDS_MAX];
    struct endpoint_args args;
    struct buf body;
    struct requests *requests;
    struct account signs;
    struct hubspot *account;
    struct hubspot_client *client;
    int64_t printed;       // results, with --all
    bool left_out;         // some of the last page, by --max
    int64_t told_until_ms; // of the last wait
};

// ------------------------------------------------------------------------------------------------
// What is asked for

static bool find_endpoint(struct api *a, struct str name, struct error *err)
{
    if (endpoint_find(name, &a->endpoint)) {
        return true;
    }
    if (str_starts(name, STR("/")) || str_starts(name, STR("http"))) {
        return error_set(err, ERR_USAGE,
                         "\"%.*s\" is a path; endpoints are called by name, and sluice endpoints "
                         "lists the names with their paths",
                         STR_ARG(str_sub(name, 0, SHOWN_MAX)));
    }
    struct nearest near = nearest_to(name);
    for (int i = 0; i < HUBSPOT_ENDPOINT_COUNT; i++) {
        nearest_offer(&near, str_from(endpoint_info((enum hubspot_endpoint)i)->name));
    }
    name = str_sub(name, 0, SHOWN_MAX);
    if (near.best.len > 0) {
        return error_set(err, ERR_USAGE, "there is no endpoint \"%.*s\"; did you mean %.*s?",
                         STR_ARG(name), STR_ARG(near.best));
    }
    return error_set(err, ERR_USAGE, "there is no endpoint \"%.*s\"; sluice endpoints lists them",
                     STR_ARG(name));
}

static bool read_arguments(struct api *a, const struct cli_args *words, struct error *err)
{
    if (words->n_words == 0) {
        return error_set(err, ERR_USAGE,
                         "which endpoint? write: sluice api ENDPOINT name=value ...; sluice "
                         "endpoints lists them");
    }
    if (!find_endpoint(a, words->words[0], err)) {
        return false;
    }
    for (size_t i = 1; i < words->n_words; i++) {
        struct str word = words->words[i];
        ptrdiff_t equals = str_find_char(word, '=');
        if (equals <= 0) {
            return error_set(err, ERR_USAGE, "\"%.*s\" is no argument: name=value is needed",
                             STR_ARG(str_sub(word, 0, SHOWN_MAX)));
        }
        struct str name = str_sub(word, 0, (size_t)equals);
        for (size_t k = 0; k + 1 < i; k++) {
            if (str_eq(a->named[k].name, name)) {
                return error_set(err, ERR_USAGE, "%.*s= is given twice",
                                 STR_ARG(str_sub(name, 0, SHOWN_MAX)));
            }
        }
        a->named[i - 1] = (struct endpoint_arg){name, str_sub(word, (size_t)equals + 1, word.len)};
    }
    a->args = (struct endpoint_args){.named = a->named, .n_named = words->n_words - 1};
    return endpoint_args_check(a->endpoint, &a->args, err);
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool check_query(struct api *a, struct error *err)
{
    struct str *query = &a->settings.query;
    if (str_starts(*query, STR("?"))) {
        *query = str_sub(*query, 1, query->len);
    }
    for (size_t i = 0; i < query->len; i++) {
        char c = query->ptr[i];
        if (c <= ' ' || c >= 0x7f || c == '#') {
            return error_set(err, ERR_USAGE,
                             "--query: byte %zu (0x%02x) must be percent-encoded, as %%%02X", i + 1,
                             (unsigned char)c, (unsigned char)c);
        }
        bool pair = i + 2 < query->len && is_hex(query->ptr[i + 1]) && is_hex(query->ptr[i + 2]);
        if (c == '%' && !pair) {
            return error_set(err, ERR_USAGE,
                             "--query: the %% at byte %zu must be followed by two hexadecimal "
                             "digits; a percent sign itself is written %%25",
                             i + 1);
        }
    }
    return true;
}

static bool read_file(struct api *a, struct str name, struct error *err)
{
    bool is_stdin = str_eq(name, STR("-"));
    const char *path = arena_cstr(a->cli->arena, name);
    FILE *f = is_stdin ? stdin : fopen(path, "rbe");
    if (!f) {
        return error_set(err, ERR_USAGE, "--body: %s cannot be read: %s", path,
                         strerrordesc_np(errno));
    }
    char part[16384];
    size_t n;
    while (!a->body.overflow && (n = fread(part, 1, sizeof part, f)) > 0) {
        buf_add(&a->body, (struct str){part, n});
    }
    int failed = ferror(f) ? errno : 0;
    if (!is_stdin) {
        (void)fclose(f);
    }
    if (failed) {
        return error_set(err, ERR_USAGE, "--body: %s cannot be read: %s", path,
                         strerrordesc_np(failed));
    }
    return true;
}

static bool read_body(struct api *a, struct error *err)
{
    struct str given = a->settings.body;
    const struct endpoint *e = endpoint_info(a->endpoint);
    if (!given.ptr) {
        return true;
    }
    if (given.len == 0) {
        return error_set(err, ERR_USAGE,
                         "--body is empty: JSON, @FILE or - is needed; without a body, leave "
                         "--body out");
    }
    if (e->method == HTTP_GET) {
        return error_set(err, ERR_USAGE, "--body: %s is a GET and takes none; see --query",
                         e->name);
    }
    bool file = given.ptr[0] == '@';
    if (!file && !str_eq(given, STR("-"))) {
        buf_add(&a->body, given);
    } else if (!read_file(a, file ? str_sub(given, 1, given.len) : given, err)) {
        return false;
    }
    if (a->body.overflow) {
        return error_set(err, ERR_USAGE, "--body: more than %d bytes", LIMIT_REQUEST_BODY);
    }
    if (!api_json_check(buf_str(&a->body), err)) {
        err->code = ERR_USAGE;
        return error_context(err, "--body");
    }
    return true;
}

static bool check_all(struct api *a, struct error *err)
{
    if (!a->settings.all) {
        return true;
    }
    if (endpoint_info(a->endpoint)->method != HTTP_GET) {
        return error_set(err, ERR_USAGE, "--all: %s is no list that can be followed (it is a %s)",
                         endpoint_info(a->endpoint)->name,
                         http_method_name(endpoint_info(a->endpoint)->method));
    }
    if (a->settings.account.json) {
        return error_set(err, ERR_USAGE,
                         "--all prints results as JSON lines already; leave --json out");
    }
    return true;
}

// ------------------------------------------------------------------------------------------------
// What came of it

static int finish(const struct api *a, const struct hubspot_answer *answer)
{
    if (a->settings.account.json) {
        api_print_json(answer);
    } else {
        api_print_raw(answer->body);
    }
    // What cannot be written must not look like an empty answer.
    if (fflush(stdout) != 0) {
        struct error err;
        error_set(&err, ERR_INTERNAL, "standard output: %s", strerrordesc_np(errno));
        return cli_fail(&err);
    }
    if (answer->ok) {
        return 0;
    }
    return a->settings.account.json ? error_info(answer->error.code)->exit_code
                                    : cli_fail(&answer->error);
}

// Whatever its status: what is cut or no JSON is no answer. Only of a write may there be nothing.
static bool is_readable(const struct api *a, const struct hubspot_answer *answer, struct error *err)
{
    bool may_be_empty = answer->status == 204 || endpoint_info(a->endpoint)->repeat != REPEAT_READ;
    return (answer->body.len == 0 && may_be_empty) || api_json_check(answer->body, err) ||
           error_context(err, "%s", endpoint_info(a->endpoint)->name);
}

// A wait that somebody notices is not left without a word: what for, and until when. Of a repeat
// the client has told.
static void tell_wait(struct api *a)
{
    struct hubspot_wait w;
    char until[TIMESTAMP_TEXT_MAX] = "";
    hubspot_client_waiting(a->client, &w);
    int64_t left_ms = w.until_wall_ms - clock_now_ms(a->cli->clock);
    bool told = llabs(w.until_wall_ms - a->told_until_ms) < SAME_WAIT_MS;
    if (w.why == BUDGET_GO || w.why == BUDGET_WAIT_RETRY || left_ms < NOTICED_MS || told ||
        !timestamp_format(w.until_wall_ms, until)) {
        return;
    }
    a->told_until_ms = w.until_wall_ms;
    log_line(&a->log, LOG_WARN, "waiting", LOG_C("for", budget_wait_name(w.why)),
             LOG_C("until", until));
}

// Nobody cancels: a signal ends the program.
static struct hubspot_answer *next_answer(struct api *a)
{
    struct hubspot_answer *answer = NULL;
    while (!answer && hubspot_client_pending(a->client) > 0) {
        answer = hubspot_client_next(a->client, LOOK_MS);
        if (!answer) {
            tell_wait(a);
        }
    }
    return answer;
}

// NULL with `err` when there is no answer at all; an answer that is not ok is one.
static struct hubspot_answer *call(struct api *a, struct str query, struct error *err)
{
    struct hubspot_request r = {
        .endpoint = a->endpoint, .args = a->args, .query = query, .body = buf_str(&a->body)};
    if (a->body.len == 0) {
        r.body.ptr = NULL;
    }
    if (!hubspot_client_start(a->client, &r, err)) {
        return NULL;
    }
    struct hubspot_answer *answer;
    do {
        answer = next_answer(a);
    } while (answer && answer->ok && !is_readable(a, answer, err) &&
             hubspot_client_again(a->client, answer, err));
    if (!answer) {
        error_set(err, ERR_INTERRUPTED, "interrupted");
    }
    return answer;
}

static int call_once(struct api *a)
{
    struct error err;
    struct hubspot_answer *answer = call(a, a->settings.query, &err);
    if (!answer) {
        return cli_fail(&err);
    }
    int code = finish(a, answer);
    hubspot_client_release(a->client, answer);
    return code;
}

// ------------------------------------------------------------------------------------------------
// --all

static void print_result(struct json result, struct buf *line)
{
    struct json_writer w;
    buf_reset(line);
    json_writer_init(&w, line);
    json_put(&w, result);
    buf_add_char(line, '\n');
    assert(!line->overflow);
    fwrite(line->ptr, 1, line->len, stdout);
}

// Where the next page begins: empty when the answer names none, which alone is the end.
static bool read_place(struct json root, struct buf *after, struct error *err)
{
    struct json paging;
    struct json next;
    struct json place;
    struct str cursor = {NULL, 0};
    char number[32];
    int64_t n = 0;
    if (json_get(root, STR("paging"), &paging) && json_get(paging, STR("next"), &next) &&
        !json_is_null(next)) {
        bool known = json_get(next, STR("after"), &place);
        if (known && json_int(place, &n)) {
            snprintf(number, sizeof number, "%lld", (long long)n);
            cursor = str_from(number);
        } else if (!known || !json_string(place, &cursor) || cursor.len == 0) {
            return error_set(err, ERR_SOURCE_DATA,
                             "the answer says that there are more pages, but not where: "
                             "\"paging.next\" has no \"after\"");
        }
    }
    if (cursor.len > 0 && str_eq(cursor, buf_str(after))) {
        return error_set(err, ERR_SOURCE_DATA, "the page after \"%.*s\" leads to itself",
                         STR_ARG(str_sub(cursor, 0, SHOWN_MAX)));
    }
    buf_reset(after);
    return buf_add(after, cursor) ||
           error_set(err, ERR_LIMIT, "the place of the next page has %zu bytes", cursor.len);
}

// Prints the results of one page; *after is where the next one begins, empty at the end.
static bool print_page(struct api *a, struct str body, struct buf *after, struct error *err)
{
    struct json_doc *doc = json_doc_create();
    struct json root;
    struct json list;
    struct buf line;
    buf_init(&line, 7 * (size_t)LIMIT_BODY_BYTES);
    bool ok = json_parse(doc, body, &root, err);
    if (ok && (!json_get(root, STR("results"), &list) || json_type(list) != JSON_ARRAY)) {
        ok = error_set(err, ERR_SOURCE_DATA,
                       "the answer holds no list \"results\" to be followed; call %s without --all",
                       endpoint_info(a->endpoint)->name);
    }
    if (ok) {
        struct json_iter it = json_iter(list);
        struct json result;
        while (!a->left_out && json_next(&it, &result)) {
            a->left_out = a->printed == a->settings.max;
            if (!a->left_out) {
                print_result(result, &line);
                a->printed++;
            }
        }
        ok = read_place(root, after, err);
    }
    buf_done(&line);
    json_doc_destroy(doc);
    return ok && (!fflush(stdout) ||
                  error_set(err, ERR_INTERNAL, "standard output: %s", strerrordesc_np(errno)));
}

// The query that was given, with the largest pages unless it names a size, and with the place that
// HubSpot's last page named instead of one of its own.
static void page_query(const struct api *a, struct str after, struct buf *ret)
{
    int largest = endpoint_info(a->endpoint)->page_max;
    struct str rest = a->settings.query;
    struct str field;
    bool sized = largest == 1; // not a list of pages
    buf_reset(ret);
    while (str_next(&rest, '&', &field)) {
        if (after.len == 0 || !str_starts(field, STR("after="))) {
            buf_printf(ret, "%s%.*s", ret->len > 0 ? "&" : "", STR_ARG(field));
        }
        sized = sized || str_starts(field, STR("limit="));
        if (str_starts(field, STR("propertiesWithHistory="))) {
            largest = MIN(largest, HISTORY_PAGE_MAX);
        }
    }
    if (!sized) {
        buf_printf(ret, "%slimit=%d", ret->len > 0 ? "&" : "", largest);
    }
    if (after.len > 0) {
        buf_add_cstr(ret, ret->len > 0 ? "&after=" : "after=");
        url_add_encoded(ret, after);
    }
}

static int call_all(struct api *a)
{
    struct error err;
    struct buf after;
    struct buf query;
    buf_init(&after, LIMIT_URL_BYTES);
    buf_init(&query, LIMIT_URL_BYTES);
    int code = 0;
    int64_t pages = 0; // empty ones count, too: what turns in a circle comes to an end
    do {
        page_query(a, buf_str(&after), &query);
        struct hubspot_answer *answer = call(a, buf_str(&query), &err);
        if (!answer) {
            code = cli_fail(&err);
            break;
        }
        if (!answer->ok) {
            code = cli_fail(&answer->error); // its body is none of the results
        } else if (!print_page(a, answer->body, &after, &err)) {
            code = cli_fail(&err);
        }
        hubspot_client_release(a->client, answer);
        pages++;
    } while (code == 0 && after.len > 0 && MAX(a->printed, pages) < a->settings.max);
    if (code == 0 && (after.len > 0 || a->left_out)) {
        fprintf(stderr, "sluice: stopped after %lld results (--max %lld); there are more\n",
                (long long)a->printed, (long long)a->settings.max);
    }
    buf_done(&query);
    buf_done(&after);
    return code;
}

// ------------------------------------------------------------------------------------------------

// Counted with those of other processes, without asking whose account it is.
static void share_budget(struct api *a, const struct source_hubspot_options *options)
{
    struct credential_facts facts;
    struct error err;
    credential_facts(a->signs.credential, &facts);
    bool whose = facts.portal_id > 0 || credential_is_static(a->signs.credential);
    if (whose && options->state_directory.len > 0 &&
        !hubspot_share_budget(a->account, options->state_directory, facts.portal_id, &err)) {
        log_line(&a->log, LOG_WARN, "the budget is not shared with other processes",
                 LOG_C("reason", err.message));
    }
}

static bool open_account(struct api *a, struct error *err)
{
    struct source_hubspot_options options;
    bool known = log_level_parse(a->settings.account.log_level, &a->log.level);
    assert(known); // the settings table admits only known levels
    a->requests =
        requests_start(&(struct requests_options){.directory = a->settings.account.data_dir,
                                                  .clock = a->cli->clock,
                                                  .log = &a->log,
                                                  .trace = a->settings.account.trace});
    struct sync_context context = {
        .clock = a->cli->clock, .log = &a->log, .request_log = requests_log(a->requests)};
    if (!account_open(&a->settings.account, &context, &a->signs, err) ||
        !account_source_options(&a->signs, &a->settings.account, &context, &options, err) ||
        !http_client_global_init(err)) {
        return false;
    }
    a->account = hubspot_create(&options.account);
    share_budget(a, &options);
    a->client = hubspot_client_create(a->account);
    return true;
}

int cli_api(const struct cli *cli, int argc, char **argv)
{
    struct api a = {.cli = cli, .log = {.fd = STDERR_FILENO, .clock = cli->clock}};
    struct cli_args words;
    struct error err = {0};
    if (!cli_parse(cli, "api", argc, argv, &a.settings, &words)) {
        return words.exit_code;
    }
    buf_init(&a.body, LIMIT_REQUEST_BODY);
    int code;
    if (read_arguments(&a, &words, &err) && check_query(&a, &err) && check_all(&a, &err) &&
        read_body(&a, &err) && open_account(&a, &err)) {
        code = a.settings.all ? call_all(&a) : call_once(&a);
    } else {
        code = cli_fail(&err);
    }
    hubspot_client_destroy(a.client);
    hubspot_destroy(a.account);
    requests_stop(a.requests);
    account_close(&a.signs);
    buf_done(&a.body);
    return code;
}

#include "source/hubspot/internal.h"

#include "core/limits.h"
#include "source/hubspot/fetch.h"
#include "source/hubspot/tables.h"

// What follows the description are tables beside the main one.
#define PLAIN(name_, alias_, table_, scope_, ...)                                                  \
    {                                                                                              \
        .name = (name_), .alias = (alias_), .table = (table_), .scope = (scope_),                  \
        .description = FIRST(__VA_ARGS__, NULL), .sub_tables = {                                   \
            REST(__VA_ARGS__, NULL)                                                                \
        }                                                                                          \
    }
#define FIRST(a, ...) (a)
#define REST(a, ...)  __VA_ARGS__
#define PAIR(table_, description_, ...)                                                            \
    {                                                                                              \
        .name = (table_), .table = (table_), .scope = "the read scopes of both objects",           \
        .description = (description_), .needs = {                                                  \
            __VA_ARGS__,                                                                           \
            NULL                                                                                   \
        }                                                                                          \
    }
#define ENGAGEMENTS "calls", "communications", "emails", "meetings", "notes", "tasks", "postal_mail"

// In the order in which they are best run: what others refer to first, pairs last.
static const struct source_stream_info STREAMS[] = {
    PLAIN("owners", "owner", "owner", "crm.objects.owners.read", "Owners and their teams",
          "owner_team"),
    PLAIN("pipelines", "pipeline", "deal_pipeline", "crm.objects.deals.read",
          "Pipelines and stages of deals and tickets", "deal_pipeline_stage", "ticket_pipeline",
          "ticket_pipeline_stage"),
    PLAIN("properties", "property", "property", "crm.schemas.contacts.read",
          "Property definitions and their options, of every object", "property_option"),
    PLAIN("contacts", "contact", "contact", "crm.objects.contacts.read", "Contacts",
          "contact_merge_audit"),
    PLAIN("companies", "company", "company", "crm.objects.companies.read", "Companies"),
    PLAIN("deals", "deal", "deal", "crm.objects.deals.read", "Deals", "merged_deal", "deal_stage"),
    PLAIN("tickets", "ticket", "ticket", "tickets", "Tickets"),
    PLAIN("calls", "call", "engagement_call", "crm.objects.contacts.read", "Calls", "engagement"),
    PLAIN("communications", "communication", "engagement_communication",
          "crm.objects.contacts.read", "Communications: SMS, WhatsApp, LinkedIn", "engagement"),
    PLAIN("emails", "email", "engagement_email", "crm.objects.contacts.read sales-email-read",
          "E-mails", "engagement"),
    PLAIN("meetings", "meeting", "engagement_meeting", "crm.objects.contacts.read", "Meetings",
          "engagement"),
    PLAIN("notes", "note", "engagement_note", "crm.objects.contacts.read", "Notes", "engagement"),
    PLAIN("tasks", "task", "engagement_task", "crm.objects.contacts.read", "Tasks", "engagement"),
    PLAIN("postal_mail", NULL, "engagement_postal_mail", "crm.objects.contacts.read", "Postal mail",
          "engagement"),
    PAIR("contact_company", "Associations of contacts with companies", "contacts", "companies"),
    PAIR("deal_company", "Associations of deals with companies", "deals", "companies"),
    PAIR("deal_contact", "Associations of deals with contacts", "deals", "contacts"),
    PAIR("ticket_company", "Associations of tickets with companies", "tickets", "companies"),
    PAIR("ticket_contact", "Associations of tickets with contacts", "tickets", "contacts"),
    PAIR("ticket_deal", "Associations of tickets with deals", "tickets", "deals"),
    PAIR("contact_contact", "Associations among contacts", "contacts"),
    PAIR("company_company", "Associations among companies (parent and child)", "companies"),
    PAIR("deal_deal", "Associations among deals", "deals"),
    PAIR("ticket_ticket", "Associations among tickets", "tickets"),
    PAIR("engagement_company", "Associations of engagements with companies", "companies",
         ENGAGEMENTS),
    PAIR("engagement_contact", "Associations of engagements with contacts", "contacts",
         ENGAGEMENTS),
    PAIR("engagement_deal", "Associations of engagements with deals", "deals", ENGAGEMENTS),
    PAIR("ticket_engagement", "Associations of tickets with engagements", "tickets", ENGAGEMENTS),
};

static const struct {
    const char *name;
    const struct stream_ops *ops;
} PLAIN_OPS[] = {{"owners", &OWNERS_STREAM},
                 {"pipelines", &PIPELINES_STREAM},
                 {"properties", &PROPERTIES_STREAM}};

const struct source_stream_info *source_hubspot_streams(size_t *ret_n)
{
    *ret_n = ARRAY_LEN(STREAMS);
    return STREAMS;
}

const struct source_stream_info *source_hubspot_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(STREAMS); i++) {
        if (str_eq(name, str_from(STREAMS[i].name)) ||
            (STREAMS[i].alias && str_eq(name, str_from(STREAMS[i].alias)))) {
            return &STREAMS[i];
        }
    }
    return NULL;
}

static const struct stream_ops *ops_of(const struct source_stream_info *info)
{
    for (size_t i = 0; i < ARRAY_LEN(PLAIN_OPS); i++) {
        if (strcmp(PLAIN_OPS[i].name, info->name) == 0) {
            return PLAIN_OPS[i].ops;
        }
    }
    return pair_find(str_from(info->name)) ? &PAIR_STREAM : &OBJECT_STREAM;
}

// ---- the account

static struct hubspot_client *opening_client(struct source *s)
{
    struct hubspot_client *client = hubspot_client_create(s->account);
    hubspot_client_set_cancel(client, s->options.open_cancel);
    return client;
}

// Who the token belongs to; also the first call, which proves URL and token and learns the limits.
static bool read_account(struct source *s, struct error *err)
{
    struct hubspot_client *client = opening_client(s);
    struct json_doc *doc = json_doc_create();
    struct hubspot_request r = {.endpoint = HUBSPOT_ACCOUNT};
    struct json root;
    struct str text = {NULL, 0};
    int64_t offset_ms = 0;
    bool ok = fetch_json(client, &r, doc, &root, NULL, err);
    if (ok && !json_get_int(root, STR("portalId"), &s->portal.id)) {
        ok = error_set(err, ERR_SOURCE_DATA,
                       "account details: the answer has no \"portalId\"; is %.*s HubSpot's API?",
                       STR_ARG(s->options.account.base_url));
    }
    if (ok) {
        if (json_get_string(root, STR("timeZone"), &text)) {
            s->portal.time_zone = arena_dup(&s->arena, text);
        }
        if (json_get_string(root, STR("accountType"), &text)) {
            s->portal.account_type = arena_dup(&s->arena, text);
        }
        if (json_get_int(root, STR("utcOffsetMilliseconds"), &offset_ms)) {
            s->portal.utc_offset_ms = offset_ms;
        }
    }
    json_doc_destroy(doc);
    hubspot_client_destroy(client);
    return ok;
}

// Answers to OAuth apps say nothing of a day, and have none; where those to another token do not
// either, the usage endpoint does. It lists the account's private apps, which draw on one limit
// together. What it does not tell is done without.
static void read_day(struct source *s)
{
    struct hubspot_client *client = opening_client(s);
    struct json_doc *doc = json_doc_create();
    struct hubspot_request r = {.endpoint = HUBSPOT_DAILY_USAGE};
    struct json root;
    struct json results;
    struct json entry;
    struct error ignored;
    int64_t limit = 0;
    int64_t used = 0;
    if (fetch_json(client, &r, doc, &root, NULL, &ignored) &&
        fetch_results(root, &results, &ignored)) {
        struct json_iter it = json_iter(results);
        while (json_next(&it, &entry)) {
            int64_t app_limit = 0;
            int64_t app_used = 0;
            if (json_get_int(entry, STR("usageLimit"), &app_limit) &&
                json_get_int(entry, STR("currentUsage"), &app_used) && app_used >= 0) {
                limit = MAX(limit, app_limit);
                used += MIN(app_used, app_limit);
            }
        }
    }
    if (limit > 0) {
        budget_set_day(hubspot_budget(s->account), limit, used,
                       clock_now_ms(s->options.account.clock));
    }
    json_doc_destroy(doc);
    hubspot_client_destroy(client);
}

static bool needs_day(struct source *s)
{
    struct budget_view v;
    budget_look(hubspot_budget(s->account), clock_mono_us(s->options.account.clock), &v);
    const struct credential *c = s->options.account.credential;
    return v.window_max >= 0 && v.daily_max < 0 && (!c || credential_is_static(c));
}

// Other processes of this machine that work for the account draw on the same budget. Where there is
// no place for its file this one has a budget of its own, and sees them in HubSpot's headers.
static void share_budget(struct source *s)
{
    struct error err;
    struct str directory = s->options.state_directory;
    if (directory.len > 0 && !hubspot_share_budget(s->account, directory, s->portal.id, &err) &&
        s->options.account.log) {
        log_line(s->options.account.log, LOG_WARN, "the budget is not shared with other processes",
                 LOG_C("reason", err.message));
    }
    budget_set_zone(hubspot_budget(s->account), s->portal.time_zone, s->portal.utc_offset_ms,
                    clock_now_ms(s->options.account.clock));
}

bool source_hubspot_open(const struct source_hubspot_options *options, struct source **ret,
                         struct error *err)
{
    struct source *s = calloc(1, sizeof *s);
    if (!s) {
        abort();
    }
    s->options = *options;
    arena_init(&s->arena, LIMIT_BODY_BYTES);
    s->options.account.base_url = arena_dup(&s->arena, options->account.base_url);
    s->account = hubspot_create(&options->account);
    s->options.account.token = (struct str){NULL, 0}; // the account holds it; nobody else needs it
    pthread_mutex_init(&s->lock, NULL);
    s->catalog = catalog_create(clock_now_ms(options->account.clock));
    s->pages = page_pool_create(options->account.thrifty ? 0 : PAGE_POOL_MAX, options->gate);
    if (!read_account(s, err)) {
        source_close(s);
        return false;
    }
    share_budget(s);
    if (needs_day(s)) {
        read_day(s);
    }
    s->options.open_cancel = NULL;
    *ret = s;
    return true;
}

void source_close(struct source *s)
{
    if (!s) {
        return;
    }
    page_pool_destroy(s->pages);
    catalog_leave(s->catalog);
    pthread_mutex_destroy(&s->lock);
    hubspot_destroy(s->account);
    arena_done(&s->arena);
    free(s);
}

struct hubspot *source_hubspot_account(struct source *s)
{
    return s->account;
}

struct source_hubspot_portal source_hubspot_portal(const struct source *s)
{
    return s->portal;
}

// ---- streams

// How urgent a step's calls are: what changed goes before what is loaded anew.
static const struct {
    const char *step;
    enum budget_priority priority;
} PRIORITIES[] = {
    {"discover", BUDGET_INCREMENTAL}, {"incremental", BUDGET_INCREMENTAL},
    {"archived", BUDGET_INCREMENTAL}, {"full", BUDGET_BACKFILL},
    {"sweep", BUDGET_BACKFILL},
};

void stream_set_step(struct source_stream *s, const char *step)
{
    enum budget_priority priority = BUDGET_BACKFILL;
    for (size_t i = 0; i < ARRAY_LEN(PRIORITIES); i++) {
        if (strcmp(PRIORITIES[i].step, step) == 0) {
            priority = PRIORITIES[i].priority;
        }
    }
    atomic_store(&s->step, step);
    hubspot_client_set_priority(s->client, priority);
}

// Every state says whose data it stands beside, so that a second account never comes into the first
// one's tables. States of before do not say, and are taken for this account's.
static bool check_account(struct source_stream *s, struct error *err)
{
    struct json root;
    struct error ignored; // what cannot be read is the stream's own business
    int64_t theirs = 0;
    int64_t ours = s->source->portal.id;
    struct json_doc *doc = json_doc_create();
    bool said = s->options.state.ptr && json_parse(doc, s->options.state, &root, &ignored) &&
                json_get_int(root, STR("portal"), &theirs);
    json_doc_destroy(doc);
    return !said || theirs == ours ||
           error_set(err, ERR_ACCOUNT_CHANGED,
                     "the tables of %s hold the data of account %lld, and the token is for account "
                     "%lld: the two would be mixed",
                     s->options.info->name, (long long)theirs, (long long)ours);
}

static void sign_cursor(struct source_stream *s, struct page *page)
{
    if (page->cursor.ptr) {
        assert(page->cursor.len > 2 && page->cursor.ptr[0] == '{');
        struct str rest = str_sub(page->cursor, 1, page->cursor.len);
        page->cursor = arena_printf(&page->arena, "{\"portal\":%lld,%.*s",
                                    (long long)s->source->portal.id, STR_ARG(rest));
    }
}

// The present catalog, or a new one where that is too old for the stream.
static struct catalog *use_catalog(struct source *s, int64_t fresh_ms)
{
    int64_t now_ms = clock_now_ms(s->options.account.clock);
    pthread_mutex_lock(&s->lock);
    if (catalog_created_ms(s->catalog) < MIN(fresh_ms, now_ms)) {
        catalog_leave(s->catalog);
        s->catalog = catalog_create(now_ms);
    }
    struct catalog *c = catalog_use(s->catalog);
    pthread_mutex_unlock(&s->lock);
    return c;
}

bool source_stream_open(struct source *source, const struct source_stream_options *options,
                        struct source_stream **ret, struct error *err)
{
    struct source_stream *s = calloc(1, sizeof *s);
    if (!s) {
        abort();
    }
    s->source = source;
    s->ops = ops_of(options->info);
    s->options = *options;
    arena_init(&s->arena, LIMIT_PAGE_ARENA);
    if (options->state.ptr) {
        s->options.state = arena_dup(&s->arena, options->state);
    }
    s->client = hubspot_client_create(source->account);
    hubspot_client_set_stream(s->client, str_from(options->info->name));
    hubspot_client_set_cancel(s->client, options->cancel);
    s->catalog = use_catalog(source, options->fresh_ms);
    stream_set_step(s, "discover");
    if (!check_account(s, err) || !s->ops->open(s, err)) {
        source_stream_close(s);
        return false;
    }
    *ret = s;
    return true;
}

void source_stream_close(struct source_stream *s)
{
    if (!s) {
        return;
    }
    if (s->ops->close) {
        s->ops->close(s);
    }
    hubspot_client_destroy(s->client);
    catalog_leave(s->catalog);
    arena_done(&s->arena);
    free(s);
}

const struct table *const *source_stream_tables(const struct source_stream *s, size_t *ret_n)
{
    *ret_n = s->n_tables;
    return s->tables;
}

void source_stream_columns(const struct source_stream *s, const struct table *table,
                           struct source_column *ret)
{
    if (s->ops->columns) {
        s->ops->columns(s, table, ret);
        return;
    }
    for (size_t i = 0; i < table->n_columns; i++) {
        ret[i] = (struct source_column){0};
    }
}

bool source_stream_part(const struct source_stream_info *info, struct str table,
                        struct source_part *ret)
{
    const struct object_info *object = object_find(str_from(info->name));
    if (!object || !object->engagement_type || !str_eq(table, TABLE_ENGAGEMENT.name)) {
        return false;
    }
    *ret = (struct source_part){STR("type"), str_from(object->engagement_type)};
    return true;
}

void source_stream_start(struct source_stream *s, bool empty)
{
    if (s->ops->start) {
        s->ops->start(s, empty);
    }
}

bool source_stream_next(struct source_stream *s, struct page **ret, struct error *err)
{
    if (!s->ops->next(s, ret, err)) {
        return false;
    }
    if (*ret) {
        sign_cursor(s, *ret);
    }
    return true;
}

void source_stream_progress(const struct source_stream *s, struct source_progress *ret)
{
    struct hubspot_wait wait;
    hubspot_client_waiting(s->client, &wait);
    *ret = (struct source_progress){
        .estimated_total = atomic_load(&s->estimated_total),
        .calls = wait.calls,
        .step = atomic_load(&s->step),
    };
    if (wait.why != BUDGET_GO) {
        ret->waiting_for = budget_wait_name(wait.why);
        ret->waiting_until_ms = wait.until_wall_ms;
    }
}

int64_t source_stream_floor_ms(const struct source_stream *s)
{
    return atomic_load(&s->floor_ms);
}

const struct source_view *source_stream_views(const struct source_stream *s, size_t *ret_n)
{
    *ret_n = s->n_views;
    return s->views;
}

void source_stream_audit(struct source_stream *s, struct source_audit *ret)
{
    *ret = (struct source_audit){0};
    if (s->ops->audit) {
        s->ops->audit(s, ret);
    }
}

// ---- what the kinds of streams share

void stream_add_table(struct source_stream *s, const struct table *table)
{
    assert(s->n_tables < SOURCE_TABLES_MAX);
    s->tables[s->n_tables++] = table;
}

struct page *stream_page(struct source_stream *s)
{
    return page_pool_take(s->source->pages);
}

struct cell *page_add_rows(struct page *page, const struct table *table, enum batch_op op,
                           size_t n_rows)
{
    assert(page->n_batches < PAGE_MAX_BATCHES);
    struct cell *cells = ARENA_ARRAY(&page->arena, struct cell, n_rows * table->n_columns);
    page->batches[page->n_batches++] =
        (struct batch){.table = table, .op = op, .n_rows = n_rows, .cells = cells};
    return cells;
}

struct cell cell_field(struct json object, const char *key, enum column_type type,
                       struct arena *arena)
{
    struct json value;
    struct cell cell = {.kind = CELL_NULL};
    const char *reason = NULL;
    if (json_get(object, str_from(key), &value)) {
        convert_json(type, value, true, arena, &cell, &reason);
    }
    return cell;
}

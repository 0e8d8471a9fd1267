// sluice endpoints: the table of HubSpot's endpoints, as a version of the API has them.
#include "cli/endpoints.h"
#include "cli/cli.h"

#include "data/json_writer.h"
#include "hubspot/endpoints.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

const struct setting ENDPOINTS_SETTINGS[ENDPOINTS_SETTINGS_N] = {
    {.name = "api-version",
     .type = SET_ENUM,
     .offset = offsetof(struct endpoints_settings, api_version),
     .fallback = "2026-09",
     .choices = "2026-09|2026-03|legacy",
     .help = "Paths of this version of HubSpot's API."},
    {.name = "json",
     .type = SET_BOOL,
     .offset = offsetof(struct endpoints_settings, json),
     .help = "Print one JSON object per endpoint."},
};

enum { PATH_MAX_BYTES = 1024 };

static const char *path_of(enum hubspot_endpoint id, enum api_version version, struct buf *path)
{
    buf_reset(path);
    endpoint_template(path, id, version);
    return buf_cstr(path);
}

static void print_json(enum hubspot_endpoint id, enum api_version version)
{
    const struct endpoint *e = endpoint_info(id);
    struct endpoint_end end = endpoint_end(id, version);
    struct buf path;
    struct buf out;
    struct json_writer w;
    buf_init(&path, PATH_MAX_BYTES);
    buf_init(&out, 16 * 1024);
    json_writer_init(&w, &out);
    json_begin_object(&w);
    json_field_str(&w, "id", str_from(e->name));
    json_field_str(&w, "method", str_from(http_method_name(e->method)));
    json_field_str(&w, "path", str_from(path_of(id, version, &path)));
    json_field_bool(&w, "legacy", version == API_LEGACY || !e->dated_path);
    json_field_str(&w, "limits", str_from(budget_class_name(e->budget)));
    json_field_str(&w, "repeat", str_from(repeat_class_name(e->repeat)));
    json_field_int(&w, "page_max", e->page_max);
    json_field_str(&w, "scope", str_from(e->scope));
    json_key(&w, STR("end"));
    json_begin_object(&w);
    json_field_str(&w, "date", str_from(end.date));
    json_field_str(&w, "kind", str_from(endpoint_end_kind_name(end.kind)));
    json_end_object(&w);
    json_end_object(&w);
    printf("%s\n", buf_cstr(&out));
    buf_done(&out);
    buf_done(&path);
}

static void print_line(enum hubspot_endpoint id, enum api_version version)
{
    const struct endpoint *e = endpoint_info(id);
    struct endpoint_end end = endpoint_end(id, version);
    struct buf path;
    buf_init(&path, PATH_MAX_BYTES);
    printf("%-27s %-6s %-76s %-12s %-10s %-29s %s %s\n", e->name, http_method_name(e->method),
           path_of(id, version, &path), budget_class_name(e->budget), repeat_class_name(e->repeat),
           e->scope, endpoint_end_kind_name(end.kind), end.date);
    buf_done(&path);
}

int cli_endpoints(const struct cli *cli, int argc, char **argv)
{
    struct endpoints_settings settings = {0};
    struct cli_args args;
    enum api_version version = API_LEGACY;
    if (!cli_parse(cli, "endpoints", argc, argv, &settings, &args)) {
        return args.exit_code;
    }
    bool known = api_version_parse(settings.api_version, &version);
    assert(known); // the settings table admits only known versions
    if (!settings.json) {
        printf("%-27s %-6s %-76s %-12s %-10s %-29s %s\n", "endpoint", "method", "path", "limits",
               "repeat", "scope", "end");
    }
    for (enum hubspot_endpoint id = 0; id < HUBSPOT_ENDPOINT_COUNT; id++) {
        (settings.json ? print_json : print_line)(id, version);
    }
    return 0;
}

size_t endpoints_ending(enum api_version version, int64_t now_ms, int64_t within_ms, FILE *out)
{
    size_t n = 0;
    struct buf path;
    buf_init(&path, PATH_MAX_BYTES);
    for (enum hubspot_endpoint id = 0; id < HUBSPOT_ENDPOINT_COUNT; id++) {
        const struct endpoint *e = endpoint_info(id);
        struct endpoint_end end = endpoint_end(id, version);
        if (end.at_ms - now_ms > within_ms) {
            continue;
        }
        bool newer = e->dated_path && version != API_VERSION_COUNT - 1;
        n++;
        if (!out) {
            continue;
        }
        fprintf(out, "warn  %-12s %s (%s) %s %s %s; %s%s\n", "endpoint", e->name,
                path_of(id, version, &path),
                end.kind == END_STOPS ? "stops answering" : "becomes unsupported",
                strlen(end.date) == strlen("2027-09") ? "in" : "on", end.date,
                newer ? "use --api-version "
                      : "HubSpot has no newer form of it: look for a newer sluice",
                newer ? api_version_name(API_VERSION_COUNT - 1) : "");
    }
    buf_done(&path);
    return n;
}

size_t endpoints_ends_today(enum api_version version, struct str directory,
                            const struct clock *clock)
{
    enum { NAME_MAX_BYTES = 4096, DAY_S = 24 * 3600 };
    int64_t now_ms = clock_now_ms(clock);
    size_t n = endpoints_ending(version, now_ms, ENDS_WITHIN_MS, NULL);
    char name[NAME_MAX_BYTES];
    int len = snprintf(name, sizeof name, "%.*s/ends-told", STR_ARG(directory));
    if (n == 0 || directory.len == 0 || len >= (int)sizeof name) {
        return n;
    }
    struct stat st;
    if (stat(name, &st) == 0 && now_ms / 1000 - st.st_mtime < DAY_S) {
        return 0;
    }
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0) {
        futimens(fd, NULL);
        close(fd);
    }
    return n;
}

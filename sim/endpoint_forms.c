// Forms and what was sent in with them.
#include "core/limits.h"
#include "sim/endpoints.h"
#include "sim/fields.h"
#include "sim/forms.h"
#include "sim/generate.h"
#include "sim/guid.h"
#include "sim/sim.h"

enum { FORMS_DEFAULT = 50, FORMS_MAX = 500, SUBMISSIONS_DEFAULT = 20, SUBMISSIONS_MAX = 50 };

// The fields that all forms have.
static const struct {
    const char *name;
    const char *label;
    const char *field_type;
    bool required;
} form_fields[] = {
    {"email", "Email", "email", true},
    {"firstname", "First name", "single_line_text", false},
    {"lastname", "Last name", "single_line_text", false},
    {"company", "Company", "single_line_text", false},
};

static void write_field(struct json_writer *w, size_t i)
{
    json_begin_object(w);
    json_field_str(w, "objectTypeId", STR("0-1"));
    json_field_str(w, "name", str_from(form_fields[i].name));
    json_field_str(w, "label", str_from(form_fields[i].label));
    json_field_bool(w, "required", form_fields[i].required);
    json_field_bool(w, "hidden", false);
    json_field_str(w, "fieldType", str_from(form_fields[i].field_type));
    if (str_eq(str_from(form_fields[i].field_type), STR("email"))) {
        json_key(w, STR("validation"));
        json_put_raw(w, STR("{\"blockedEmailDomains\":[],\"useDefaultBlockList\":false}"));
    }
    json_end_object(w);
}

static void write_groups(struct json_writer *w)
{
    json_key(w, STR("fieldGroups"));
    json_begin_array(w);
    for (size_t i = 0; i < ARRAY_LEN(form_fields); i++) {
        json_begin_object(w);
        json_field_str(w, "groupType", STR("default_group"));
        json_field_str(w, "richTextType", STR("text"));
        json_key(w, STR("fields"));
        json_begin_array(w);
        write_field(w, i);
        json_end_array(w);
        json_end_object(w);
    }
    json_end_array(w);
}

static void write_form(struct call *c, struct json_writer *w, const struct form *f)
{
    json_begin_object(w);
    json_field_str(w, "id", f->id);
    json_field_str(w, "name", f->name);
    json_field_str(w, "createdAt", call_iso(c, f->created_ms));
    json_field_str(w, "updatedAt", call_iso(c, f->updated_ms));
    json_field_bool(w, "archived", f->archived);
    if (f->archived) {
        json_field_str(w, "archivedAt", call_iso(c, f->updated_ms));
    }
    write_groups(w);
    json_key(w, STR("configuration"));
    json_put_raw(
        w,
        STR("{\"language\":\"en\",\"cloneable\":true,\"postSubmitAction\":{\"type\":\"thank_you\","
            "\"value\":\"Thank you.\"},\"editable\":true,\"archivable\":true,"
            "\"recaptchaEnabled\":false,\"notifyContactOwner\":false,\"notifyRecipients\":[],"
            "\"createNewContactForNewEmail\":false,\"prePopulateKnownValues\":true,"
            "\"allowLinkToResetKnownValues\":false,\"lifecycleStages\":[]}"));
    json_key(w, STR("displayOptions"));
    json_put_raw(w, STR("{\"renderRawHtml\":false,\"theme\":\"default_style\","
                        "\"submitButtonText\":\"Submit\",\"style\":{\"fontFamily\":\"arial\","
                        "\"backgroundWidth\":\"100%\",\"labelTextColor\":\"#33475b\","
                        "\"labelTextSize\":\"13px\",\"helpTextColor\":\"#7C98B6\","
                        "\"helpTextSize\":\"11px\",\"legalConsentTextColor\":\"#33475b\","
                        "\"legalConsentTextSize\":\"14px\",\"submitColor\":\"#ff7a59\","
                        "\"submitAlignment\":\"left\",\"submitFontColor\":\"#ffffff\","
                        "\"submitSize\":\"12px\"},\"cssClass\":\"hs-form stacked\"}"));
    json_key(w, STR("legalConsentOptions"));
    json_put_raw(w, STR("{\"type\":\"none\"}"));
    json_field_str(w, "formType", f->type);
    json_end_object(w);
}

static bool known_type(struct str type)
{
    return str_eq(type, STR("hubspot")) || str_eq(type, STR("captured")) ||
           str_eq(type, STR("flow")) || str_eq(type, STR("blog_comment")) ||
           str_eq(type, STR("all"));
}

static bool read_types(struct call *c, struct str *ret)
{
    struct str rest = call_list(c, "formTypes");
    struct str one;
    *ret = rest.len > 0 ? rest : STR("hubspot");
    while (rest.len > 0 && str_next(&rest, ',', &one)) {
        if (!known_type(one)) {
            return call_error(c, 400, "VALIDATION_ERROR",
                              "formTypes has '%.*s'; it must be hubspot, captured, flow, "
                              "blog_comment or all",
                              STR_ARG(one));
        }
    }
    return true;
}

static bool of_type(struct str types, struct str type)
{
    struct str one;
    while (types.len > 0 && str_next(&types, ',', &one)) {
        if (str_eq(one, type) || str_eq(one, STR("all"))) {
            return true;
        }
    }
    return false;
}

// The offset that a former page gave as `after`.
static bool read_offset(struct call *c, uint64_t *ret)
{
    struct str text = http_server_query(c->request, "after");
    *ret = 0;
    return text.len == 0 || str_to_uint64(text, ret) ||
           call_error(c, 400, "VALIDATION_ERROR",
                      "'%.*s' is no cursor; after must be that of a former page", STR_ARG(text));
}

void endpoint_forms_list(struct call *c)
{
    int64_t limit;
    uint64_t from;
    struct str types;
    bool archived = false;
    if (!call_limit(c, FORMS_DEFAULT, FORMS_MAX, &limit) || !read_offset(c, &from) ||
        !read_types(c, &types) || !field_query_bool(c, "archived", &archived)) {
        return;
    }
    struct json_writer w = call_writer(c);
    uint64_t n = 0;
    json_begin_object(&w);
    json_key(&w, STR("results"));
    json_begin_array(&w);
    for (size_t i = 0; i < FORMS_N; i++) {
        struct form f = form_at(c->sim->portal, c->arena, i);
        if (f.archived != archived || !of_type(types, f.type)) {
            continue;
        }
        if (n >= from && n < from + (uint64_t)limit) {
            write_form(c, &w, &f);
        }
        n++;
    }
    json_end_array(&w);
    if (n > from + (uint64_t)limit) {
        call_add_paging(c, call_number(c, from + (uint64_t)limit), true);
    }
    json_end_object(&w);
}

void endpoint_forms_get(struct call *c)
{
    struct form f;
    bool archived = false;
    if (!field_query_bool(c, "archived", &archived)) {
        return;
    }
    if (!form_find(c->sim->portal, c->arena, c->params[0], &f) || f.archived != archived) {
        call_not_found(c);
        return;
    }
    struct json_writer w = call_writer(c);
    write_form(c, &w, &f);
}

static void write_submission(struct call *c, struct json_writer *w, const struct form *f,
                             uint32_t i)
{
    const struct portal *p = c->sim->portal;
    struct form_submission s = form_submission_at(p, f, i);
    struct record contact = portal_record(p, OBJECT_CONTACTS, s.contact);
    struct buf value;
    buf_init(&value, LIMIT_VALUE_BYTES);
    json_begin_object(w);
    json_field_str(w, "conversionId", guid_make(c->arena, s.number));
    json_field_int(w, "submittedAt", s.at_ms);
    json_key(w, STR("values"));
    json_begin_array(w);
    for (size_t k = 0; k < ARRAY_LEN(form_fields); k++) {
        struct str name = str_from(form_fields[k].name);
        const struct property *property =
            property_find(&p->shelves[OBJECT_CONTACTS].properties, name);
        buf_reset(&value);
        if (property && generate_value(&contact, property, &value)) {
            json_begin_object(w);
            json_field_str(w, "name", name);
            json_field_str(w, "value", buf_str(&value));
            json_field_str(w, "objectTypeId", STR("0-1"));
            json_end_object(w);
        }
    }
    json_end_array(w);
    json_field_str(w, "pageUrl", STR("https://www.example.com/forms"));
    json_end_object(w);
    buf_done(&value);
}

void endpoint_form_submissions(struct call *c)
{
    int64_t limit;
    uint64_t from;
    struct form f;
    if (!call_limit(c, SUBMISSIONS_DEFAULT, SUBMISSIONS_MAX, &limit) || !read_offset(c, &from)) {
        return;
    }
    if (!form_find(c->sim->portal, c->arena, c->params[0], &f)) {
        call_not_found(c);
        return;
    }
    if (str_eq(f.type, STR("blog_comment"))) {
        call_error(c, 400, "VALIDATION_ERROR",
                   "Submissions of forms of the type BLOG_COMMENT cannot be read");
        return;
    }
    uint64_t to = MIN(from + (uint64_t)limit, (uint64_t)f.n_submissions);
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_key(&w, STR("results"));
    json_begin_array(&w);
    for (uint64_t i = from; i < to; i++) {
        write_submission(c, &w, &f, (uint32_t)i);
    }
    json_end_array(&w);
    if (to < f.n_submissions && to > from) {
        call_add_paging(c, call_number(c, to), false);
    }
    json_end_object(&w);
}

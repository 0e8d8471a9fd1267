#include "sim/generate.h"

#include "core/random.h"
#include "sim/pipelines.h"
#include "sim/words.h"

typedef char *writer(const struct record *r, const struct property *p, uint64_t h, char *to);

// Facts about a person or company come from one hash, so that name, e-mail and address fit
// together.
static const struct word_name *first_name(const struct record *r)
{
    return &words_first_names[(r->hash & 0xffff) % words_first_names_n];
}

static const struct word_name *last_name(const struct record *r)
{
    return &words_last_names[(r->hash >> 16 & 0xffff) % words_last_names_n];
}

static const struct word_city *city_of(const struct record *r)
{
    return &words_cities[(r->hash >> 32 & 0xffff) % words_cities_n];
}

static char *write_object_id(const struct record *r, const struct property *p UNUSED,
                             uint64_t h UNUSED, char *to)
{
    return text_uint(to, r->id);
}

static char *write_created(const struct record *r, const struct property *p UNUSED,
                           uint64_t h UNUSED, char *to)
{
    return text_iso(to, r->created_ms);
}

static char *write_modified(const struct record *r, const struct property *p UNUSED,
                            uint64_t h UNUSED, char *to)
{
    return text_iso(to, r->modified_ms);
}

enum { MERGED_IDS_SHOWN = 12 }; // as many as GENERATE_SHORT_MAX surely holds

static char *write_merged_ids(const struct record *r, const struct property *p UNUSED,
                              uint64_t h UNUSED, char *to)
{
    char *start = to;
    uint64_t ids[2];
    size_t n = r->basis < r->shelf->n_base
                   ? portal_generated_merges(r->shelf, (uint32_t)r->basis, ids)
                   : 0;
    for (size_t i = 0; i < n; i++) {
        to = text_uint(to, ids[i]);
        *to++ = ';';
    }
    size_t by_hand = r->overlay ? MIN(r->overlay->n_merged, (uint32_t)MERGED_IDS_SHOWN - 2) : 0;
    for (size_t i = 0; i < by_hand; i++) {
        to = text_uint(to, r->overlay->merged_ids[r->overlay->n_merged - by_hand + i]);
        *to++ = ';';
    }
    return to == start ? NULL : to - 1;
}

static char *write_company_id(const struct record *r, const struct property *p UNUSED,
                              uint64_t h UNUSED, char *to)
{
    uint32_t company;
    if (r->shelf->type != OBJECT_CONTACTS ||
        !associations_primary_company(r->portal, r->slot, &company)) {
        return NULL;
    }
    return text_uint(to, portal_id_of(&r->portal->shelves[OBJECT_COMPANIES], company));
}

static char *write_first_name(const struct record *r, const struct property *p UNUSED,
                              uint64_t h UNUSED, char *to)
{
    return text_copy(to, first_name(r)->name);
}

static char *write_last_name(const struct record *r, const struct property *p UNUSED,
                             uint64_t h UNUSED, char *to)
{
    return text_copy(to, last_name(r)->name);
}

static char *write_full_name(const struct record *r UNUSED, const struct property *p UNUSED,
                             uint64_t h, char *to)
{
    to = text_copy(to, words_first_names[(h & 0xffff) % words_first_names_n].name);
    *to++ = ' ';
    return text_copy(to, words_last_names[(h >> 16 & 0xffff) % words_last_names_n].name);
}

// A company's name and domain come from a number, so that contacts can name the same one.
static char *company_words(uint64_t h, bool ascii, char *to)
{
    const struct word_name *head = &words_company_heads[(h & 0xffff) % words_company_heads_n];
    const struct word_name *tail = &words_company_tails[(h >> 16 & 0xffff) % words_company_tails_n];
    to = text_copy(to, ascii ? head->ascii : head->name);
    if (!ascii) {
        *to++ = ' ';
    }
    return text_copy(to, ascii ? tail->ascii : tail->name);
}

static char *company_domain(uint64_t h, char *to)
{
    to = company_words(h, true, to);
    to = text_uint(to, h >> 32 & 0x3ff);
    return text_copy(to, STR(".example"));
}

static uint64_t employer_hash(const struct record *r)
{
    uint32_t company;
    if (r->shelf->type == OBJECT_CONTACTS &&
        associations_primary_company(r->portal, r->slot, &company)) {
        struct record c = portal_record(r->portal, OBJECT_COMPANIES, company);
        return c.hash;
    }
    return random_mix(r->hash);
}

static char *write_email(const struct record *r, const struct property *p UNUSED, uint64_t h UNUSED,
                         char *to)
{
    to = text_copy(to, first_name(r)->ascii);
    *to++ = '.';
    to = text_copy(to, last_name(r)->ascii);
    to = text_uint(to, r->basis);
    *to++ = '@';
    return company_domain(random_mix(r->hash), to);
}

static char *write_email_domain(const struct record *r, const struct property *p UNUSED,
                                uint64_t h UNUSED, char *to)
{
    return company_domain(random_mix(r->hash), to);
}

static char *write_phone(const struct record *r, const struct property *p UNUSED, uint64_t h,
                         char *to)
{
    to = text_copy(to, city_of(r)->calling_code);
    *to++ = ' ';
    to = text_uint(to, 100 + h % 900);
    *to++ = h & 1 ? ' ' : '-';
    return text_uint(to, 1000000 + (h >> 12) % 9000000);
}

static char *write_company_name(const struct record *r, const struct property *p UNUSED,
                                uint64_t h UNUSED, char *to)
{
    return company_words(employer_hash(r), false, to);
}

static char *write_own_company_name(const struct record *r, const struct property *p UNUSED,
                                    uint64_t h UNUSED, char *to)
{
    return company_words(r->hash, false, to);
}

static char *write_domain(const struct record *r, const struct property *p UNUSED,
                          uint64_t h UNUSED, char *to)
{
    return company_domain(r->hash, to);
}

static char *write_website(const struct record *r, const struct property *p UNUSED,
                           uint64_t h UNUSED, char *to)
{
    to = text_copy(to, STR("https://www."));
    return company_domain(r->hash, to);
}

static char *write_street(const struct record *r UNUSED, const struct property *p UNUSED,
                          uint64_t h, char *to)
{
    to = text_copy(to, words_streets[(h & 0xffff) % words_streets_n]);
    *to++ = ' ';
    return text_uint(to, 1 + (h >> 16 & 0xff));
}

static char *write_city(const struct record *r, const struct property *p UNUSED, uint64_t h UNUSED,
                        char *to)
{
    return text_copy(to, city_of(r)->city);
}

static char *write_state(const struct record *r, const struct property *p UNUSED, uint64_t h UNUSED,
                         char *to)
{
    return text_copy(to, city_of(r)->state);
}

static char *write_zip(const struct record *r UNUSED, const struct property *p UNUSED, uint64_t h,
                       char *to)
{
    unsigned zip = (unsigned)(h % 100000); // with its leading zeros, so not a number
    for (int i = 4; i >= 0; i--) {
        to[i] = (char)('0' + zip % 10);
        zip /= 10;
    }
    return to + 5;
}

static char *write_country(const struct record *r, const struct property *p UNUSED,
                           uint64_t h UNUSED, char *to)
{
    return text_copy(to, city_of(r)->country);
}

static char *write_job_title(const struct record *r UNUSED, const struct property *p UNUSED,
                             uint64_t h, char *to)
{
    return text_copy(to, words_job_titles[(h & 0xffff) % words_job_titles_n]);
}

static char *write_owner(const struct record *r, const struct property *p UNUSED, uint64_t h,
                         char *to)
{
    const struct owners *o = &r->portal->owners;
    return o->n == 0 ? NULL : text_copy(to, o->id_texts[(h & 0xffff) % o->n]);
}

static struct str noun(uint64_t h)
{
    return words_nouns[(h & 0xffff) % words_nouns_n];
}

static char *write_deal_name(const struct record *r, const struct property *p UNUSED, uint64_t h,
                             char *to)
{
    to = company_words(r->hash, false, to);
    to = text_copy(to, STR(" – "));
    to = text_copy(to, noun(h));
    *to++ = ' ';
    return text_uint(to, 2019 + (h >> 16) % 8);
}

static char *write_subject(const struct record *r, const struct property *p UNUSED, uint64_t h,
                           char *to)
{
    to = text_copy(to, h & 0x10000 ? STR("Re: ") : STR(""));
    to = text_copy(to, noun(h));
    to = text_copy(to, STR(" / "));
    to = company_words(r->hash, false, to);
    to = text_copy(to, STR(" #"));
    return text_uint(to, h >> 20 & 0xfffff);
}

static char *write_pipeline(const struct record *r, const struct property *p UNUSED,
                            uint64_t h UNUSED, char *to)
{
    size_t pipeline;
    size_t stage;
    size_t n;
    pipelines_place(r->shelf->type, r->hash, &pipeline, &stage);
    return text_copy(to, pipelines_of(r->shelf->type, &n)[pipeline].id);
}

static char *write_stage(const struct record *r, const struct property *p UNUSED, uint64_t h UNUSED,
                         char *to)
{
    size_t pipeline;
    size_t stage;
    size_t n;
    pipelines_place(r->shelf->type, r->hash, &pipeline, &stage);
    return text_copy(to, pipelines_of(r->shelf->type, &n)[pipeline].stages[stage].id);
}

// When a record that has gone through the stages of its pipeline one by one came to the stage of a
// property, with `further` stages behind that one; false when it never did.
static bool entered_stage(const struct record *r, const struct property *p, size_t further,
                          int64_t *ret_ms)
{
    size_t pipeline;
    size_t stage;
    size_t wanted = (size_t)p->lo % 100 + further;
    pipelines_place(r->shelf->type, r->hash, &pipeline, &stage);
    if (pipeline != (size_t)p->lo / 100 || stage < wanted) {
        return false;
    }
    int64_t step = MAX(r->settled_ms - r->created_ms, INT64_C(1)) / (int64_t)(stage + 1);
    uint64_t h = random_mix(r->hash + wanted);
    *ret_ms =
        r->created_ms + step * (int64_t)wanted + (step > 0 ? (int64_t)(h >> 8) % step / 2 : 0);
    return true;
}

static char *write_stage_entered(const struct record *r, const struct property *p,
                                 uint64_t h UNUSED, char *to)
{
    int64_t at_ms;
    return entered_stage(r, p, 0, &at_ms) ? text_iso(to, at_ms) : NULL;
}

static char *write_stage_exited(const struct record *r, const struct property *p, uint64_t h UNUSED,
                                char *to)
{
    int64_t at_ms;
    return entered_stage(r, p, 1, &at_ms) ? text_iso(to, at_ms) : NULL;
}

// How long it was in the stage, once it has left.
static char *write_stage_time(const struct record *r, const struct property *p, uint64_t h UNUSED,
                              char *to)
{
    int64_t from_ms;
    int64_t to_ms;
    return entered_stage(r, p, 0, &from_ms) && entered_stage(r, p, 1, &to_ms)
               ? text_uint(to, (uint64_t)(to_ms - from_ms))
               : NULL;
}

static char *write_happened(const struct record *r, const struct property *p UNUSED, uint64_t h,
                            char *to)
{
    return text_iso(to, r->created_ms - (int64_t)(h % 86400000));
}

static char *write_option(const struct record *r UNUSED, const struct property *p, uint64_t h,
                          char *to)
{
    return p->n_options == 0 ? NULL : text_copy(to, p->options[(h & 0xffff) % p->n_options].value);
}

static char *write_options(const struct record *r UNUSED, const struct property *p, uint64_t h,
                           char *to)
{
    char *start = to;
    for (size_t i = 0; i < p->n_options && i < 16; i++) {
        if ((h >> i & 1) && to - start < 160) {
            to = text_copy(to, p->options[i].value);
            *to++ = ';';
        }
    }
    return to == start ? NULL : to - 1;
}

static char *write_bool(const struct record *r UNUSED, const struct property *p UNUSED, uint64_t h,
                        char *to)
{
    return text_copy(to, h & 1 ? STR("true") : STR("false"));
}

static char *write_integer(const struct record *r UNUSED, const struct property *p, uint64_t h,
                           char *to)
{
    uint64_t span = (uint64_t)(p->hi - p->lo) + 1;
    return text_int(to, p->lo + (int64_t)((h & 0xffffffffff) % span));
}

static char *write_decimal(const struct record *r UNUSED, const struct property *p, uint64_t h,
                           char *to)
{
    uint64_t span = (uint64_t)(p->hi - p->lo) * 100 + 1;
    int64_t cents = p->lo * 100 + (int64_t)((h & 0xffffffffffff) % span);
    if (cents < 0) {
        *to++ = '-';
        cents = -cents;
    }
    to = text_uint(to, (uint64_t)cents / 100);
    unsigned rest = (unsigned)(cents % 100);
    if (rest > 0) {
        *to++ = '.';
        *to++ = (char)('0' + rest / 10);
        if (rest % 10 > 0) {
            *to++ = (char)('0' + rest % 10);
        }
    }
    return to;
}

// Mostly honest numbers; now and then what HubSpot has been seen to return for a number.
static char *write_messy_number(const struct record *r, const struct property *p UNUSED, uint64_t h,
                                char *to)
{
    switch (h % 2048) {
    case 0:
        return text_copy(to, STR("3092727991;3881228353"));
    case 1:
        return text_copy(to, STR("12,345"));
    case 2:
        return to; // empty
    case 3:
        return text_copy(to, STR("\xe2\x80\x8b"
                                 "42 ")); // zero-width space in front, blank behind
    case 4:
        return text_copy(to, STR("1.7E12"));
    case 5:
        return text_copy(to, STR("184467440737095516159999.5"));
    default:
        return text_int(to, (int64_t)(h >> 11) % 100000 + (int64_t)(r->hash % 7));
    }
}

static int64_t some_day(uint64_t h)
{
    return 10957 + (int64_t)(h % 11000); // 2000-01-01 to 2030-02-12
}

static char *write_date(const struct record *r UNUSED, const struct property *p UNUSED, uint64_t h,
                        char *to)
{
    return text_date(to, some_day(h));
}

static char *write_datetime(const struct record *r UNUSED, const struct property *p UNUSED,
                            uint64_t h, char *to)
{
    return text_iso(to, some_day(h) * 86400000 + (int64_t)((h >> 20) % 86400000));
}

static char *degrees(char *to, int64_t e4)
{
    if (e4 < 0) {
        *to++ = '-';
        e4 = -e4;
    }
    to = text_uint(to, (uint64_t)e4 / 10000);
    *to++ = '.';
    char *end = text_uint(to, 10000 + (uint64_t)e4 %
                                          10000); // five digits; the first gives way to the zeros
    memmove(to, to + 1, 4);
    return end - 1;
}

static char *write_coordinates(const struct record *r, const struct property *p UNUSED, uint64_t h,
                               char *to)
{
    const struct word_city *city = city_of(r);
    to = degrees(to, city->latitude_e4 + (int64_t)(h % 500));
    to = text_copy(to, STR(", "));
    return degrees(to, city->longitude_e4 + (int64_t)(h >> 32) % 500);
}

static char *write_unique(const struct record *r, const struct property *p UNUSED, uint64_t h,
                          char *to)
{
    to = text_copy(to, STR("EXT-"));
    *to++ = (char)('A' + h % 26);
    *to++ = (char)('A' + h / 26 % 26);
    *to++ = '-';
    return text_uint(to, r->basis);
}

static char *write_uuid(const struct record *r UNUSED, const struct property *p UNUSED, uint64_t h,
                        char *to)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t more = random_mix(h);
    for (int i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        *to++ = dash ? '-' : digits[(i < 18 ? h : more) >> (i % 16 * 4) & 15];
    }
    return to;
}

static char *write_text(const struct record *r, const struct property *p UNUSED, uint64_t h,
                        char *to)
{
    uint64_t odd = h >> 44;
    bool clean = r->portal->options.clean;
    if (odd % 256 == 1) {
        return to; // a value that was cleared
    }
    if (odd % 512 == 2 && !clean) {
        to = text_copy(to, STR("\xe2\x80\x8b")); // zero-width space
    }
    to = text_copy(to, noun(h));
    *to++ = ' ';
    to = text_copy(to, noun(h >> 16));
    if (h & (UINT64_C(1) << 40)) {
        *to++ = ' ';
        to = text_copy(to, noun(h >> 24));
    }
    if (odd % 128 == 3) {
        to = text_copy(to, STR(" 👍🏽"));
    }
    if (odd % 512 == 4 && !clean) {
        to = text_copy(to, STR("\xc2\xa0")); // no-break space
    }
    return to;
}

static writer *const writers[KIND_COUNT] = {
    [KIND_OBJECT_ID] = write_object_id,
    [KIND_CREATED] = write_created,
    [KIND_MODIFIED] = write_modified,
    [KIND_MERGED_IDS] = write_merged_ids,
    [KIND_COMPANY_ID] = write_company_id,
    [KIND_FIRST_NAME] = write_first_name,
    [KIND_LAST_NAME] = write_last_name,
    [KIND_FULL_NAME] = write_full_name,
    [KIND_EMAIL] = write_email,
    [KIND_EMAIL_DOMAIN] = write_email_domain,
    [KIND_PHONE] = write_phone,
    [KIND_COMPANY_NAME] = write_company_name,
    [KIND_OWN_COMPANY_NAME] = write_own_company_name,
    [KIND_DOMAIN] = write_domain,
    [KIND_WEBSITE] = write_website,
    [KIND_STREET] = write_street,
    [KIND_CITY] = write_city,
    [KIND_STATE] = write_state,
    [KIND_ZIP] = write_zip,
    [KIND_COUNTRY] = write_country,
    [KIND_JOB_TITLE] = write_job_title,
    [KIND_OWNER] = write_owner,
    [KIND_DEAL_NAME] = write_deal_name,
    [KIND_SUBJECT] = write_subject,
    [KIND_PIPELINE] = write_pipeline,
    [KIND_STAGE] = write_stage,
    [KIND_STAGE_ENTERED] = write_stage_entered,
    [KIND_STAGE_EXITED] = write_stage_exited,
    [KIND_STAGE_LATEST] = write_stage_time,
    [KIND_STAGE_TOTAL] = write_stage_time,
    [KIND_HAPPENED] = write_happened,
    [KIND_OPTION] = write_option,
    [KIND_OPTIONS] = write_options,
    [KIND_BOOL] = write_bool,
    [KIND_INTEGER] = write_integer,
    [KIND_DECIMAL] = write_decimal,
    [KIND_MESSY_NUMBER] = write_messy_number,
    [KIND_DATE] = write_date,
    [KIND_DATETIME] = write_datetime,
    [KIND_COORDINATES] = write_coordinates,
    [KIND_UNIQUE] = write_unique,
    [KIND_UUID] = write_uuid,
    [KIND_TEXT] = write_text,
};

char *generate_short(const struct record *r, const struct property *p, uint64_t hash, char *to)
{
    return writers[p->kind](r, p, hash, to);
}

const struct change *generate_change(const struct record *r, const struct property *p)
{
    const struct overlay *o = r->overlay;
    for (size_t i = o ? o->n_changes : 0; i > 0; i--) {
        if (o->changes[i - 1].property == p) {
            return &o->changes[i - 1];
        }
    }
    return NULL;
}

bool generate_value(const struct record *r, const struct property *p, struct buf *out)
{
    const struct change *change = generate_change(r, p);
    if (change) {
        buf_add(out, change->value);
        return change->value.ptr != NULL;
    }
    uint64_t h = generate_hash(r, p);
    if (!generate_made_up(r, p, h)) {
        return false;
    }
    if (generate_is_long(p->kind)) {
        generate_long(r, p, h, out);
        return true;
    }
    char *to = buf_reserve(out, GENERATE_SHORT_MAX);
    char *end = to ? generate_short(r, p, h, to) : NULL;
    if (end) {
        buf_commit(out, (size_t)(end - to));
    }
    return end != NULL;
}

bool generate_basis_of(const struct property *p, struct str value, uint64_t *ret_basis)
{
    if (p->kind != KIND_EMAIL && p->kind != KIND_UNIQUE) {
        return false;
    }
    ptrdiff_t at = p->kind == KIND_EMAIL ? str_find_char(value, '@') : (ptrdiff_t)value.len;
    if (at < 0) {
        return false;
    }
    size_t end = (size_t)at;
    size_t start = end;
    while (start > 0 && value.ptr[start - 1] >= '0' && value.ptr[start - 1] <= '9') {
        start--;
    }
    return str_to_uint64(str_sub(value, start, end - start), ret_basis);
}

#include "api/shape.h"

static void write_choices(const struct api_field *f, struct json_writer *w)
{
    json_key(w, STR("enum"));
    json_begin_array(w);
    struct str rest = str_from(f->choices);
    struct str choice;
    while (str_next(&rest, '|', &choice)) {
        json_put_str(w, choice);
    }
    if (f->flags & API_NULLABLE) {
        json_put_null(w);
    }
    json_end_array(w);
}

static void write_reference(const struct api_shape *shape, struct json_writer *w)
{
    char text[160];
    snprintf(text, sizeof(text), "#/components/schemas/%s", shape->name);
    json_field_str(w, "$ref", str_from(text));
}

// What the document calls the type, its format, and its limits.
static const struct {
    const char *type, *format, *least, *most;
} TYPES[] = {
    [API_STRING] = {"string", NULL, "minLength", "maxLength"},
    [API_INTEGER] = {"integer", "int64", "minimum", "maximum"},
    [API_NUMBER] = {"number", NULL, "minimum", "maximum"},
    [API_BOOLEAN] = {"boolean", NULL, NULL, NULL},
    [API_TIME] = {"string", "date-time", NULL, NULL},
    [API_STRINGS] = {"array", NULL, "minItems", "maxItems"},
    [API_JSON] = {NULL, NULL, NULL, NULL},
    [API_OBJECT] = {NULL, NULL, NULL, NULL},
    [API_OBJECTS] = {"array", NULL, "minItems", "maxItems"},
};

static void write_type(const struct api_field *f, struct json_writer *w)
{
    bool any_object = f->type == API_JSON && f->format && strcmp(f->format, "object") == 0;
    const char *type = any_object ? "object" : TYPES[f->type].type;
    const char *format = TYPES[f->type].format;
    if (type) {
        json_field_str(w, "type", str_from(type));
    }
    if (f->type != API_JSON && f->format) {
        format = f->format;
    }
    if (format) {
        json_field_str(w, "format", str_from(format));
    }
    if (any_object) {
        json_field_bool(w, "additionalProperties", true);
    }
    bool limited = f->min < 0 || f->min > 0 || f->max < 0 || f->max > 0;
    if (limited && TYPES[f->type].least) {
        json_field_int(w, TYPES[f->type].least, (int64_t)f->min);
        json_field_int(w, TYPES[f->type].most, (int64_t)f->max);
    }
    if (f->choices && f->type == API_STRING) {
        write_choices(f, w);
    }
    if (f->type == API_STRINGS || f->type == API_OBJECTS) {
        json_key(w, STR("items"));
        json_begin_object(w);
        if (f->type == API_OBJECTS) {
            write_reference(f->shape, w);
        } else {
            json_field_str(w, "type", STR("string"));
            if (f->choices) {
                write_choices(f, w);
            }
        }
        json_end_object(w);
    }
}

static void write_field(const struct api_field *f, struct json_writer *w)
{
    json_key(w, str_from(f->name));
    json_begin_object(w);
    if (f->type == API_OBJECT) { // beside a $ref nothing else counts
        json_key(w, STR("allOf"));
        json_begin_array(w);
        json_begin_object(w);
        write_reference(f->shape, w);
        json_end_object(w);
        json_end_array(w);
    } else {
        write_type(f, w);
    }
    if (f->flags & API_NULLABLE) {
        json_field_bool(w, "nullable", true);
    }
    if (f->flags & API_SECRET) {
        json_field_bool(w, "writeOnly", true);
    }
    if (f->help) {
        json_field_str(w, "description", str_from(f->help));
    }
    if (f->example) {
        json_key(w, STR("example"));
        json_put_raw(w, str_from(f->example));
    }
    json_end_object(w);
}

void api_shape_schema(const struct api_shape *shape, struct json_writer *w)
{
    json_begin_object(w);
    json_field_str(w, "type", STR("object"));
    if (shape->help) {
        json_field_str(w, "description", str_from(shape->help));
    }
    json_key(w, STR("properties"));
    json_begin_object(w);
    size_t required = 0;
    for (size_t i = 0; i < shape->n_fields; i++) {
        write_field(&shape->fields[i], w);
        required += (shape->fields[i].flags & API_REQUIRED) != 0;
    }
    json_end_object(w);
    if (required > 0) {
        json_key(w, STR("required"));
        json_begin_array(w);
        for (size_t i = 0; i < shape->n_fields; i++) {
            if (shape->fields[i].flags & API_REQUIRED) {
                json_put_str(w, str_from(shape->fields[i].name));
            }
        }
        json_end_array(w);
    }
    json_end_object(w);
}

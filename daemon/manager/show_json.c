#include "daemon/manager/show_json.h"

#include <string.h>

static int
dump(const char *buffer, size_t size, void *context)
{
	text_add(context, buffer, size);
	return 0;
}

void
show_json_add(struct text *out, json_t *value)
{
	if (value == NULL || json_dump_callback(value, dump, out, JSON_COMPACT) < 0)
		out->overflow = true;
	json_decref(value);
}

void
show_json_finish(struct text *out, json_t *object)
{
	if (object != NULL)
		json_object_set_new(object, "schema", json_integer(SHOW_JSON_SCHEMA));
	show_json_add(out, object);
	text_add_string(out, "\n");
}

void
show_json_list_begin(struct text *out, const char *head, const char *name)
{
	text_printf(out, "{\"schema\":%d,%s\"%s\":[", SHOW_JSON_SCHEMA, head, name);
}

void
show_json_list_add(struct text *out, json_t *element)
{
	if (out->length > 0 && out->data[out->length - 1] != '[')
		text_add_string(out, ",");
	show_json_add(out, element);
}

void
show_json_list_end(struct text *out)
{
	text_add_string(out, "]}\n");
}

json_t *
show_json_lines(const struct lines *lines)
{
	json_t *list = json_array();

	for (size_t i = 0; i < lines->count; i++) {
		struct text line;

		/* A saved line that is no UTF-8 would be refused by the JSON library. */
		json_t *string = json_string(lines->line[i]);
		if (string == NULL) {
			text_init(&line, 4 * LINES_LENGTH_MAX);
			text_add_escaped(
			    &line, lines->line[i], strlen(lines->line[i]), 4 * LINES_LENGTH_MAX);
			string = json_string(text_string(&line));
			text_free(&line);
		}
		json_array_append_new(list, string);
	}
	return list;
}

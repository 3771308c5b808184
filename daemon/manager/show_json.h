/*
 * show_json -- how `--json` answers are put together
 *
 * Top-level object with "schema": 1 and stable keys; numbers as numbers, 64-bit ids as strings.
 * Untrusted bytes are escaped before they come here, so all strings are ASCII.
 */
#ifndef DAEMON_MANAGER_SHOW_JSON_H
#define DAEMON_MANAGER_SHOW_JSON_H

#include "daemon/manager/lines.h"
#include "daemon/manager/text.h"

#include <jansson.h>

#define SHOW_JSON_SCHEMA 1

/* Appends the value, without line end, and releases it. NULL counts as an overflow. */
void show_json_add(struct text *out, json_t *value);
/* A whole answer: adds "schema" to the object, a line end behind it, and releases it. */
void show_json_finish(struct text *out, json_t *object);

/* A configuration, line by line. */
json_t *show_json_lines(const struct lines *lines);

/* A long list, one element at a time: {"schema":1,<head>"NAME":[ ... ]}. head: "" or members, each
 * with a comma behind it. */
void show_json_list_begin(struct text *out, const char *head, const char *name);
void show_json_list_add(struct text *out, json_t *element);
void show_json_list_end(struct text *out);

#endif

#include "daemon/manager/show_candidate.h"

#include "daemon/manager/config_lines.h"
#include "daemon/manager/lines_diff.h"
#include "daemon/manager/show_json.h"

#include <string.h>
#include <sysexits.h>

#define NAME_COLUMN 20u
#define WORDS_MAX   256u

static void
add_by(struct text *out, const char *by)
{
	text_add_escaped(out, by, strlen(by), STORE_BY_MAX);
}

/* null when everything is confirmed. */
static json_t *
confirm_json(const struct commit *commit)
{
	const struct store_entry *entry = &commit->confirm.entry;

	if (!commit->confirm.is_armed)
		return json_null();
	return json_pack("{s:s, s:s, s:I}", "by", entry->by, "committed", entry->saved,
	    "seconds_left", (json_int_t)((commit_left_ms(commit) + 999) / 1000));
}

/* A comment of the configuration language. */
static void
add_unconfirmed(const struct commit *commit, struct text *out)
{
	struct text words;

	text_init(&words, WORDS_MAX);
	if (commit_is_unconfirmed(commit, &words))
		text_printf(out, "! Unconfirmed: %s\n", text_string(&words));
	text_free(&words);
}

static void
add_candidate(const struct commit *commit, struct text *out)
{
	const struct store_entry *entry = &commit->candidate.entry;

	text_printf(out, "! Changed %s by ", entry->saved);
	add_by(out, entry->by);
	text_add_string(out, commit_is_outdated(commit)
				 ? ", and the running configuration was changed meanwhile\n"
				 : "\n");
	for (size_t i = 0; i < entry->lines.count; i++) {
		text_add_string(out, entry->lines.line[i]);
		text_add_string(out, "\n");
	}
}

static json_t *
candidate_json(const struct commit *commit)
{
	const struct store_entry *entry = &commit->candidate.entry;

	if (commit->candidate.config == NULL)
		return json_null();
	return json_pack("{s:s, s:s, s:b, s:o}", "changed", entry->saved, "by", entry->by,
	    "outdated", commit_is_outdated(commit), "lines", show_json_lines(&entry->lines));
}

int
show_candidate(const struct commit *commit, bool json, struct text *out)
{
	if (json) {
		show_json_finish(out, json_pack("{s:o, s:o}", "candidate", candidate_json(commit),
					  "confirm", confirm_json(commit)));
		return EX_OK;
	}
	add_unconfirmed(commit, out);
	if (commit->candidate.config != NULL)
		add_candidate(commit, out);
	else
		text_add_string(
		    out, "! No candidate: nothing was changed by configure candidate\n");
	return EX_OK;
}

/* ---- diff ---- */

static void
write_text(void *context, char sign, const char *line)
{
	if (sign != '@')
		text_add(context, &sign, 1);
	text_add_string(context, line);
	text_add_string(context, "\n");
}

static void
write_json(void *context, char sign, const char *line)
{
	struct text words;

	text_init(&words, 2 * LINES_LENGTH_MAX);
	if (sign != '@')
		text_add(&words, &sign, 1);
	text_add_string(&words, line);
	json_array_append_new(context, json_string(text_string(&words)));
	text_free(&words);
}

static bool
print_diff(const struct lines_diff *diff, json_t *list, struct text *out)
{
	if (list != NULL)
		return lines_diff_print(diff, write_json, list);
	if (diff->removals + diff->additions > 0)
		text_add_string(out, "--- running-config\n+++ candidate\n");
	return lines_diff_print(diff, write_text, out);
}

static bool
add_diff(const struct commit *commit, json_t *list, struct text *out)
{
	struct lines_diff diff = {0};
	struct lines running;

	lines_init(&running);
	bool good = config_lines(&running, commit->running->config, NULL, false) &&
		    lines_diff_make(&diff, &running, &commit->candidate.entry.lines) &&
		    print_diff(&diff, list, out);
	lines_diff_free(&diff);
	lines_free(&running);
	return good;
}

int
show_configuration_diff(const struct commit *commit, bool json, struct text *out)
{
	json_t *list = json ? json_array() : NULL;

	if (!json)
		add_unconfirmed(commit, out);
	if (commit->candidate.config != NULL && !add_diff(commit, list, out)) {
		json_decref(list);
		text_clear(out);
		text_add_string(out, "% show configuration diff: there is no memory for it\n");
		return EX_OSERR;
	}
	if (json)
		show_json_finish(
		    out, json_pack("{s:o, s:b, s:o}", "diff", list, "outdated",
			     commit_is_outdated(commit), "confirm", confirm_json(commit)));
	return EX_OK;
}

/* ---- history ---- */

static void
add_history_json(const struct commit *commit, struct text *out)
{
	const struct committed_head *head;
	json_t *list = json_array();

	for (unsigned i = 1; (head = committed_get(&commit->committed, i)) != NULL; i++)
		json_array_append_new(
		    list, json_pack("{s:i, s:s, s:s, s:i}", "number", (int)i, "replaced",
			      head->saved, "by", head->by, "lines", (int)head->lines));
	show_json_finish(
	    out, json_pack("{s:o, s:o}", "history", list, "confirm", confirm_json(commit)));
}

int
show_configuration_history(const struct commit *commit, bool json, struct text *out)
{
	const struct committed_head *head;

	if (json) {
		add_history_json(commit, out);
		return EX_OK;
	}
	add_unconfirmed(commit, out);
	text_printf(out, " N  %-*s  Lines  Replaced by\n", (int)NAME_COLUMN, "Ran until");
	text_printf(out, " 0  %-*s\n", (int)NAME_COLUMN, "now");
	for (unsigned i = 1; (head = committed_get(&commit->committed, i)) != NULL; i++) {
		text_printf(
		    out, "%2u  %-*s  %5zu  ", i, (int)NAME_COLUMN, head->saved, head->lines);
		add_by(out, head->by);
		text_add_string(out, "\n");
	}
	return EX_OK;
}

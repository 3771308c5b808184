#include "daemon/manager/lines_diff.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOWHERE (-1)

/*
 * The part between the lines that both begin and both end with.  reach: for each number of steps d (a line
 * removed or added each) and each diagonal k = x - y how far x it goes, at d * d + d + k (E. Myers, An O(ND)
 * Difference Algorithm); NOWHERE: no way leads there.
 */
struct middle {
	char **from, **to;
	int32_t n, m;
	int32_t *reach;
};

static int32_t
reached(const struct middle *middle, int32_t d, int32_t k)
{
	return d < 0 || k < -d || k > d ? NOWHERE : middle->reach[d * d + d + k];
}

/* Where the d-th step comes to on a diagonal; *ret_removes: by a line of `from`, else one of `to`. */
static int32_t
step(const struct middle *middle, int32_t d, int32_t k, bool *ret_removes)
{
	int32_t by_removal = reached(middle, d - 1, k - 1);
	int32_t by_addition = reached(middle, d - 1, k + 1);

	if (by_removal != NOWHERE)
		by_removal = by_removal < middle->n ? by_removal + 1 : NOWHERE;
	if (by_addition != NOWHERE && by_addition - (k + 1) >= middle->m)
		by_addition = NOWHERE;
	*ret_removes = by_removal > by_addition;
	return *ret_removes ? by_removal : by_addition;
}

static int32_t
slide(const struct middle *middle, int32_t x, int32_t k)
{
	while (
	    x < middle->n && x - k < middle->m && strcmp(middle->from[x], middle->to[x - k]) == 0)
		x++;
	return x;
}

/* The number of steps from end to end; NOWHERE: more than `most`. */
static int32_t
walk(struct middle *middle, int32_t most)
{
	bool removes;

	for (int32_t d = 0; d <= most; d++) {
		for (int32_t k = -d; k <= d; k++)
			middle->reach[d * d + d + k] = NOWHERE;
		for (int32_t k = -d; k <= d; k += 2) {
			int32_t x = d == 0 ? 0 : step(middle, d, k, &removes);

			if (x == NOWHERE)
				continue;
			x = slide(middle, x, k);
			middle->reach[d * d + d + k] = x;
			if (x == middle->n && x - k == middle->m)
				return d;
		}
	}
	return NOWHERE;
}

/* Back from the end, step by step. */
static void
mark(const struct middle *middle, int32_t steps, bool *removed, bool *added)
{
	int32_t k = middle->n - middle->m;
	bool removes;

	for (int32_t d = steps; d > 0; d--) {
		int32_t x = step(middle, d, k, &removes);

		if (removes)
			removed[x - 1] = true;
		else
			added[x - k - 1] = true;
		k += removes ? -1 : 1;
	}
}

static bool
mark_middle(struct lines_diff *diff, size_t begin, size_t from_end, size_t to_end)
{
	struct middle middle = {
	    .from = diff->from->line + begin,
	    .to = diff->to->line + begin,
	    .n = (int32_t)(from_end - begin),
	    .m = (int32_t)(to_end - begin),
	};
	int32_t most = middle.n + middle.m;
	int32_t steps;

	if (most > (int32_t)LINES_DIFF_MOST)
		most = (int32_t)LINES_DIFF_MOST;
	middle.reach = malloc((size_t)(most + 1) * (size_t)(most + 1) * sizeof(*middle.reach));
	if (middle.reach == NULL)
		return false;
	steps = walk(&middle, most);
	if (steps == NOWHERE) {
		memset(diff->removed + begin, true, (size_t)middle.n);
		memset(diff->added + begin, true, (size_t)middle.m);
	} else {
		mark(&middle, steps, diff->removed + begin, diff->added + begin);
	}
	free(middle.reach);
	return true;
}

static size_t
count(const bool *marks, size_t length)
{
	size_t marked = 0;

	for (size_t i = 0; i < length; i++)
		marked += marks[i];
	return marked;
}

bool
lines_diff_make(struct lines_diff *diff, const struct lines *from, const struct lines *to)
{
	size_t begin = 0, from_end = from->count, to_end = to->count;

	*diff = (struct lines_diff){.from = from, .to = to};
	diff->removed = calloc(from->count + 1, sizeof(*diff->removed));
	diff->added = calloc(to->count + 1, sizeof(*diff->added));
	if (diff->removed == NULL || diff->added == NULL)
		return false;
	while (
	    begin < from_end && begin < to_end && strcmp(from->line[begin], to->line[begin]) == 0)
		begin++;
	while (from_end > begin && to_end > begin &&
	       strcmp(from->line[from_end - 1], to->line[to_end - 1]) == 0) {
		from_end--;
		to_end--;
	}
	if (!mark_middle(diff, begin, from_end, to_end))
		return false;
	diff->removals = count(diff->removed, from->count);
	diff->additions = count(diff->added, to->count);
	return true;
}

void
lines_diff_free(struct lines_diff *diff)
{
	free(diff->removed);
	free(diff->added);
	*diff = (struct lines_diff){0};
}

/* ---- unified ---- */

struct row {
	const char *text;
	char sign;
	bool shown;
	size_t from, to; /* lines before it */
};

static size_t
fill_rows(const struct lines_diff *diff, struct row *rows)
{
	size_t from = 0, to = 0, rows_count = 0;

	while (from < diff->from->count || to < diff->to->count) {
		struct row *row = &rows[rows_count++];

		*row = (struct row){.sign = ' ', .from = from, .to = to};
		if (from < diff->from->count && diff->removed[from]) {
			row->sign = '-';
			row->text = diff->from->line[from++];
		} else if (to < diff->to->count && diff->added[to]) {
			row->sign = '+';
			row->text = diff->to->line[to++];
		} else {
			row->text = diff->from->line[from++];
			to++;
		}
	}
	return rows_count;
}

static void
choose_rows(struct row *rows, size_t rows_count)
{
	for (size_t i = 0; i < rows_count; i++) {
		if (rows[i].sign == ' ')
			continue;
		size_t first = i > LINES_DIFF_CONTEXT ? i - LINES_DIFF_CONTEXT : 0;
		for (size_t j = first; j < rows_count && j <= i + LINES_DIFF_CONTEXT; j++)
			rows[j].shown = true;
	}
}

/* The line that an indented one is under; "": it is not indented. */
static const char *
section_of(const struct row *rows, size_t at)
{
	if (rows[at].text[0] != ' ')
		return "";
	for (size_t i = at; i > 0; i--)
		if (rows[i - 1].text[0] != ' ' && rows[i - 1].sign != '-')
			return rows[i - 1].text;
	return "";
}

/* As diff(1) counts: an empty range begins with the line before it. */
static size_t
first_line(size_t before, size_t lines)
{
	return lines == 0 ? before : before + 1;
}

/* Returns the row behind the last one shown. */
static size_t
print_hunk(const struct row *rows, size_t rows_count, size_t begin,
    void (*write)(void *context, char sign, const char *text), void *context)
{
	size_t end = begin, from = 0, to = 0;
	char head[LINES_LENGTH_MAX + 128];
	const char *section = section_of(rows, begin);

	for (; end < rows_count && rows[end].shown; end++) {
		from += rows[end].sign != '+';
		to += rows[end].sign != '-';
	}
	snprintf(head, sizeof(head), "@@ -%zu,%zu +%zu,%zu @@%s%s",
	    first_line(rows[begin].from, from), from, first_line(rows[begin].to, to), to,
	    section[0] != '\0' ? " " : "", section);
	write(context, '@', head);
	for (size_t i = begin; i < end; i++)
		write(context, rows[i].sign, rows[i].text);
	return end;
}

bool
lines_diff_print(const struct lines_diff *diff,
    void (*write)(void *context, char sign, const char *text), void *context)
{
	struct row *rows = calloc(diff->from->count + diff->to->count + 1, sizeof(*rows));

	if (rows == NULL)
		return false;
	size_t rows_count = fill_rows(diff, rows);
	choose_rows(rows, rows_count);
	for (size_t i = 0; i < rows_count;)
		i = rows[i].shown ? print_hunk(rows, rows_count, i, write, context) : i + 1;
	free(rows);
	return true;
}

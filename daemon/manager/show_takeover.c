#include "daemon/manager/show_takeover.h"

#include "daemon/manager/present.h"
#include "daemon/sync/role_words.h"

#include <inttypes.h>
#include <stdio.h>

#define PHASES 7u

struct phase {
	const char *words;
	const char *key;
	uint64_t at_us; /* 0: it did not come to it, or is not known */
};

static void
list_phases(const struct failover_view *view, struct phase phases[PHASES])
{
	const struct takeover_status *takeover = &view->takeover;
	const struct phase list[PHASES] = {
	    {"Asked for", "asked_us", view->cause.asked_us},
	    {"Begun", "begun_us", takeover->begun_us},
	    {"Epoch saved", "epoch_saved_us", view->cause.saved_us},
	    {"Restored", "restored_us", takeover->restored_us},
	    {"Door opened", "door_opened_us", takeover->opened_us},
	    {"Peers asked", "peers_asked_us", takeover->probed_us},
	    {"Done", "done_us", takeover->done_us},
	};

	for (unsigned i = 0; i < PHASES; i++)
		phases[i] = list[i];
}

static uint64_t
since_first(const struct phase phases[PHASES], unsigned phase)
{
	unsigned first = 0;

	while (first < phase && phases[first].at_us == 0)
		first++;
	return phases[phase].at_us > phases[first].at_us ? phases[phase].at_us - phases[first].at_us
							 : 0;
}

static uint32_t
taken_over(const struct takeover_status *takeover)
{
	return takeover->sessions > takeover->lost ? takeover->sessions - takeover->lost : 0;
}

static void
add_phases(const struct failover_view *view, struct text *out)
{
	struct phase phases[PHASES];
	uint64_t before_us = 0;

	list_phases(view, phases);
	text_printf(out, "\t%-18s %12s %12s\n", "Phase", "At (ms)", "Took (ms)");
	for (unsigned i = 0; i < PHASES; i++) {
		uint64_t at_us = since_first(phases, i), took_us;

		if (phases[i].at_us == 0) {
			text_printf(out, "\t%-18s %12s %12s\n", phases[i].words, "-", "-");
			continue;
		}
		took_us = at_us > before_us ? at_us - before_us : 0;
		text_printf(out, "\t%-18s %8" PRIu64 ".%03u %8" PRIu64 ".%03u\n", phases[i].words,
		    at_us / 1000, (unsigned)(at_us % 1000), took_us / 1000,
		    (unsigned)(took_us % 1000));
		before_us = at_us;
	}
}

void
show_takeover(const struct failover_view *view, struct text *out)
{
	const struct takeover_status *takeover = &view->takeover;
	char time[40], ago[32];

	text_printf(
	    out, "Made ahead for the next takeover: %u connections of sessions\n", view->ahead);
	if (takeover->at_us == 0) {
		text_add_string(out, "Last takeover: none\n");
		return;
	}
	present_cisco_time(takeover->at_us, time, sizeof(time));
	present_duration(failover_view_since_us(view, takeover->at_us) / 1000000, ago, sizeof(ago));
	text_printf(
	    out, "Last takeover: %s UTC, %s ago, epoch %" PRIu64 "\n", time, ago, takeover->epoch);
	text_printf(out, "\tCause              %s\n",
	    view->cause.reason != 0 ? role_reason_text(view->cause.reason) : "unknown");
	text_printf(out, "\tSessions           %u taken over, %u lost\n", taken_over(takeover),
	    takeover->lost);
	text_printf(out, "\tMade ahead         %u connections of sessions\n", takeover->ahead);
	text_printf(out, "\tWithout a session  %u connections of clients\n", takeover->embryos);
	add_phases(view, out);
}

static json_t *
phases_json(const struct failover_view *view)
{
	struct phase phases[PHASES];
	json_t *object = json_object();

	list_phases(view, phases);
	for (unsigned i = 0; i < PHASES; i++)
		json_object_set_new(object, phases[i].key,
		    phases[i].at_us == 0 ? json_null()
					 : json_integer((json_int_t)since_first(phases, i)));
	return object;
}

json_t *
show_takeover_json(const struct failover_view *view)
{
	const struct takeover_status *takeover = &view->takeover;
	char time[40];

	if (takeover->at_us == 0)
		return json_null();
	present_iso_time(takeover->at_us, time, sizeof(time));
	return json_pack("{s:s, s:I, s:I, s:s?, s:s?, s:I, s:I, s:I, s:I, s:o}", "at", time,
	    "ago_s", (json_int_t)(failover_view_since_us(view, takeover->at_us) / 1000000), "epoch",
	    (json_int_t)takeover->epoch, "cause",
	    view->cause.reason != 0 ? role_reason_word(view->cause.reason) : NULL, "cause_text",
	    view->cause.reason != 0 ? role_reason_text(view->cause.reason) : NULL, "taken_over",
	    (json_int_t)taken_over(takeover), "lost", (json_int_t)takeover->lost, "embryos",
	    (json_int_t)takeover->embryos, "made_ahead", (json_int_t)takeover->ahead, "phases",
	    phases_json(view));
}

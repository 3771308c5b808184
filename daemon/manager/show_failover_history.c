#include "daemon/manager/show_failover_history.h"

#include "daemon/manager/failover_view.h"
#include "daemon/manager/present.h"
#include "daemon/manager/show_failover.h"
#include "daemon/manager/show_json.h"
#include "daemon/sync/role.h"
#include "daemon/sync/role_words.h"

#include <inttypes.h>
#include <stdio.h>

#define RULE "==========================================================================\n"

/* "Standby Ready (standby-synced)" */
static void
add_state(struct text *out, uint32_t state)
{
	char words[64];

	snprintf(words, sizeof(words), "%s (%s)", failover_view_unit_word(state),
	    role_state_word(state));
	text_printf(out, "%-36s ", words);
}

static void
add_change(struct text *out, const struct pair_change *change)
{
	char time[40];

	present_cisco_time(change->at_us, time, sizeof(time));
	text_printf(out, "%s UTC, epoch %" PRIu64 "\n", time, change->epoch);
	add_state(out, change->from);
	add_state(out, change->to);
	text_printf(out, "%s\n\n", role_reason_text(change->reason));
}

static json_t *
change_json(const struct pair_change *change)
{
	char time[40];

	present_iso_time(change->at_us, time, sizeof(time));
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I}", "at", time, "from",
	    role_state_word(change->from), "to", role_state_word(change->to), "reason",
	    role_reason_word(change->reason), "reason_text", role_reason_text(change->reason),
	    "epoch", (json_int_t)change->epoch);
}

static void
show_as_json(const struct pair_change *changes, unsigned count, struct text *out)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < count; i++)
		json_array_append_new(list, change_json(&changes[i]));
	show_json_finish(out, json_pack("{s:b, s:o}", "failover", 1, "history", list));
}

void
show_failover_history(
    const struct settings_failover *failover, const struct shm *shm, bool json, struct text *out)
{
	struct pair_change changes[PAIR_HISTORY];
	unsigned count;

	if (failover->line == 0) {
		show_failover_off(json, out);
		return;
	}
	count = pair_history_read(shm_pair_history(shm), changes);
	if (json) {
		show_as_json(changes, count, out);
		return;
	}
	text_printf(out, RULE "%-36s %-36s %s\n" RULE, "From State", "To State", "Reason");
	for (unsigned i = 0; i < count; i++)
		add_change(out, &changes[i]);
	text_add_string(out, RULE);
}

#include "worker/report.h"

#include "shm/closed.h"
#include "shm/record.h"
#include "worker/worker.h"

#include <string.h>

_Static_assert(INSPECT_RULES_MAX <= COUNTER_RULES_MAX, "a counter for every rule");

enum report_event_id {
	EVENT_BUILT = 302013,
	EVENT_TEARDOWN = 302014,
	EVENT_TERMINATED = 507003,
	EVENT_CONNECT_FAILED = 109005,
	EVENT_RECORD_INVALID = 109013,
	EVENT_SESSIONS_SHED = 109034,
};

void
report_begin(struct report *report)
{
	memset(&report->tally, 0, sizeof(report->tally));
	report->rules = 0;
	report->event_count = 0;
	report->note_count = 0;
}

bool
report_is_full(const struct report *report)
{
	return report->event_count + INSPECT_EVENTS_MAX > REPORT_EVENTS ||
	       report->note_count + INSPECT_NOTES_MAX > REPORT_NOTES;
}

static void
event_begin(struct event *event, uint32_t id, const struct slot_custody *custody)
{
	event_init(event, id, custody->session_id);
	event->client = custody->leg[SHM_CLIENT].peer;
	event->server = custody->leg[SHM_SERVER].peer;
}

static void
event_write(const struct worker *worker, const struct event *event)
{
	event_ring_write(shm_events(&worker->shm, worker->index), event);
}

/* True if [offset, offset + length) lies in the step's text. */
static bool
output_holds(const struct inspect_output *output, uint32_t offset, uint32_t length)
{
	return output->text_length <= sizeof(output->text) && offset <= output->text_length &&
	       length <= output->text_length - offset;
}

static void
gather_event(struct report *report, const struct slot_custody *custody,
    const struct inspect_output *output, const struct inspect_event *said)
{
	struct event *event = &report->event[report->event_count++];

	event_begin(event, said->id, custody);
	event->rule = said->rule;
	event->code = said->code;
	for (unsigned i = 0; i < INSPECT_EVENT_TEXTS && i < EVENT_TEXTS; i++)
		if (output_holds(output, said->text_offset[i], said->text_length[i]))
			event_add_text(
			    event, output->text + said->text_offset[i], said->text_length[i]);
	for (unsigned i = 0; i < EVENT_NUMBERS; i++)
		event->number[i] = said->number[i];
}

static void
gather_note(
    struct report *report, const struct inspect_output *output, const struct inspect_note *said)
{
	struct trail_note *note = &report->note[report->note_count++];
	uint32_t length = said->length < TRAIL_TEXT ? said->length : TRAIL_TEXT;

	memset(note, 0, sizeof(*note));
	note->who = said->who;
	note->code = said->code;
	if (!output_holds(output, said->text, length))
		return;
	note->length = (uint8_t)length;
	memcpy(note->text, output->text + said->text, length);
}

static void
gather_hits(struct report *report, const struct inspect_output *output)
{
	for (unsigned i = 0; i < output->hit_count && i < INSPECT_HITS_MAX; i++) {
		const struct inspect_hit *hit = &output->hits[i];
		uint64_t bit = UINT64_C(1) << (hit->rule % INSPECT_RULES_MAX);

		if (hit->rule >= INSPECT_RULES_MAX)
			continue;
		report->hits[hit->rule] =
		    hit->times + (report->rules & bit ? report->hits[hit->rule] : 0);
		report->rules |= bit;
	}
}

void
report_gather(
    struct worker *worker, const struct session *session, const struct inspect_output *output)
{
	const struct slot_custody *custody = session_custody(worker, session);
	struct report *report = &worker->report;
	struct report_tally *tally = &report->tally;

	for (unsigned i = 0; i < output->event_count && report->event_count < REPORT_EVENTS; i++)
		gather_event(report, custody, output, &output->events[i]);
	for (unsigned i = 0; i < output->note_count && report->note_count < REPORT_NOTES; i++)
		gather_note(report, output, &output->notes[i]);
	gather_hits(report, output);
	tally->steps++;
	tally->commands += output->tally.commands;
	tally->replies += output->tally.replies;
	tally->messages += output->tally.messages;
	tally->messages_accepted += output->tally.messages_accepted;
	tally->refusals += output->tally.refusals;
	tally->banners_masked += output->tally.banners_masked;
	tally->ehlo_removed += output->tally.ehlo_removed;
	tally->drops += output->tally.drops;
	tally->resets += output->tally.resets;
	tally->tls_started += output->tally.tls_started;
	tally->timeouts += output->tally.timeouts;
	tally->early_talkers += output->tally.early_talkers;
	tally->pipelining += output->tally.pipelining;
}

static void
release_counters(struct worker *worker, const struct slot_custody *custody)
{
	const struct report_tally *tally = &worker->report.tally;
	struct counter_block *block = worker->counters;
	const struct {
		uint32_t rule;
		uint32_t n;
	} rules[] = {
	    {COUNTER_RULE_PACKETS, tally->commands + tally->replies + tally->messages},
	    {COUNTER_RULE_DROPS, tally->drops},
	    {COUNTER_RULE_RESETS, tally->resets},
	    {COUNTER_RULE_BANNERS, tally->banners_masked},
	    {COUNTER_RULE_EHLO, tally->ehlo_removed},
	};

	for (uint64_t left = worker->report.rules; left != 0; left &= left - 1) {
		uint32_t rule = (uint32_t)__builtin_ctzll(left);

		counter_add_rule(block, custody->policy_slot, rule, worker->report.hits[rule]);
	}
	counter_add(block, COUNTER_steps, tally->steps);
	counter_add(block, COUNTER_commands, tally->commands);
	counter_add(block, COUNTER_replies, tally->replies);
	counter_add(block, COUNTER_messages, tally->messages);
	counter_add(block, COUNTER_messages_accepted, tally->messages_accepted);
	counter_add(block, COUNTER_refusals, tally->refusals);
	counter_add(block, COUNTER_tls_started, tally->tls_started);
	counter_add(block, COUNTER_timeouts, tally->timeouts);
	counter_add(block, COUNTER_early_talkers, tally->early_talkers);
	counter_add(block, COUNTER_pipelining_violations, tally->pipelining);
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].n != 0)
			counter_add_rule(block, custody->policy_slot, rules[i].rule, rules[i].n);
}

void
report_release(struct worker *worker, const struct session *session)
{
	const struct slot_custody *custody = session_custody(worker, session);
	struct report *report = &worker->report;
	struct trail *trail = &session->shared->trail;
	uint32_t at_ms = (uint32_t)(worker->now_ms - custody->opened_ms);

	for (unsigned i = 0; i < report->event_count; i++)
		event_write(worker, &report->event[i]);
	for (unsigned i = 0; i < report->note_count; i++) {
		const struct trail_note *note = &report->note[i];

		trail_add(
		    trail, at_ms, (enum trail_who)note->who, note->code, note->text, note->length);
	}
	release_counters(worker, custody);
	report_begin(report);
}

void
report_opened(struct worker *worker, const struct session *session)
{
	struct event event;

	event_begin(&event, EVENT_BUILT, session_custody(worker, session));
	event_write(worker, &event);
	counter_add(worker->counters, COUNTER_sessions_opened, 1);
}

void
report_connect_failed(struct worker *worker, const struct session *session, int error)
{
	const char *text = strerrordesc_np(error);
	struct event event;

	if (text == NULL)
		text = "unknown error";
	event_begin(&event, EVENT_CONNECT_FAILED, session_custody(worker, session));
	event_add_text(&event, text, strlen(text));
	event_write(worker, &event);
}

void
report_invalid(struct worker *worker, const struct session *session)
{
	struct event event;

	event_begin(&event, EVENT_RECORD_INVALID, session_custody(worker, session));
	event_write(worker, &event);
	counter_add(worker->counters, COUNTER_sessions_invalid, 1);
}

void
report_shed(struct worker *worker, uint32_t sessions)
{
	struct event event;

	event_init(&event, EVENT_SESSIONS_SHED, 0);
	event.number[0] = worker->index;
	event.number[1] = sessions;
	event_write(worker, &event);
}

static void
closed_entry_fill(struct closed_entry *entry, const struct worker *worker,
    const struct session *session, const struct record *record)
{
	const struct slot_custody *custody = session_custody(worker, session);

	memset(entry, 0, sizeof(*entry));
	entry->session_id = custody->session_id;
	entry->opened_us = custody->opened_us;
	entry->closed_us = realtime_now_us();
	entry->bytes[SHM_CLIENT] = session->leg[SHM_CLIENT].received;
	entry->bytes[SHM_SERVER] = session->leg[SHM_SERVER].received;
	entry->messages = record->messages;
	entry->commands = record->commands;
	entry->replies = record->replies;
	entry->rule = record->close_rule;
	entry->reason = record->close_reason;
	entry->client = custody->leg[SHM_CLIENT].peer;
	entry->server = custody->leg[SHM_SERVER].peer;
	memcpy(&entry->trail, &session->shared->trail, sizeof(entry->trail));
}

/* As on the ASA: said before the teardown of a session that inspection has ended. */
static void
report_termination(
    struct worker *worker, const struct slot_custody *custody, const struct record *record)
{
	static const char reason[] = "Inspector disconnected, dropped packet.";
	struct event event;

	event_begin(&event, EVENT_TERMINATED, custody);
	event.rule = record->close_rule;
	event_add_text(&event, reason, sizeof(reason) - 1);
	event_write(worker, &event);
}

void
report_closed(struct worker *worker, const struct session *session, const struct record *record)
{
	const struct slot_custody *custody = session_custody(worker, session);
	const char *text = closed_reason_text(record->close_reason);
	struct closed_entry entry;
	struct event event;

	closed_entry_fill(&entry, worker, session, record);
	closed_add(shm_closed(&worker->shm), &entry);
	if (record->close_reason == CLOSE_INSPECTION)
		report_termination(worker, custody, record);
	event_begin(&event, EVENT_TEARDOWN, custody);
	event.rule = record->close_rule;
	event.number[0] = (worker->now_ms - custody->opened_ms) / 1000;
	event.number[1] = entry.bytes[SHM_CLIENT] + entry.bytes[SHM_SERVER];
	if (text != NULL)
		event_add_text(&event, text, strlen(text));
	event_write(worker, &event);
	counter_add(worker->counters, COUNTER_sessions_closed, 1);
}

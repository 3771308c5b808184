#include "tests/tools/sink_delivery.h"

#include "tests/tools/ledger.h"

#include <err.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void
sink_delivery_drop(struct sink_session *session)
{
	if (session->message != NULL && session->message->save != NULL)
		fclose(session->message->save);
	free(session->message);
	session->message = NULL;
	session->final_due = false;
}

void
sink_delivery_abandon(struct sink_session *session)
{
	if (session->message != NULL && !session->final_due) {
		sink_figures.partial++;
		if (session->has_key)
			ledger_write(&session->key, session->message->bytes, LEDGER_PARTIAL, "", 0);
	}
	sink_delivery_drop(session);
}

static FILE *
save_open(struct sink_session *session)
{
	char path[512];
	FILE *file;

	if (sink_options.save == NULL)
		return NULL;
	snprintf(path, sizeof(path), "%s/%lu-%" PRIu64, sink_options.save, session->number,
	    sink_figures.messages);
	file = fopen(path, "we");
	if (file == NULL)
		err(1, "%s", path);
	return file;
}

void
sink_delivery_begin(struct sink_session *session, enum sink_state state)
{
	session->message = malloc(sizeof(*session->message));
	if (session->message == NULL)
		err(1, "message");
	sink_message_begin(session->message, save_open(session));
	session->state = state;
	session->final_due = false;
}

static void
message_tell(struct sink_session *session, const char *verdict)
{
	if (!sink_options.quiet)
		fprintf(stderr, "mailsink: message from <%s> to %u, %" PRIu64 " bytes%s%s\n",
		    session->sender, session->recipients, session->message->bytes,
		    *verdict == '\0' ? "" : ": ", verdict);
}

static void
message_count(struct sink_session *session, enum ledger_result result, const char *fault)
{
	struct sink_message *message = session->message;

	sink_figures.bytes += message->bytes;
	sink_figures.messages++;
	sink_figures.ok += result == LEDGER_OK;
	sink_figures.differs += result == LEDGER_DIFFERS;
	sink_figures.rejected += result == LEDGER_REJECTED;
	sink_figures.foreign += message->foreign;
	if (message->known)
		ledger_write(
		    &message->oracle.name.key, message->bytes, result, fault, strlen(fault));
	else if (session->has_key)
		ledger_write(&session->key, message->bytes, LEDGER_DIFFERS, "no key in it", 12);
}

void
sink_delivery_answer(struct sink_session *session)
{
	struct sink_message *message = session->message;
	const char *fault = sink_message_fault(message, &session->key);
	enum ledger_result result = fault != NULL	     ? LEDGER_DIFFERS
				    : session->marked_reject ? LEDGER_REJECTED
							     : LEDGER_OK;
	char key[ORACLE_KEY_TEXT] = "-";

	message_count(session, result, fault != NULL ? fault : "");
	message_tell(session, fault != NULL ? fault : message->foreign ? "" : "every byte right");
	if (message->known)
		oracle_key_print(&message->oracle.name.key, key);
	if (session->marked_reject)
		buffer_print(&session->output, "554 5.6.0 Refused as asked %s\r\n", key);
	else
		buffer_print(
		    &session->output, "250 2.0.0 Taken %s %" PRIu64 "\r\n", key, message->bytes);
	sink_delivery_drop(session);
	session->has_sender = false;
	session->has_key = false;
	session->recipients = 0;
	session->marked_hold_final = false;
	session->marked_hold_rset = false;
	session->marked_reject = false;
	session->state = SINK_COMMANDS;
}

void
sink_delivery_complete(struct sink_session *session)
{
	uint32_t delay = session->marked_hold_final ? SINK_HOLD_EVER : session->profile->final_ms;

	session->final_due = true;
	if (delay > 0)
		sink_reply_hold(session, HOLD_FINAL, delay);
	else
		sink_delivery_answer(session);
}

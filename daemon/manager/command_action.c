#include "daemon/manager/command_action.h"

#include "daemon/manager/commit_command.h"
#include "daemon/manager/event_note.h"
#include "daemon/manager/failover_command.h"
#include "daemon/manager/session_view.h"
#include "daemon/manager/show_candidate.h"
#include "daemon/manager/show_config.h"
#include "daemon/manager/show_conn.h"
#include "daemon/manager/show_counters.h"
#include "daemon/manager/show_events.h"
#include "daemon/manager/show_failover.h"
#include "daemon/manager/show_failover_digest.h"
#include "daemon/manager/show_failover_history.h"
#include "daemon/manager/show_service_policy.h"
#include "daemon/manager/show_session.h"
#include "daemon/manager/show_version.h"
#include "shm/failpoint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

/* Follow begins with the newest of the past, so that a screen is not flooded. */
#define FOLLOW_PAST 20u

static const char *
value(const struct command_action *action, unsigned index)
{
	return index < action->outcome->values ? action->outcome->value[index] : NULL;
}

static int
fail(struct command_action *action, int status, const char *message)
{
	text_printf(action->out, "%% %s\n", message);
	return status;
}

static int
run_show_running(struct command_action *action)
{
	bool all = value(action, 0) != NULL && strcmp(value(action, 0), "all") == 0;

	return show_running_config(
	    action->manager, value(action, all ? 1 : 0), all, action->request->json, action->out);
}

static int
run_write_terminal(struct command_action *action)
{
	return show_running_config(
	    action->manager, NULL, false, action->request->json, action->out);
}

static int
run_show_fixup(struct command_action *action)
{
	return show_fixup(action->manager, action->request->json, action->out);
}

static int
run_show_startup(struct command_action *action)
{
	return show_startup_config(action->manager, action->request->json, action->out);
}

static int
run_show_candidate(struct command_action *action)
{
	return show_candidate(&action->manager->commit, action->request->json, action->out);
}

static int
run_show_configuration_diff(struct command_action *action)
{
	return show_configuration_diff(
	    &action->manager->commit, action->request->json, action->out);
}

static int
run_show_configuration_history(struct command_action *action)
{
	return show_configuration_history(
	    &action->manager->commit, action->request->json, action->out);
}

static int
run_show_version(struct command_action *action)
{
	show_version(action->manager, action->request->json, action->out);
	return EX_OK;
}

static int
run_show_conn(struct command_action *action)
{
	show_conn(action->manager, action->outcome->action == CLI_ACTION_SHOW_CONN_DETAIL,
	    action->request->json, action->out);
	return EX_OK;
}

static int
run_show_conn_id(struct command_action *action)
{
	uint64_t id;

	if (value(action, 0) == NULL || !session_id_parse(value(action, 0), &id))
		return fail(action, EX_USAGE, "A session id is up to 16 hexadecimal digits");
	if (!show_session(action->manager, id, action->request->json, action->out))
		return fail(action, EX_UNAVAILABLE, "No such session");
	return EX_OK;
}

static int
run_show_conn_closed(struct command_action *action)
{
	if (!show_conn_closed(
		action->manager, value(action, 0), action->request->json, action->out))
		return fail(action, EX_USAGE, "Not an IPv4 or IPv6 address");
	return EX_OK;
}

static int
run_show_service_policy(struct command_action *action)
{
	show_service_policy(&action->manager->shm, action->manager->running.config,
	    action->request->json, action->out);
	return EX_OK;
}

static int
run_show_counters(struct command_action *action)
{
	show_counters(&action->manager->shm, action->request->json, action->out);
	return EX_OK;
}

static int
run_show_counters_peer(struct command_action *action)
{
	show_counters_peer(&action->manager->shm, action->request->json, action->out);
	return EX_OK;
}

static int
run_show_events(struct command_action *action)
{
	show_events(&action->manager->events, action->request->json, action->out);
	return EX_OK;
}

static int
run_show_events_follow(struct command_action *action)
{
	const struct event_log *log = &action->manager->events;
	unsigned count = event_log_count(log);

	for (unsigned i = count > FOLLOW_PAST ? count - FOLLOW_PAST : 0; i < count; i++)
		show_event_line(event_log_get(log, i), action->request->json, action->out);
	action->client->following = true;
	action->client->follow_json = action->request->json;
	action->client->follow_lost = false;
	action->client->follow_id = action->request->id;
	return EX_OK;
}

static int
ask_supervisor(struct command_action *action, enum request_kind kind, const uint64_t argument[4])
{
	uint32_t detail;
	int result = supervisor_link_ask(&action->manager->link, kind, argument, &detail);

	if (result == 0)
		return EX_OK;
	if (action->manager->link.lost)
		return fail(action, EX_UNAVAILABLE, "The supervisor did not answer");
	if (result == -ENOENT)
		return fail(action, EX_UNAVAILABLE, "No such session");
	return fail(action, EX_UNAVAILABLE, strerror(-result));
}

static int
run_clear_conn(struct command_action *action)
{
	uint64_t argument[4] = {0};

	if (value(action, 0) == NULL || !session_id_parse(value(action, 0), &argument[0]))
		return fail(action, EX_USAGE, "A session id is up to 16 hexadecimal digits");
	return ask_supervisor(action, REQUEST_CLEAR_SESSION, argument);
}

static int
run_clear_counters(struct command_action *action)
{
	counters_clear(&action->manager->shm);
	return EX_OK;
}

static int
run_clear_service_policy(struct command_action *action)
{
	static const uint64_t none[4];

	counters_clear_rules(&action->manager->shm);
	return ask_supervisor(action, REQUEST_CLEAR_REFUSED, none);
}

static int
run_show_failover(struct command_action *action)
{
	const struct manager *manager = action->manager;

	show_failover(
	    &manager->settings.failover, &manager->shm, action->request->json, action->out);
	return EX_OK;
}

static int
run_show_failover_history(struct command_action *action)
{
	const struct manager *manager = action->manager;

	show_failover_history(
	    &manager->settings.failover, &manager->shm, action->request->json, action->out);
	return EX_OK;
}

static int
run_show_failover_digest(struct command_action *action)
{
	const char *words[SHOW_FAILOVER_DIGEST_WORDS];
	unsigned count = action->outcome->values;

	for (unsigned i = 0; i < count && i < SHOW_FAILOVER_DIGEST_WORDS; i++)
		words[i] = value(action, i);
	if (!show_failover_digest(
		&action->manager->shm, words, count, action->request->json, action->out))
		return fail(action, EX_USAGE, "A slot, and a position of each stream behind it");
	return EX_OK;
}

static int
change_role(struct command_action *action, enum pair_command command)
{
	const struct manager *manager = action->manager;
	const char *reason;
	int status = failover_command(&manager->settings.failover, &manager->shm, command, &reason);

	event_note(&manager->shm, EVENT_NOTE_ROLE_ASKED, 0, action->client->peer.name,
	    action->request->line, status == EX_OK ? "it is being done" : reason);
	return status == EX_OK ? EX_OK : fail(action, status, reason);
}

static int
run_failover_active(struct command_action *action)
{
	return change_role(action, PAIR_ACTIVE);
}

static int
run_failover_standby(struct command_action *action)
{
	return change_role(action, PAIR_STANDBY);
}

static int
run_failover_force(struct command_action *action)
{
	return change_role(action, PAIR_FORCE);
}

/* Of a standby; *ret_status says so. */
static bool
is_the_actives(struct command_action *action, int *ret_status)
{
	const char *active = pair_config_active(&action->manager->pair);

	if (active != NULL) {
		text_printf(action->out, "%% " PAIR_CONFIG_STANDBY_TEXT "\n", active);
		*ret_status = EX_UNAVAILABLE;
	}
	return active != NULL;
}

static int
run_write_memory(struct command_action *action)
{
	int status;

	if (is_the_actives(action, &status))
		return status;
	text_add_string(action->out, "% ");
	if (commit_is_unconfirmed(&action->manager->commit, action->out)) {
		text_add_string(action->out, "; `commit` confirms it\n");
		return EX_DATAERR;
	}
	text_clear(action->out);
	return write_memory(action->manager, action->client->peer.name, action->out);
}

static int
run_write_erase(struct command_action *action)
{
	int status;

	if (is_the_actives(action, &status))
		return status;
	return write_erase(action->manager, action->out);
}

static int
run_commit(struct command_action *action)
{
	int status;

	if (is_the_actives(action, &status))
		return status;
	return commit_command(
	    &action->manager->commit, action->outcome, action->client->peer.name, action->out);
}

static int
run_commit_check(struct command_action *action)
{
	int status;

	if (is_the_actives(action, &status))
		return status;
	return commit_command_check(&action->manager->commit, action->out);
}

static int
run_rollback(struct command_action *action)
{
	int status;

	if (is_the_actives(action, &status))
		return status;
	return commit_command_rollback(
	    &action->manager->commit, action->outcome, action->client->peer.name, action->out);
}

static int
run_clear_candidate(struct command_action *action)
{
	int status;

	if (is_the_actives(action, &status))
		return status;
	return commit_command_clear(&action->manager->commit, action->out);
}

/* The answer comes first: this process is one of those that are replaced. */
static int
run_upgrade(struct command_action *action)
{
	const uint64_t argument[4] = {0};
	uint32_t detail;
	int result =
	    supervisor_link_ask(&action->manager->link, REQUEST_UPGRADE, argument, &detail);

	switch (result) {
	case 0:
		text_add_string(action->out, "Upgrading; `show events` tells when it is done.\n");
		return EX_OK;
	case -EALREADY:
		return fail(action, EX_TEMPFAIL, "An upgrade is under way");
	case -EPERM:
		return fail(action, EX_UNAVAILABLE,
		    "The next process could not take the sessions over: CAP_SYS_PTRACE is needed");
	default:
		return fail(action, EX_UNAVAILABLE,
		    action->manager->link.lost ? "The supervisor did not answer"
					       : strerror(-result));
	}
}

static bool
find_failpoint(const char *name, uint64_t *ret_point)
{
	for (unsigned i = 0; failpoint_name(i) != NULL; i++)
		if (strcmp(failpoint_name(i), name) == 0) {
			*ret_point = i;
			return true;
		}
	return false;
}

static uint64_t
failpoint_process(const char *name)
{
	if (strcmp(name, "supervisor") == 0)
		return SHM_WRITER_SUPERVISOR;
	if (strcmp(name, "manager") == 0)
		return SHM_WRITER_MANAGER;
	return strtoull(name, NULL, 10);
}

/* test failpoint {worker NUMBER | supervisor | manager} NAME PASS */
static int
run_test_failpoint(struct command_action *action)
{
	uint64_t argument[4] = {0};

	if (action->outcome->values < 3 || !find_failpoint(value(action, 1), &argument[1]))
		return fail(action, EX_USAGE, "No such failpoint");
	argument[0] = failpoint_process(value(action, 0));
	argument[2] = strtoull(value(action, 2), NULL, 10);
	return ask_supervisor(action, REQUEST_FAILPOINT, argument);
}

/* The terminal is the client's: it reads the number itself. */
static int
run_terminal_length(struct command_action *action)
{
	(void)action;
	return EX_OK;
}

static int
run_quit(struct command_action *action)
{
	action->client->closing = true;
	return EX_OK;
}

static int (*const handlers[CLI_ACTION_COUNT])(struct command_action *) = {
    [CLI_ACTION_SHOW_RUNNING_CONFIG] = run_show_running,
    [CLI_ACTION_SHOW_FIXUP] = run_show_fixup,
    [CLI_ACTION_SHOW_STARTUP_CONFIG] = run_show_startup,
    [CLI_ACTION_SHOW_CANDIDATE] = run_show_candidate,
    [CLI_ACTION_SHOW_CONFIGURATION_DIFF] = run_show_configuration_diff,
    [CLI_ACTION_SHOW_CONFIGURATION_HISTORY] = run_show_configuration_history,
    [CLI_ACTION_SHOW_VERSION] = run_show_version,
    [CLI_ACTION_SHOW_CONN] = run_show_conn,
    [CLI_ACTION_SHOW_CONN_DETAIL] = run_show_conn,
    [CLI_ACTION_SHOW_CONN_ID] = run_show_conn_id,
    [CLI_ACTION_SHOW_CONN_CLOSED] = run_show_conn_closed,
    [CLI_ACTION_SHOW_SERVICE_POLICY] = run_show_service_policy,
    [CLI_ACTION_SHOW_COUNTERS] = run_show_counters,
    [CLI_ACTION_SHOW_COUNTERS_PEER] = run_show_counters_peer,
    [CLI_ACTION_SHOW_EVENTS] = run_show_events,
    [CLI_ACTION_SHOW_FAILOVER] = run_show_failover,
    [CLI_ACTION_SHOW_FAILOVER_HISTORY] = run_show_failover_history,
    [CLI_ACTION_SHOW_FAILOVER_DIGEST] = run_show_failover_digest,
    [CLI_ACTION_SHOW_EVENTS_FOLLOW] = run_show_events_follow,
    [CLI_ACTION_COMMIT] = run_commit,
    [CLI_ACTION_COMMIT_CHECK] = run_commit_check,
    [CLI_ACTION_ROLLBACK] = run_rollback,
    [CLI_ACTION_CLEAR_CANDIDATE] = run_clear_candidate,
    [CLI_ACTION_CLEAR_CONN] = run_clear_conn,
    [CLI_ACTION_CLEAR_COUNTERS] = run_clear_counters,
    [CLI_ACTION_CLEAR_SERVICE_POLICY] = run_clear_service_policy,
    [CLI_ACTION_WRITE_MEMORY] = run_write_memory,
    [CLI_ACTION_WRITE_TERMINAL] = run_write_terminal,
    [CLI_ACTION_WRITE_ERASE] = run_write_erase,
    [CLI_ACTION_COPY_RUNNING_STARTUP] = run_write_memory,
    [CLI_ACTION_TERMINAL_LENGTH] = run_terminal_length,
    [CLI_ACTION_FAILOVER_ACTIVE] = run_failover_active,
    [CLI_ACTION_FAILOVER_STANDBY] = run_failover_standby,
    [CLI_ACTION_FAILOVER_FORCE] = run_failover_force,
    [CLI_ACTION_UPGRADE] = run_upgrade,
    [CLI_ACTION_TEST_FAILPOINT] = run_test_failpoint,
    [CLI_ACTION_QUIT] = run_quit,
};

int
command_action_run(struct command_action *action)
{
	enum cli_action which = action->outcome->action;

	if ((unsigned)which >= CLI_ACTION_COUNT || handlers[which] == NULL)
		return EX_OK;
	return handlers[which](action);
}

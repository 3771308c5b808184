#include "daemon/manager/log_target.h"

#include "config.h"
#include "daemon/manager/present.h"
#include "daemon/manager/settings_value.h"
#include "daemon/manager/text.h"

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#if HAVE_LIBSYSTEMD
#include <systemd/sd-journal.h>
#endif

#define JOURNAL_SOCKET	"/run/systemd/journal/socket"
#define SYSLOG_FACILITY 20u	/* local4, as the ASA's default */
#define SYSLOG_PEN	"32473" /* RFC 5612: for documentation and examples */

#if HAVE_LIBSYSTEMD
#define JOURNAL_FIELDS_MAX 12

struct journal_message {
	struct iovec field[JOURNAL_FIELDS_MAX];
	char buffer[JOURNAL_FIELDS_MAX][128];
	int count;
};

static void
journal_add(struct journal_message *message, const char *name, const char *value)
{
	char *buffer = message->buffer[message->count];
	int length = snprintf(buffer, sizeof(message->buffer[0]), "%s=%s", name, value);

	if (length >= (int)sizeof(message->buffer[0]))
		length = (int)sizeof(message->buffer[0]) - 1;
	message->field[message->count++] = (struct iovec){buffer, (size_t)length};
}

static void
journal_add_number(struct journal_message *message, const char *name, uint64_t number)
{
	char value[32];

	snprintf(value, sizeof(value), "%" PRIu64, number);
	journal_add(message, name, value);
}

static void
journal_add_session(struct journal_message *message, const struct event *event)
{
	char value[PRESENT_ENDPOINT_MAX];

	if (event->session_id != 0) {
		snprintf(value, sizeof(value), "%016" PRIx64, event->session_id);
		journal_add(message, "SMTPGUARD_SESSION", value);
	}
	if (event->client.family != 0) {
		present_endpoint(&event->client, value);
		journal_add(message, "SMTPGUARD_CLIENT", value);
	}
	if (event->server.family != 0) {
		present_endpoint(&event->server, value);
		journal_add(message, "SMTPGUARD_SERVER", value);
	}
}

static bool
write_journal(
    const struct event *event, const struct event_description *description, const char *text)
{
	struct journal_message message = {.count = 0};
	char whole[LOG_LINE_MAX];
	int length = snprintf(whole, sizeof(whole), "MESSAGE=%s", text);

	if (length >= (int)sizeof(whole))
		length = (int)sizeof(whole) - 1;
	message.field[message.count++] = (struct iovec){whole, (size_t)length};
	journal_add_number(&message, "PRIORITY", description->severity);
	journal_add(&message, "SYSLOG_IDENTIFIER", "smtpguard");
	journal_add_number(&message, "SMTPGUARD_EVENT", event->id);
	journal_add(&message, "SMTPGUARD_EVENT_NAME", description->name);
	journal_add_session(&message, event);
	if (event->rule != 0)
		journal_add_number(&message, "SMTPGUARD_RULE", event->rule);
	if (event->code != 0)
		journal_add_number(&message, "SMTPGUARD_CODE", event->code);
	return sd_journal_sendv(message.field, message.count) >= 0;
}
#endif

unsigned
log_target_flush(struct log_target *target)
{
	struct pollfd ready = {STDERR_FILENO, POLLOUT, 0};
	size_t length = target->lines_length;
	unsigned count = target->lines_count;

	if (count == 0)
		return 0;
	target->lines_length = 0;
	target->lines_count = 0;
	if (poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0)
		return count;
	return write(STDERR_FILENO, target->lines, length) == (ssize_t)length ? 0 : count;
}

static unsigned
add_line(struct log_target *target, const struct text *message)
{
	size_t length = message->length < LOG_LINE_MAX - 1 ? message->length : LOG_LINE_MAX - 1;
	unsigned lost = 0;

	if (target->lines_length + length + 1 > sizeof(target->lines))
		lost = log_target_flush(target);
	memcpy(target->lines + target->lines_length, text_string(message), length);
	target->lines[target->lines_length + length] = '\n';
	target->lines_length += length + 1;
	target->lines_count++;
	return lost;
}

/* RFC 5424 section 6: HEADER SP STRUCTURED-DATA SP MSG. */
static bool
write_udp(const struct log_target *target, const struct event *event,
    const struct event_description *description, const char *message)
{
	struct text text;
	char time[40];

	present_iso_time(event->realtime_us, time, sizeof(time));
	text_init(&text, LOG_LINE_MAX);
	text_printf(&text, "<%u>1 %s %s smtpguard %ld %" PRIu32 " ",
	    SYSLOG_FACILITY * 8 + description->severity, time, target->host, (long)getpid(),
	    event->id);
	if (event->session_id != 0)
		text_printf(&text, "[smtpguard@" SYSLOG_PEN " session=\"%016" PRIx64 "\"] ",
		    event->session_id);
	else
		text_add_string(&text, "- ");
	text_add_string(&text, message);
	bool sent = send(target->socket, text_string(&text), text.length,
			MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)text.length;
	text_free(&text);
	return sent;
}

static int
open_udp(const char *name)
{
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICSERV};
	struct addrinfo *list;
	char host[128];
	char port[8];
	int fd = -1;

	if (!settings_parse_udp(name, host, sizeof(host), port, sizeof(port)))
		return -1;
	int error = getaddrinfo(host, port, &hints, &list);
	if (error != 0) {
		fprintf(
		    stderr, "smtpguard-manager: log target %s: %s\n", name, gai_strerror(error));
		return -1;
	}
	for (struct addrinfo *at = list; at != NULL && fd < 0; at = at->ai_next) {
		fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
		if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen) < 0) {
			fprintf(stderr, "smtpguard-manager: log target %s: %s\n", name,
			    strerror(errno));
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(list);
	return fd;
}

static bool
journal_is_there(void)
{
#if HAVE_LIBSYSTEMD
	return access(JOURNAL_SOCKET, F_OK) == 0;
#else
	return false;
#endif
}

void
log_target_open(struct log_target *target, const char *name)
{
	*target = (struct log_target){.kind = LOG_TARGET_STDERR, .socket = -1};
	if (gethostname(target->host, sizeof(target->host) - 1) < 0 || target->host[0] == '\0')
		snprintf(target->host, sizeof(target->host), "-");

	if (strncmp(name, "udp:", 4) == 0) {
		target->socket = open_udp(name);
		if (target->socket >= 0)
			target->kind = LOG_TARGET_UDP;
	} else if (strcmp(name, "journal") == 0) {
		if (journal_is_there())
			target->kind = LOG_TARGET_JOURNAL;
		else
			fprintf(stderr,
			    "smtpguard-manager: no journal here: events go to standard error\n");
	}
}

void
log_target_close(struct log_target *target)
{
	if (target->socket >= 0)
		close(target->socket);
	target->socket = -1;
}

unsigned
log_target_write(struct log_target *target, const struct event *event,
    const struct event_description *description, const struct text *message)
{
	switch (target->kind) {
	case LOG_TARGET_UDP:
		return !write_udp(target, event, description, text_string(message));
	case LOG_TARGET_JOURNAL:
#if HAVE_LIBSYSTEMD
		return !write_journal(event, description, text_string(message));
#endif
	case LOG_TARGET_STDERR:
		break;
	}
	return add_line(target, message);
}

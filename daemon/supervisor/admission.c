#include "daemon/supervisor/admission.h"

#include "daemon/supervisor/supervisor.h"
#include "shm/class_usage.h"

static const struct admission_kind {
	uint32_t event;
	uint32_t interval_ms;
	enum counter_id refused;
	const char *reply;
} kinds[ADMISSIONS] = {
    [ADMISSION_CONNECTIONS] = {201011, ADMISSION_EVENT_MS, COUNTER_sessions_refused_conn_max,
	"421 4.7.0 Too many connections, try again later\r\n"},
    [ADMISSION_CLIENT] = {201013, ADMISSION_EVENT_MS, COUNTER_sessions_refused_per_client_max,
	"421 4.7.0 Too many connections from your address, try again later\r\n"},
    [ADMISSION_EMBRYONIC] = {201010, ADMISSION_EVENT_MS,
	COUNTER_sessions_refused_embryonic_conn_max,
	"421 4.7.0 Too many connections, try again later\r\n"},
    [ADMISSION_CLIENT_EMBRYONIC] = {201012, ADMISSION_CLIENT_MS,
	COUNTER_sessions_refused_per_client_embryonic_max,
	"421 4.7.0 Too many connections from your address, try again later\r\n"},
};

/* A limit, and what counts against it. */
struct check {
	uint32_t count;
	uint32_t most;	       /* 0: no limit */
	uint16_t limits_class; /* whose limit it is; CLASS_NONE: the static's */
};

/* Who asks. */
struct applicant {
	const struct listener_entry *entry;
	uint32_t listener;
	uint16_t limits_class;
	const struct class_limits *limits; /* of that class, or none */
	const struct shm_endpoint *client;
};

static bool
is_reached(const struct check *check)
{
	return check->most != 0 && check->count >= check->most;
}

/* The one that refuses; of two the lower. */
static struct check
stricter(const struct check *one, const struct check *other)
{
	if (!is_reached(other) || (is_reached(one) && one->most <= other->most))
		return *one;
	return *other;
}

static struct check
check_shared(const struct tally *tally, const struct applicant *who, bool embryonic)
{
	struct count listener = tally->listener[who->listener];
	struct count server = tally_of_server(tally, who->limits_class, &who->entry->server);
	struct check of_static = {
	    .count = embryonic ? listener.embryonic : listener.connections,
	    .most = embryonic ? who->entry->embryonic_max : who->entry->connections_max,
	    .limits_class = CLASS_NONE,
	};
	struct check of_class = {
	    .count = embryonic ? server.embryonic : server.connections,
	    .most = embryonic ? who->limits->embryonic_max : who->limits->connections_max,
	    .limits_class = who->limits_class,
	};

	return stricter(&of_static, &of_class);
}

static struct check
check_client(const struct tally *tally, const struct applicant *who, bool embryonic)
{
	struct count client = tally_of_client(tally, who->limits_class, who->client);

	return (struct check){
	    .count = embryonic ? client.embryonic : client.connections,
	    .most = embryonic ? who->limits->client_embryonic_max : who->limits->client_max,
	    .limits_class = who->limits_class,
	};
}

static struct check
check_of(const struct tally *tally, const struct applicant *who, enum admission kind)
{
	switch (kind) {
	case ADMISSION_CONNECTIONS:
		return check_shared(tally, who, false);
	case ADMISSION_CLIENT:
		return check_client(tally, who, false);
	case ADMISSION_EMBRYONIC:
		return check_shared(tally, who, true);
	case ADMISSION_CLIENT_EMBRYONIC:
		return check_client(tally, who, true);
	default:
		return (struct check){0};
	}
}

/* The embryonic may be counted too high: whoever is about to be refused for them has them looked
 * after first. */
static enum admission
judge(struct tally *tally, const struct applicant *who, struct check *ret_check)
{
	for (enum admission kind = ADMISSION_GRANTED + 1; kind < ADMISSIONS; kind++) {
		*ret_check = check_of(tally, who, kind);
		if (kind >= ADMISSION_EMBRYONIC && is_reached(ret_check)) {
			tally_refresh(tally);
			*ret_check = check_of(tally, who, kind);
		}
		if (is_reached(ret_check))
			return kind;
	}
	return ADMISSION_GRANTED;
}

static void
tell_untold(const struct supervisor *supervisor, enum admission kind, uint64_t untold)
{
	struct event event;

	if (untold == 0)
		return;
	event_init(&event, 109033, 0);
	event.number[0] = untold;
	event.number[1] = kinds[kind].event;
	supervisor_event(supervisor, &event);
}

static void
tell(struct supervisor *supervisor, enum admission kind, const struct applicant *who,
    const struct check *check)
{
	struct event event;
	uint64_t untold;

	if (!spell_note(&supervisor->refusals[kind], supervisor->monotonic_ms,
		kinds[kind].interval_ms, &untold))
		return;
	tell_untold(supervisor, kind, untold);
	event_init(&event, kinds[kind].event, 0);
	event.number[0] = check->count;
	event.number[1] = check->most;
	event.client = *who->client;
	event.server = who->entry->server;
	supervisor_event(supervisor, &event);
}

static void
refuse(struct supervisor *supervisor, enum admission kind, const struct applicant *who,
    const struct check *check)
{
	struct class_usage *usage = shm_class_usage(&supervisor->shm, check->limits_class);

	supervisor_count(supervisor, kinds[kind].refused, 1);
	if (usage)
		atomic_store_explicit(&usage->refused,
		    atomic_load_explicit(&usage->refused, memory_order_relaxed) + 1,
		    memory_order_relaxed);
	tell(supervisor, kind, who, check);
}

enum admission
admission_ask(struct supervisor *supervisor, uint32_t listener, uint16_t limits_class,
    const struct shm_endpoint *client)
{
	static const struct class_limits unlimited;
	const struct listeners *listeners = &supervisor->listeners;
	struct applicant who = {
	    .entry = &listeners->listener[listener].entry,
	    .listener = listener,
	    .limits_class = limits_class,
	    .limits = limits_class == CLASS_NONE
			  ? &unlimited
			  : &listeners->classes.class_of[limits_class].limits,
	    .client = client,
	};
	struct check check;
	enum admission kind;

	if (limits_class == CLASS_NONE && who.entry->connections_max == 0 &&
	    who.entry->embryonic_max == 0)
		return ADMISSION_GRANTED;
	kind = judge(&supervisor->tally, &who, &check);
	if (kind != ADMISSION_GRANTED)
		refuse(supervisor, kind, &who, &check);
	return kind;
}

const char *
admission_reply(enum admission admission)
{
	return kinds[admission].reply;
}

void
admission_tick(struct supervisor *supervisor)
{
	for (enum admission kind = ADMISSION_GRANTED + 1; kind < ADMISSIONS; kind++) {
		struct spell *spell = &supervisor->refusals[kind];

		if (spell_is_over(spell, supervisor->monotonic_ms, ADMISSION_OVER_MS))
			tell_untold(supervisor, kind, spell->untold);
	}
}

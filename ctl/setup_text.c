#include "ctl/setup_text.h"

#include "config.h"
#include "daemon/manager/settings_load.h"

#include <string.h>

#define FILE_MAX 32768

static const char example[] =
#include "ctl/keepalived_example.inc"
    ;

static const char *
value(const struct setup *setup, enum setup_key key, unsigned host)
{
	return setup->answer[key].value[host];
}

void
setup_text_settings(const struct setup *setup, unsigned host, struct text *out)
{
	const struct setup_answer *addresses = &setup->answer[SETUP_ADDRESSES];

	text_printf(out,
	    "\nfailover: {\n  node = \"%s\";\n  peer_node = \"%s\";\n  listen = \"%s\";\n"
	    "  peer = \"%s\";\n",
	    value(setup, SETUP_NODES, host), value(setup, SETUP_NODES, !host),
	    value(setup, SETUP_SYNC, host), value(setup, SETUP_SYNC, !host));
	text_add_string(out, "  key_file = \"" SMTPGUARD_SYSCONFDIR "/failover.key\";\n"
			     "  fifo = \"" SMTPGUARD_RUNTIMEDIR "/notify.fifo\";\n"
			     "  addresses = [");
	for (unsigned i = 0; i < addresses->count; i++) {
		char bare[SETUP_VALUE_MAX];

		setup_bare_address(addresses->value[i], bare);
		text_printf(out, "%s\"%s\"", i == 0 ? "" : ", ", bare);
	}
	text_add_string(out, "];\n};\n");
}

bool
setup_text_check(const struct setup *setup, struct text *errors)
{
	bool good = true;

	for (unsigned host = 0; host < 2; host++) {
		struct settings settings;
		struct text text;
		char name[SETUP_VALUE_MAX + 32];

		text_init(&text, FILE_MAX);
		setup_text_settings(setup, host, &text);
		snprintf(name, sizeof(name), "%s/smtpguard.conf", value(setup, SETUP_NODES, host));
		good &= settings_load(&settings, text_string(&text), text.length, name, errors);
		text_free(&text);
	}
	return good;
}

/* ---- keepalived ---- */

/* Those of lan's family, or the others; one on each line, as keepalived wants them. */
static void
add_addresses(const struct setup *setup, bool other_family, struct text *out)
{
	const struct setup_answer *addresses = &setup->answer[SETUP_ADDRESSES];
	bool lan_is_ipv6 = strchr(value(setup, SETUP_LAN, 0), ':') != NULL;

	for (unsigned i = 0; i < addresses->count; i++) {
		bool is_ipv6 = strchr(addresses->value[i], ':') != NULL;

		if ((is_ipv6 != lan_is_ipv6) == other_family)
			text_printf(out, " \\\n    %s", addresses->value[i]);
	}
}

enum definition_kind { OF_PAIR, OF_HOST, OF_PEER, SAME_FAMILY, OTHER_FAMILY, PROGRAM };

static const struct definition {
	const char *name;
	enum definition_kind kind;
	enum setup_key key;
} definitions[] = {
    {"CTL", PROGRAM, SETUP_KEYS},
    {"INTERFACE", OF_PAIR, SETUP_INTERFACE},
    {"OWN_ADDRESS", OF_HOST, SETUP_LAN},
    {"PEER_ADDRESS", OF_PEER, SETUP_LAN},
    {"ROUTER_ID", OF_PAIR, SETUP_ROUTER_ID},
    {"PRIORITY", OF_PAIR, SETUP_PRIORITY},
    {"ADDRESSES", SAME_FAMILY, SETUP_ADDRESSES},
    {"MORE_ADDRESSES", OTHER_FAMILY, SETUP_ADDRESSES},
};

/* Of a line "$NAME=..."; NULL: the example's own text holds. */
static const struct definition *
find_definition(const char *line)
{
	for (size_t i = 0; line[0] == '$' && i < sizeof(definitions) / sizeof(definitions[0]);
	     i++) {
		size_t length = strlen(definitions[i].name);

		if (strncmp(line + 1, definitions[i].name, length) == 0 && line[length + 1] == '=')
			return &definitions[i];
	}
	return NULL;
}

static void
add_definition(
    const struct setup *setup, unsigned host, const struct definition *definition, struct text *out)
{
	text_printf(out, "$%s=", definition->name);
	switch (definition->kind) {
	case OF_PAIR:
		text_add_string(out, value(setup, definition->key, 0));
		break;
	case OF_HOST:
		text_add_string(out, value(setup, definition->key, host));
		break;
	case OF_PEER:
		text_add_string(out, value(setup, definition->key, !host));
		break;
	case SAME_FAMILY:
	case OTHER_FAMILY:
		add_addresses(setup, definition->kind == OTHER_FAMILY, out);
		break;
	case PROGRAM:
		text_add_string(out, SMTPGUARD_BINDIR "/smtpguardctl");
		break;
	}
}

static bool
continues(const char *line, const char *end)
{
	return end > line && end[-1] == '\\';
}

/* The lines of a definition whose value was replaced are passed over. */
static const char *
pass_definition(const char *line)
{
	const char *end = strchrnul(line, '\n');

	while (continues(line, end)) {
		line = end + 1;
		end = strchrnul(line, '\n');
	}
	return end;
}

/* Returns its end. */
static const char *
add_line(const struct setup *setup, unsigned host, const char *line, struct text *out)
{
	const struct definition *definition = find_definition(line);
	const char *end = strchrnul(line, '\n');

	if (definition != NULL) {
		add_definition(setup, host, definition, out);
		end = pass_definition(line);
	} else if (strncmp(line, "include ", 8) == 0) {
		text_add_string(out, "include " SMTPGUARD_DATADIR "/keepalived/pair.conf");
	} else {
		text_add(out, line, (size_t)(end - line));
	}
	text_add_string(out, "\n");
	return end;
}

void
setup_text_keepalived(const struct setup *setup, unsigned host, struct text *out)
{
	/* Each line of it has an end. */
	for (const char *line = example; *line != '\0'; line++)
		line = add_line(setup, host, line, out);
}

/* ---- what is to be done with them ---- */

void
setup_text_steps(const struct setup *setup, const char *folder, struct text *out)
{
	const char *one = value(setup, SETUP_NODES, 0), *other = value(setup, SETUP_NODES, 1);

	text_printf(out,
	    "%s/%s and %s/%s hold what the two hosts need. The key in both is a secret: carry it "
	    "by a\n"
	    "way that nobody can read. As root, on %s in the first, on %s in the second of "
	    "them:\n\n",
	    folder, one, folder, other, one, other);
	text_add_string(out,
	    "  install -m 600 failover.key " SMTPGUARD_SYSCONFDIR "/failover.key\n"
	    "  cat smtpguard.conf >>" SMTPGUARD_SYSCONFDIR "/smtpguard.conf\n"
	    "  smtpguardd -t\n"
	    "  cat keepalived.conf >>/etc/keepalived/keepalived.conf\n"
	    "  install -D -m 644 " SMTPGUARD_DATADIR "/keepalived/restart.conf \\\n"
	    "    /etc/systemd/system/keepalived.service.d/smtpguard.conf\n"
	    "  systemctl daemon-reload\n"
	    "  systemctl enable smtpguard-door smtpguard keepalived\n"
	    "  systemctl restart smtpguard-door smtpguard keepalived\n\n"
	    "Then `smtpguardctl show failover` tells how the pair stands. Configure the active "
	    "host;\n"
	    "its statics listen on the floating addresses.\n");
}

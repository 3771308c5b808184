#include "ctl/setup.h"

#include "daemon/manager/settings_value.h"

#include <stdlib.h>
#include <string.h>

#define INTERFACE_MAX 15 /* IFNAMSIZ with its NUL */
/* The track file adds up to 100, what is not well takes away up to 80; the sum has to be 1 to 254. */
#define PRIORITY_LEAST 81
#define PRIORITY_MOST  154
#define BLANKS	       " \t\r\n"

static const struct question {
	const char *word;
	unsigned least;
	unsigned most;
	const char *fallback;
	const char *text;
} questions[SETUP_KEYS] = {
#define SETUP(name, word, least, most, fallback, text) {word, least, most, fallback, text},
#include "ctl/setup.def"
#undef SETUP
};

const char *
setup_word(unsigned key)
{
	return key < SETUP_KEYS ? questions[key].word : NULL;
}

const char *
setup_question(unsigned key)
{
	return key < SETUP_KEYS ? questions[key].text : NULL;
}

static bool
refuse(char why[SETUP_WHY_MAX], enum setup_key key, const char *value, const char *reason)
{
	snprintf(why, SETUP_WHY_MAX, "%s: '%.*s' %s", questions[key].word, SETUP_VALUE_MAX, value,
	    reason);
	return false;
}

static bool
refuse_count(char why[SETUP_WHY_MAX], enum setup_key key)
{
	const struct question *question = &questions[key];

	if (question->least == question->most)
		snprintf(why, SETUP_WHY_MAX, "%s: needs %u %s", question->word, question->least,
		    question->least == 1 ? "value" : "values");
	else
		snprintf(why, SETUP_WHY_MAX, "%s: needs %u to %u values", question->word,
		    question->least, question->most);
	return false;
}

/* ---- taking them ---- */

static bool
take_value(struct setup *setup, enum setup_key key, const char *value, char why[SETUP_WHY_MAX])
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_.-:/[]";
	struct setup_answer *answer = &setup->answer[key];
	size_t length = strlen(value);

	if (length == 0 || length >= SETUP_VALUE_MAX || value[strspn(value, allowed)] != '\0')
		return refuse(why, key, value, "has more than names and addresses have");
	if (answer->count == questions[key].most)
		return refuse_count(why, key);
	memcpy(answer->value[answer->count++], value, length + 1);
	return true;
}

static int
find_word(const char *word)
{
	for (int key = 0; key < SETUP_KEYS; key++)
		if (strcmp(questions[key].word, word) == 0)
			return key;
	return -1;
}

/* How many of the words are this key's: up to `most`, and of a list up to the next keyword. */
static int
span(enum setup_key key, int words, char *const *word)
{
	bool is_list = questions[key].least != questions[key].most;
	int count = 0;

	while (count < words && count < (int)questions[key].most &&
	       !(is_list && find_word(word[count]) >= 0))
		count++;
	return count;
}

bool
setup_take_words(struct setup *setup, int words, char *const *word, char why[SETUP_WHY_MAX])
{
	while (words > 0) {
		int key = find_word(*word);

		if (key < 0) {
			snprintf(why, SETUP_WHY_MAX, "'%.*s' is no keyword of it", SETUP_VALUE_MAX,
			    *word);
			return false;
		}
		word++;
		words--;
		if (setup->answer[key].count != 0)
			return refuse(why, key, *(word - 1), "is there twice");
		int count = span(key, words, word);
		if (count < (int)questions[key].least)
			return refuse_count(why, key);
		for (int i = 0; i < count; i++)
			if (!take_value(setup, key, word[i], why))
				return false;
		word += count;
		words -= count;
	}
	return true;
}

static bool
take_line(struct setup *setup, enum setup_key key, char *line, char why[SETUP_WHY_MAX])
{
	char *rest = NULL;

	for (char *value = strtok_r(line, BLANKS, &rest); value != NULL;
	     value = strtok_r(NULL, BLANKS, &rest))
		if (!take_value(setup, key, value, why))
			return false;
	return setup->answer[key].count >= questions[key].least || refuse_count(why, key);
}

static bool
ask_one(struct setup *setup, enum setup_key key, FILE *in, FILE *out)
{
	const struct question *question = &questions[key];
	char why[SETUP_WHY_MAX], line[4096];

	for (;;) {
		fprintf(out, question->fallback != NULL ? "%s [%s]: " : "%s: ", question->text,
		    question->fallback);
		fflush(out);
		if (fgets(line, sizeof(line), in) == NULL)
			return false;
		if (line[strspn(line, BLANKS)] == '\0' && question->fallback != NULL)
			return true;
		if (take_line(setup, key, line, why))
			return true;
		setup->answer[key].count = 0;
		fprintf(out, "%s\n", why);
	}
}

bool
setup_lacks(const struct setup *setup)
{
	for (int key = 0; key < SETUP_KEYS; key++)
		if (setup->answer[key].count == 0 && questions[key].fallback == NULL)
			return true;
	return false;
}

bool
setup_ask(struct setup *setup, FILE *in, FILE *out)
{
	for (int key = 0; key < SETUP_KEYS; key++)
		if (setup->answer[key].count == 0 && !ask_one(setup, key, in, out))
			return false;
	return true;
}

bool
setup_complete(struct setup *setup, char why[SETUP_WHY_MAX])
{
	for (int key = 0; key < SETUP_KEYS; key++) {
		if (setup->answer[key].count != 0)
			continue;
		if (questions[key].fallback == NULL) {
			snprintf(why, SETUP_WHY_MAX, "%s is missing", questions[key].word);
			return false;
		}
		if (!take_value(setup, key, questions[key].fallback, why))
			return false;
	}
	return true;
}

/* ---- whether they go together ---- */

void
setup_bare_address(const char *value, char address[SETUP_VALUE_MAX])
{
	size_t length = strcspn(value, "/");

	memcpy(address, value, length);
	address[length] = '\0';
}

static bool
is_number(const char *text, unsigned least, unsigned most)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long value = strtoul(text, NULL, 10);

	return digits >= 1 && digits <= 3 && text[digits] == '\0' && value >= least &&
	       value <= most;
}

/* A node is the name of a folder too. */
static bool
check_nodes(const struct setup_answer *nodes, char why[SETUP_WHY_MAX])
{
	for (unsigned i = 0; i < nodes->count; i++)
		if (!settings_name_is_plain(nodes->value[i]) || nodes->value[i][0] == '.')
			return refuse(why, SETUP_NODES, nodes->value[i],
			    "is no name: letters, digits, '_', '-' and, not first, '.'");
	return strcmp(nodes->value[0], nodes->value[1]) != 0 ||
	       refuse(why, SETUP_NODES, nodes->value[0], "is the name of both");
}

static bool
check_lan(const struct setup_answer *lan, uint8_t *ret_family, char why[SETUP_WHY_MAX])
{
	struct shm_endpoint address[2];

	for (unsigned i = 0; i < lan->count; i++)
		if (!settings_parse_address(lan->value[i], &address[i]))
			return refuse(
			    why, SETUP_LAN, lan->value[i], "is not the address of one host");
	*ret_family = address[0].family;
	if (address[0].family != address[1].family)
		return refuse(why, SETUP_LAN, lan->value[1], "is of the other address family");
	return memcmp(address[0].address, address[1].address, sizeof(address[0].address)) != 0 ||
	       refuse(why, SETUP_LAN, lan->value[1], "is the address of both");
}

static bool
is_one_of(const struct setup_answer *answer, const char *value)
{
	struct shm_endpoint wanted, other;

	for (unsigned i = 0; i < answer->count; i++)
		if (settings_parse_address(value, &wanted) &&
		    settings_parse_address(answer->value[i], &other) &&
		    wanted.family == other.family &&
		    memcmp(wanted.address, other.address, sizeof(wanted.address)) == 0)
			return true;
	return false;
}

static bool
check_addresses(const struct setup *setup, uint8_t family, char why[SETUP_WHY_MAX])
{
	const struct setup_answer *addresses = &setup->answer[SETUP_ADDRESSES];
	bool speaks = false;

	for (unsigned i = 0; i < addresses->count; i++) {
		const char *value = addresses->value[i], *length = strchr(value, '/');
		struct shm_endpoint address;
		char bare[SETUP_VALUE_MAX];

		setup_bare_address(value, bare);
		if (length == NULL || !settings_parse_address(bare, &address) ||
		    !is_number(length + 1, 1, address.family == 4 ? 32 : 128))
			return refuse(
			    why, SETUP_ADDRESSES, value, "is not ADDRESS/LENGTH, as 192.0.2.10/24");
		if (is_one_of(&setup->answer[SETUP_LAN], bare))
			return refuse(why, SETUP_ADDRESSES, value, "is a host's own (lan)");
		speaks |= address.family == family;
	}
	return speaks || refuse(why, SETUP_ADDRESSES, addresses->value[0],
			     "and no other is of the family of lan, which VRRP needs");
}

bool
setup_check(const struct setup *setup, char why[SETUP_WHY_MAX])
{
	const char *interface = setup->answer[SETUP_INTERFACE].value[0];
	const char *priority = setup->answer[SETUP_PRIORITY].value[0];
	const char *router_id = setup->answer[SETUP_ROUTER_ID].value[0];
	uint8_t family;

	if (!check_nodes(&setup->answer[SETUP_NODES], why) ||
	    !check_lan(&setup->answer[SETUP_LAN], &family, why) ||
	    !check_addresses(setup, family, why))
		return false;
	if (strlen(interface) > INTERFACE_MAX || strpbrk(interface, "/:[]") != NULL)
		return refuse(why, SETUP_INTERFACE, interface, "is no interface's name");
	if (!is_number(priority, PRIORITY_LEAST, PRIORITY_MOST))
		return refuse(why, SETUP_PRIORITY, priority, "is not a number from 81 to 154");
	return is_number(router_id, 1, 255) ||
	       refuse(why, SETUP_ROUTER_ID, router_id, "is not a number from 1 to 255");
}

#include "daemon/sync/role_words.h"

#define WORDS(list) list, sizeof(list) / sizeof(list[0])

static const char *const states[] = {
#define ROLE_STATE(name, word, ...) word,
#include "daemon/sync/role.def"
#undef ROLE_STATE
};

static const char *const inputs[] = {
#define ROLE_INPUT(name, words, ...) words,
#include "daemon/sync/role.def"
#undef ROLE_INPUT
};

static const char *const actions[] = {
#define ROLE_ACTION(name, words) words,
#include "daemon/sync/role.def"
#undef ROLE_ACTION
};

static const char *const timers[] = {
#define ROLE_TIMER(name, word) word,
#include "daemon/sync/role.def"
#undef ROLE_TIMER
};

static const char *const paths[] = {
#define ROLE_PATH(name, word) word,
#include "daemon/sync/role.def"
#undef ROLE_PATH
};

static const char *const reasons[] = {
#define ROLE_REASON(name, word, text) word,
#include "daemon/sync/role.def"
#undef ROLE_REASON
};

static const char *const reason_texts[] = {
#define ROLE_REASON(name, word, text) text,
#include "daemon/sync/role.def"
#undef ROLE_REASON
};

static const char *const refusals[] = {
#define ROLE_REFUSAL(name, word, text) word,
#include "daemon/sync/role.def"
#undef ROLE_REFUSAL
};

static const char *const refusal_texts[] = {
#define ROLE_REFUSAL(name, word, text) text,
#include "daemon/sync/role.def"
#undef ROLE_REFUSAL
};

static const char *
word_at(const char *const *list, unsigned count, unsigned index)
{
	return index < count ? list[index] : "";
}

const char *
role_state_word(unsigned state)
{
	return word_at(WORDS(states), state);
}

const char *
role_input_word(unsigned kind)
{
	return word_at(WORDS(inputs), kind);
}

const char *
role_action_word(unsigned kind)
{
	return word_at(WORDS(actions), kind);
}

const char *
role_timer_word(unsigned timer)
{
	return word_at(WORDS(timers), timer);
}

const char *
role_path_word(unsigned path)
{
	return word_at(WORDS(paths), path);
}

const char *
role_reason_word(unsigned reason)
{
	return word_at(WORDS(reasons), reason);
}

const char *
role_reason_text(unsigned reason)
{
	return word_at(WORDS(reason_texts), reason);
}

const char *
role_refusal_word(unsigned refusal)
{
	return word_at(WORDS(refusals), refusal);
}

const char *
role_refusal_text(unsigned refusal)
{
	return word_at(WORDS(refusal_texts), refusal);
}

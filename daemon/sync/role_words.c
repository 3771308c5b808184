#include "daemon/sync/role_words.h"

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

#define WORD_OF(function, list)                                                                    \
	const char *function(unsigned index)                                                       \
	{                                                                                          \
		return index < sizeof(list) / sizeof(list[0]) ? list[index] : "";                  \
	}

WORD_OF(role_state_word, states)
WORD_OF(role_input_word, inputs)
WORD_OF(role_action_word, actions)
WORD_OF(role_timer_word, timers)
WORD_OF(role_path_word, paths)
WORD_OF(role_reason_word, reasons)
WORD_OF(role_reason_text, reason_texts)
WORD_OF(role_refusal_word, refusals)
WORD_OF(role_refusal_text, refusal_texts)

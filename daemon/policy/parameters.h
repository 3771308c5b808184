/*
 * parameters -- the `parameters` of an ESMTP map
 *
 * What the operator entered is kept as such: a parameter that was not entered has the value of
 * the default map, whatever that is in this version, and is not printed.  Commands and EHLO
 * keywords are differences to the default sets.  parameters.def lists the simple ones.
 */
#ifndef DAEMON_POLICY_PARAMETERS_H
#define DAEMON_POLICY_PARAMETERS_H

#include "worker/inspect/policy.h"

enum parameter {
#define PARAMETER(name, keyword, kind, ...) PARAMETER_##name,
#include "daemon/policy/parameters.def"
#undef PARAMETER
	PARAMETER_COUNT
};

enum parameter_kind {
	PARAMETER_SPECIAL,
	PARAMETER_CHOICE,
	PARAMETER_FLAG,
	PARAMETER_NUMBER,
};

enum parameter_tls { TLS_REFUSED, TLS_ALLOWED, TLS_LOGGED };

/* The value of greeting-delay: milliseconds, and whether who does not wait is only logged. */
#define PARAMETER_DELAY(ms, log) ((uint32_t)(ms) << 1 | (uint32_t)(log))

/* A set of bits as a difference to another one. */
struct parameter_set {
	uint64_t added;
	uint64_t removed;
};

struct parameters {
	uint32_t entered; /* bit = enum parameter */
	uint32_t value[PARAMETER_COUNT];
	char banner[INSPECT_BANNER_MAX];
	struct parameter_set verbs;
	struct parameter_set extensions;
};

/* PARAMETER_COUNT if there is none. */
enum parameter parameters_find(const char *keyword);
enum parameter_kind parameters_kind(enum parameter parameter);
/* PARAMETER_CHOICE: the index of a word, or UINT32_MAX. */
uint32_t parameters_choice(enum parameter parameter, const char *word);

void parameters_enter(struct parameters *parameters, enum parameter parameter, uint32_t value);
/* Back to the default. */
void parameters_forget(struct parameters *parameters, enum parameter parameter);
/* normal: the bits of the default map. false: nothing changed. */
bool parameters_add(struct parameter_set *set, uint64_t normal, uint64_t bits);
bool parameters_take(struct parameter_set *set, uint64_t normal, uint64_t bits);
bool parameters_equal(const struct parameters *one, const struct parameters *other);

/* Upon a default policy. */
void parameters_apply(const struct parameters *parameters, struct inspect_policy *policy);
/* Lines without indentation: those entered, or (all) every one. */
void parameters_print(const struct parameters *parameters, bool all,
    void (*line)(void *context, const char *text), void *context);

#endif

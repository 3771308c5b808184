/*
 * esmtp_param -- the parameters of MAIL and RCPT (RFC 5321 4.1.1.11)
 *
 * esmtp_param.def lists them.  Which are there and whether their values are well-formed is read from
 * the line alone; whether they may be is judged by what the client was shown in the last EHLO reply.
 */
#ifndef INSPECT_ESMTP_PARAM_H
#define INSPECT_ESMTP_PARAM_H

#include "worker/inspect/own_reply.h"

enum esmtp_param {
#define ESMTP_PARAM(identifier, keyword, command, extension, needs, value, octets)                 \
	ESMTP_##identifier,
#include "worker/inspect/esmtp_param.def"
#undef ESMTP_PARAM
	ESMTP_PARAMS,
};

enum esmtp_command { ESMTP_MAIL, ESMTP_RCPT };

struct esmtp_params {
	uint32_t given; /* bit = enum esmtp_param */
	uint64_t size;	/* of SIZE= */
};

bool esmtp_param_given(const struct esmtp_params *params, enum esmtp_param param);
/* Adds one word of a line, without spaces.  OWN_NONE; OWN_ARGUMENT: malformed, or there already;
 * OWN_PARAMETER: that command has none of the name. */
enum own_reply esmtp_param_add(
    struct esmtp_params *params, enum esmtp_command command, const uint8_t *word, size_t length);
/* The refusal of those that may not be there; bits as in inspect->shown and policy->extensions. */
enum own_reply esmtp_param_judge(
    const struct esmtp_params *params, uint64_t shown, uint64_t permitted);
/* Octets by which such a line may be longer than others. */
size_t esmtp_param_room(enum esmtp_command command, uint64_t shown, uint64_t permitted);

#endif

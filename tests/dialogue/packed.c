#include "tests/dialogue/packed.h"

#include <stdbool.h>

#define LONG 63u

/* The acts without bytes, in the order of their number N. */
static const struct {
	enum dialogue_kind kind;
	enum inspect_leg leg;
} plain[] = {{DIALOGUE_END, INSPECT_CLIENT}, {DIALOGUE_END, INSPECT_SERVER},
    {DIALOGUE_RESET, INSPECT_CLIENT}, {DIALOGUE_RESET, INSPECT_SERVER},
    {DIALOGUE_FAILED, INSPECT_SERVER}, {DIALOGUE_SHUTDOWN, INSPECT_CLIENT},
    {DIALOGUE_CLEAR, INSPECT_CLIENT}, {DIALOGUE_TIME, INSPECT_CLIENT}};
#define PLAIN (sizeof(plain) / sizeof(plain[0]))

static void
read_settings(struct dialogue *dialogue, const uint8_t *head)
{
	struct inspect_policy *policy = &dialogue->policy;

	dialogue->mode = (head[0] & 3) <= INSPECT_MODE_RAW ? (enum inspect_mode)(head[0] & 3)
							   : INSPECT_MODE_INSPECT;
	policy->banner = head[0] >> 2 & 3;
	policy->line_endings = head[0] >> 4 & 1;
	policy->nul = head[0] >> 5 & 1;
	policy->flags &= ~(uint32_t)(INSPECT_ALLOW_TLS | INSPECT_MONITOR_ONLY);
	policy->flags |= head[0] & 0x40 ? (uint32_t)INSPECT_ALLOW_TLS : 0;
	policy->flags |= head[0] & 0x80 ? (uint32_t)INSPECT_MONITOR_ONLY : 0;
	policy->errors_max = head[1];
}

/* One act from bytes[*at]; false when there is none. */
static bool
read_act(struct dialogue *dialogue, const uint8_t *bytes, size_t length, size_t *at)
{
	if (*at >= length)
		return false;
	unsigned what = bytes[*at] >> 6, number = bytes[*at] & 63;
	size_t left = length - ++*at, wide = 0;
	if (left >= 2)
		wide = (size_t)bytes[*at] | (size_t)bytes[*at + 1] << 8;
	if (what <= 1) {
		size_t part = number + 1;
		if (number == LONG) {
			part = wide;
			*at += left >= 2 ? 2 : left;
			left -= left >= 2 ? 2 : left;
		}
		part = part > left ? left : part;
		if (part)
			dialogue_add(dialogue, DIALOGUE_BYTES,
			    what ? INSPECT_SERVER : INSPECT_CLIENT, 0, bytes + *at, part);
		*at += part;
	} else if (number < PLAIN) {
		if (plain[number].kind == DIALOGUE_TIME)
			*at += left >= 2 ? 2 : left;
		dialogue_add(dialogue, plain[number].kind, plain[number].leg, wide * 1000, NULL, 0);
	}
	return true;
}

uint8_t
packed_read(struct dialogue *dialogue, const uint8_t *bytes, size_t length)
{
	size_t at = 3;

	if (length < 3)
		return 0;
	read_settings(dialogue, bytes);
	while (read_act(dialogue, bytes, length, &at))
		;
	return bytes[2];
}

static void
put_byte(struct visible *bytes, size_t value)
{
	uint8_t byte = (uint8_t)value;

	visible_raw(bytes, &byte, 1);
}

static void
write_plain(const struct dialogue_act *act, struct visible *bytes)
{
	for (size_t i = 0; i < PLAIN; i++) {
		if (plain[i].kind != act->kind || plain[i].leg != act->leg)
			continue;
		put_byte(bytes, 0x80 | i);
		if (act->kind == DIALOGUE_TIME) {
			size_t seconds = act->ms / 1000 > 0xffff ? 0xffff : act->ms / 1000;
			put_byte(bytes, seconds);
			put_byte(bytes, seconds >> 8);
		}
		return;
	}
}

static void
write_bytes(const struct dialogue_act *act, struct visible *bytes)
{
	for (size_t at = 0; at < act->length;) {
		size_t part = act->length - at > 0xffff ? 0xffff : act->length - at;
		size_t head = act->leg == INSPECT_SERVER ? 0x40 : 0;
		if (part < LONG) {
			put_byte(bytes, head | (part - 1));
		} else {
			put_byte(bytes, head | LONG);
			put_byte(bytes, part);
			put_byte(bytes, part >> 8);
		}
		visible_raw(bytes, act->bytes + at, part);
		at += part;
	}
}

void
packed_write(const struct dialogue *dialogue, uint8_t cut, struct visible *bytes)
{
	const struct inspect_policy *policy = &dialogue->policy;
	unsigned head = (unsigned)dialogue->mode | (policy->banner & 3u) << 2 |
			(policy->line_endings & 1u) << 4 | (policy->nul & 1u) << 5 |
			(policy->flags & INSPECT_ALLOW_TLS ? 0x40u : 0) |
			(policy->flags & INSPECT_MONITOR_ONLY ? 0x80u : 0);

	put_byte(bytes, head);
	put_byte(bytes, policy->errors_max);
	put_byte(bytes, cut);
	for (size_t i = 0; i < dialogue->count; i++) {
		if (dialogue->acts[i].kind == DIALOGUE_BYTES)
			write_bytes(&dialogue->acts[i], bytes);
		else
			write_plain(&dialogue->acts[i], bytes);
	}
}

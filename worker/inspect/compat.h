/*
 * compat -- the old systems' ways, exact to the byte, for the built-in compatibility maps
 *
 *   ASA          `inspect esmtp` with its default map: asterisks for the banner, unknown EHLO lines
 *                as XXXXXXXA, unknown verbs as X, refusals without a word
 *   FIXUP_5_1    `fixup protocol smtp`: seven verbs, others become NOOP (or X), asterisks but 2 and 0
 *   FIXUP_4_4    seven verbs, others get OK, all of the banner asterisks
 *   MAILHOST_4_0 as 4.4, and the banner is "220 SMTP/cmap____ read"
 *
 * They do harm and are there for those who must show or reproduce it: a masked banner makes
 * Postfix clients stop using ESMTP, STARTTLS is taken away, nobody is told why mail is refused.
 * What the old systems did to packets is done here to lines, whole ones; and bare CR, bare LF and
 * NUL never reach the server: no map opens a smuggling hole.
 */
#ifndef INSPECT_COMPAT_H
#define INSPECT_COMPAT_H

#include "worker/inspect/command_parse.h"
#include "worker/inspect/policy.h"
#include "worker/inspect/reply.h"

struct builder;

/* A command line under a compatibility map; false: it may go on as any other.  True: dealt with. */
bool compat_take_line(
    struct builder *build, const struct command *command, const uint8_t *line, size_t length);
/* A line beyond every limit was dropped: dealt with as one that is not known. */
void compat_take_skipped(struct builder *build);
/* The greeting; false: the map says nothing of it. */
bool compat_banner(struct builder *build, const struct reply *reply, const uint8_t *bytes);
/* The reply to EHLO; false: the map says nothing of it. */
bool compat_ehlo(struct builder *build, const struct reply *reply, const uint8_t *bytes);
/* The map refuses without a word. */
bool compat_is_silent(const struct inspect_policy *policy);

#endif

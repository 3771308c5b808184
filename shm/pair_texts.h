/*
 * pair_texts -- configuration texts on their way between the managers of a pair
 *
 * The texts lie in files of the state folder (daemon/pair_file.h); here is said which are new, and what
 * became of them:
 *
 *	pair_texts_own    policy   manager: what it has laid out for the other host; its verdict of what came
 *	pair_texts_peer   control  sync: what has come from the other host; its manager's verdict of ours
 *
 * Each is written whole by its one writer.  A number rises with each text, and stays over the death of
 * either process.  Without a failover group nobody writes them.
 */
#ifndef SHM_PAIR_TEXTS_H
#define SHM_PAIR_TEXTS_H

#include "shm/layout.h"
#include "shm/pair.h"

#include <stdbool.h>

#define PAIR_DIGEST_SIZE 32u

/* In the order in which they are told, and taken: who has the running configuration knows whether it is to be
 * taken back. */
enum pair_text_kind {
	PAIR_TEXT_POLICIES, /* that sessions run by, and the running configuration does not give any more */
	PAIR_TEXT_CONFIRM, /* what an unconfirmed commit goes back to, and when */
	PAIR_TEXT_RUNNING,
	PAIR_TEXT_STARTUP,
	PAIR_TEXT_CANDIDATE,
	PAIR_TEXT_KINDS
};

enum pair_verdict { PAIR_VERDICT_NONE, PAIR_VERDICT_TAKEN, PAIR_VERDICT_REFUSED };

struct pair_texts {
	uint64_t laid[PAIR_TEXT_KINDS]; /* number of the text that lies there; 0: none ever did */
	uint64_t seen[PAIR_TEXT_KINDS]; /* number of the reader's own latest look at the other's */
	uint64_t verdicts;		/* rises with each */
	uint8_t digest[PAIR_DIGEST_SIZE];
	uint32_t verdict; /* enum pair_verdict, of the running configuration of that digest */
	char reason[PAIR_TEXT_MAX]; /* PAIR_VERDICT_REFUSED: why */
	uint8_t reserved[4];
};

struct pair_texts_view {
	_Atomic uint64_t sequence;
	struct pair_texts texts;
};

void pair_texts_publish(struct pair_texts_view *view, const struct pair_texts *texts);
/* All zero when nothing was published, or its writer died within. */
void pair_texts_read(const struct pair_texts_view *view, struct pair_texts *ret_texts);
/* The same, unless it is what was seen last.  At first `seen` is 0 and texts are all zero. */
void pair_texts_follow(
    const struct pair_texts_view *view, uint64_t *seen, struct pair_texts *texts);
void pair_texts_decide(struct pair_texts *texts, const uint8_t digest[PAIR_DIGEST_SIZE],
    enum pair_verdict verdict, const char *reason);

#endif

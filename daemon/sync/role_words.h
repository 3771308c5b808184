/*
 * role_words -- the names of role.def, for logs, `show failover` and tests
 *
 * Each returns "" for what is out of range.  Pure.  Called by sync and its tests.
 */
#ifndef DAEMON_SYNC_ROLE_WORDS_H
#define DAEMON_SYNC_ROLE_WORDS_H

const char *role_state_word(unsigned state);
const char *role_input_word(unsigned kind);
const char *role_action_word(unsigned kind);
const char *role_timer_word(unsigned timer);
const char *role_path_word(unsigned path);
const char *role_reason_word(unsigned reason);
const char *role_reason_text(unsigned reason);
const char *role_refusal_word(unsigned refusal);
const char *role_refusal_text(unsigned refusal);

#endif

/*
 * silence -- the sessions of this host end without a packet: they are the other host's
 *
 * The door is shut.  Workers that have sessions are killed, so that nobody reads or writes a connection
 * while it is put into repair mode; others are started in their place.  Then all connections are
 * ended, those too that nobody has accepted yet or that no process holds any more (orphans.h), and the slots are sync's, which takes away what is left in
 * them (shm/slot.h).
 *
 * Supervisor only.
 */
#ifndef SUPERVISOR_SILENCE_H
#define SUPERVISOR_SILENCE_H

struct supervisor;

/* 0, or -ETIMEDOUT: a worker does not end, and nothing was done. */
int silence_all(struct supervisor *supervisor);

#endif

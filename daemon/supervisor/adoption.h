/*
 * adoption -- a dead worker's sessions
 *
 * Only after the worker was reaped: nobody reads or writes its sessions then.  If it died by a
 * fault inside a step, the session of that step is marked; marked twice at the same position it
 * is poisoned: quarantined, and from then on adopted "to end" only.  All its sessions become
 * unowned and go to the workers that are ready; what the adopter is told is measured when it is
 * sent (dispatch).
 */
#ifndef SUPERVISOR_ADOPTION_H
#define SUPERVISOR_ADOPTION_H

#include "daemon/supervisor/supervisor.h"

#define ADOPTION_MARKS_MAX 2u

/* How many sessions became unowned. */
uint32_t adoption_take_over(
    struct supervisor *supervisor, uint32_t worker, const struct process_death *death);

/* Pure: the mark after one more death at that place; how many there are now. */
uint32_t adoption_mark(struct slot_custody *custody, uint32_t direction, uint64_t position);

#endif

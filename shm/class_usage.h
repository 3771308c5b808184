/*
 * class_usage -- how many sessions count against the limits of each class
 *
 * One entry per class of the listener table in force, in its order, in control.  Only the supervisor
 * writes it.  `refused` outlives a change of the table as long as the class keeps both its names.
 */
#ifndef SHM_CLASS_USAGE_H
#define SHM_CLASS_USAGE_H

#include "shm/policy_area.h"

struct class_usage {
	char policy[CLASS_NAME_SIZE]; /* "": no class */
	char name[CLASS_NAME_SIZE];
	_Atomic uint32_t connections;
	_Atomic uint32_t embryonic;
	_Atomic uint64_t refused;
	uint8_t reserved[24];
};
_Static_assert(sizeof(struct class_usage) == 128, "two lines per class");

#endif

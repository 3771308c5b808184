/*
 * setup_folder -- the folder into which `failover setup` writes, one folder in it for each host
 *
 *	FOLDER/NODE/failover.key  smtpguard.conf  keepalived.conf
 *
 * FOLDER is made and must not exist, so that nothing is written over; root only, because of the key.
 * After an error nothing of it is left.
 */
#ifndef CTL_SETUP_FOLDER_H
#define CTL_SETUP_FOLDER_H

#include "ctl/setup.h"

#define SETUP_FOLDER_MAX 512 /* of its path, with the NUL */

/* false: `why` says what could not be made. */
bool setup_folder_write(const struct setup *setup, const char *folder, char why[SETUP_WHY_MAX]);

#endif

#include "daemon/supervisor/notify.h"

#include "config.h"

#if HAVE_LIBSYSTEMD
#include <systemd/sd-daemon.h>

void
notify_send(const char *text)
{
	sd_notify(0, text);
}
#else
void
notify_send(const char *text)
{
	(void)text;
}
#endif

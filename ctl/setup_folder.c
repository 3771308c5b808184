#include "ctl/setup_folder.h"

#include "ctl/setup_text.h"
#include "daemon/sync/key.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX  32768
#define PATH_SIZE (SETUP_FOLDER_MAX + 2 * SETUP_VALUE_MAX)

static const char *const files[] = {"failover.key", "smtpguard.conf", "keepalived.conf"};
enum { KEY, SETTINGS, KEEPALIVED, FILES };

static void
path_of(const struct setup *setup, const char *folder, unsigned host, const char *file,
    char path[PATH_SIZE])
{
	snprintf(path, PATH_SIZE, "%s/%s%s%s", folder, setup->answer[SETUP_NODES].value[host],
	    file[0] != '\0' ? "/" : "", file);
}

static bool
refuse(char why[SETUP_WHY_MAX], const char *path, const char *reason)
{
	snprintf(why, SETUP_WHY_MAX, "%.100s: %s", path, reason);
	return false;
}

static bool
write_text(const char *path, const struct text *text, char why[SETUP_WHY_MAX])
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);

	if (fd < 0)
		return refuse(why, path, strerror(errno));
	errno = ENOSPC; /* of a short write */
	bool good =
	    write(fd, text_string(text), text->length) == (ssize_t)text->length && fsync(fd) == 0;
	int error = errno;
	return (close(fd) == 0 && good) || refuse(why, path, strerror(error));
}

static bool
write_file(const struct setup *setup, const char *folder, unsigned host, unsigned file,
    char why[SETUP_WHY_MAX])
{
	char path[PATH_SIZE];
	struct text text;

	path_of(setup, folder, host, files[file], path);
	text_init(&text, FILE_MAX);
	if (file == SETTINGS)
		setup_text_settings(setup, host, &text);
	else
		setup_text_keepalived(setup, host, &text);
	bool good =
	    text.overflow ? refuse(why, path, strerror(ENOMEM)) : write_text(path, &text, why);
	text_free(&text);
	return good;
}

static bool
make_key(const struct setup *setup, const char *folder, char why[SETUP_WHY_MAX])
{
	char path[2][PATH_SIZE], reason[KEY_WHY_MAX];

	for (unsigned host = 0; host < 2; host++)
		path_of(setup, folder, host, files[KEY], path[host]);
	if (key_generate(path[0], reason) != 0)
		return refuse(why, path[0], reason);
	return link(path[0], path[1]) == 0 || refuse(why, path[1], strerror(errno));
}

static bool
make_hosts(const struct setup *setup, const char *folder, char why[SETUP_WHY_MAX])
{
	char path[PATH_SIZE];

	for (unsigned host = 0; host < 2; host++) {
		path_of(setup, folder, host, "", path);
		if (mkdir(path, 0700) != 0)
			return refuse(why, path, strerror(errno));
		for (unsigned file = SETTINGS; file < FILES; file++)
			if (!write_file(setup, folder, host, file, why))
				return false;
	}
	return make_key(setup, folder, why);
}

static void
remove_all(const struct setup *setup, const char *folder)
{
	char path[PATH_SIZE];

	for (unsigned host = 0; host < 2; host++) {
		for (unsigned file = 0; file < FILES; file++) {
			path_of(setup, folder, host, files[file], path);
			unlink(path);
		}
		path_of(setup, folder, host, "", path);
		rmdir(path);
	}
	rmdir(folder);
}

bool
setup_folder_write(const struct setup *setup, const char *folder, char why[SETUP_WHY_MAX])
{
	if (strlen(folder) >= SETUP_FOLDER_MAX)
		return refuse(why, folder, strerror(ENAMETOOLONG));
	if (mkdir(folder, 0700) != 0)
		return refuse(why, folder,
		    errno == EEXIST ? "is there already, and nothing in it is replaced"
				    : strerror(errno));
	if (make_hosts(setup, folder, why))
		return true;
	remove_all(setup, folder);
	return false;
}

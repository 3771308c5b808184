#include "daemon/supervisor/door_command.h"

#include "daemon/gate/early_rule.h"
#include "daemon/supervisor/door_netlink.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define NFT "nft"

static int
complain(const char *what, int error)
{
	fprintf(stderr, "smtpguardd: %s: %s%s\n", what, strerror(-error),
	    error == -EPERM    ? " (CAP_NET_ADMIN is needed)"
	    : error == -ENOENT ? " (smtpguardd --door install makes the door)"
			       : "");
	return error == -EPERM ? EX_NOPERM : EX_OSERR;
}

/* ---- install ---- */

static void
become_nft(const int ends[2])
{
	if (dup2(ends[0], STDIN_FILENO) < 0)
		_exit(EX_OSERR);
	close(ends[0]);
	close(ends[1]);
	execlp(NFT, NFT, "-f", "-", NULL);
	fprintf(stderr, "smtpguardd: cannot start " NFT "(8): %s\n", strerror(errno));
	_exit(errno == ENOENT ? EX_UNAVAILABLE : EX_OSERR);
}

static bool
write_whole(int fd, const char *text, size_t length)
{
	while (length > 0) {
		ssize_t n = write(fd, text, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		text += n;
		length -= (size_t)n;
	}
	return true;
}

static int
give_to_nft(const char *text)
{
	int ends[2], status;
	bool written;
	pid_t pid;

	if (pipe(ends) < 0)
		return complain("pipe", -errno);
	pid = fork();
	if (pid == 0)
		become_nft(ends);
	close(ends[0]);
	signal(SIGPIPE, SIG_IGN); /* nft has ended; its status says why */
	written = pid > 0 && write_whole(ends[1], text, strlen(text));
	close(ends[1]);
	if (pid < 0)
		return complain("fork", -errno);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return complain("waitpid", -errno);
	if (written && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return EX_OK;
	fprintf(stderr, "smtpguardd: " NFT "(8) has not made the door\n");
	return WIFEXITED(status) && WEXITSTATUS(status) > 1 ? WEXITSTATUS(status) : EX_OSERR;
}

static int
write_rules(const struct settings_failover *failover, char text[DOOR_TEXT_MAX])
{
	int r = door_plan_write(failover, text, DOOR_TEXT_MAX);

	return r < 0 ? complain("rules", r) : EX_OK;
}

static int
run_install(const struct settings_failover *failover)
{
	char text[DOOR_TEXT_MAX];
	int status = write_rules(failover, text);

	return status != EX_OK ? status : give_to_nft(text);
}

static int
run_rules(const struct settings_failover *failover)
{
	char text[DOOR_TEXT_MAX];
	int status = write_rules(failover, text);

	if (status == EX_OK)
		fputs(text, stdout);
	return status;
}

/* ---- show, open, close ---- */

static int
run_show(const struct settings_failover *failover)
{
	struct door_status status = {0};
	struct door_reading reading;
	int r = door_netlink_read(&reading);

	if (r < 0)
		return complain("nftables cannot be asked", r);
	door_plan_compare(failover, &reading, &status);
	for (unsigned i = 0; i < DOOR_FAMILIES; i++)
		printf("%s: %s\n", door_family_word(i), door_state_word(status.state[i]));
	if (status.fault[0] == '\0')
		return EX_OK;
	fprintf(stderr, "smtpguardd: %s\n", status.fault);
	return 1;
}

static int
run_open(const struct settings_failover *failover)
{
	int r = door_netlink_open(door_families(failover));

	/* Of a daemon that is gone: nobody would let go what waits before the door. */
	if (r == 0)
		r = early_rule_remove();
	return r < 0 ? complain("cannot open the door", r) : EX_OK;
}

static int
run_close(const struct settings_failover *failover)
{
	int r = door_netlink_close();

	(void)failover;
	return r < 0 ? complain("cannot close the door", r) : EX_OK;
}

static const struct command {
	const char *word;
	int (*run)(const struct settings_failover *failover);
} commands[] = {
    {"install", run_install},
    {"rules", run_rules},
    {"show", run_show},
    {"open", run_open},
    {"close", run_close},
};

int
door_command(const struct settings_failover *failover, const char *word)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].word, word) != 0)
			continue;
		if (failover->line != 0)
			return commands[i].run(failover);
		fprintf(stderr, "smtpguardd: there is no failover group: no door is needed\n");
		return EX_OK;
	}
	fprintf(stderr, "smtpguardd: --door takes " DOOR_COMMAND_WORDS ", not \"%s\"\n", word);
	return EX_USAGE;
}

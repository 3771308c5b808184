/*
 * settings_fuzzer -- smtpguard.conf and saved configurations as hostile bytes
 */
#include "daemon/manager/settings_load.h"
#include "daemon/manager/store_format.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libconfig 1.5 leaks the string it was reading when it finds a syntax error. */
const char *__lsan_default_suppressions(void);
const char *
__lsan_default_suppressions(void)
{
	return "leak:libconfig.so";
}

static void
try_settings(const char *source, size_t size)
{
	struct settings settings;
	struct text errors;

	text_init(&errors, SETTINGS_FILE_MAX);
	bool good = settings_load(&settings, source, size, "fuzz", &errors);
	if (good != (errors.length == 0))
		abort();
	if (good && (settings.sessions_max == 0 || settings.workers > 64 || settings.user[0] == 0))
		abort();
	text_free(&errors);
}

static void
try_store(const char *source, size_t size)
{
	struct store_entry entry;
	char why[STORE_WHY_MAX] = "";

	if (store_format_read(source, size, &entry, why))
		store_entry_free(&entry);
	else if (why[0] == '\0')
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *source = malloc(size + 1);

	if (source == NULL)
		abort();
	memcpy(source, data, size);
	source[size] = '\0';
	try_settings(source, size);
	try_store(source, size);
	free(source);
	return 0;
}

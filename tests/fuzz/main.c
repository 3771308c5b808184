/*
 * fuzz main -- runs a fuzz target over stored inputs, without a fuzzing engine
 *
 *   NAME_fuzzer FILE|FOLDER...
 *
 * Folders are read one level deep.  The corpora run so as ordinary tests; a finding ends the
 * program by a signal, and the input's name is the last one printed.
 */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
run_file(const char *path)
{
	uint8_t *buffer = malloc(INPUT_MAX);
	FILE *file = fopen(path, "rb");

	if (!buffer || !file) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		free(buffer);
		return false;
	}
	size_t length = fread(buffer, 1, INPUT_MAX, file);
	fclose(file);
	/* Memory of exactly that size, so that a sanitizer sees the first byte read beyond it. */
	uint8_t *exact = realloc(buffer, length ? length : 1);
	if (!exact)
		exact = buffer;
	printf("%s\n", path);
	fflush(stdout);
	LLVMFuzzerTestOneInput(exact, length);
	free(exact);
	return true;
}

static bool
run_path(const char *path)
{
	char inner[4096];
	bool good = true;
	DIR *folder = opendir(path);

	if (!folder)
		return run_file(path);
	for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
		good = run_file(inner) && good;
	}
	closedir(folder);
	return good;
}

int
main(int argc, char **argv)
{
	bool good = argc > 1;

	for (int i = 1; i < argc; i++)
		good = run_path(argv[i]) && good;
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

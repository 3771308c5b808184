#include "daemon/policy/edit_mode.h"

#include <string.h>

void
edit_mode_go(struct cli_place *place, enum cli_mode mode)
{
	bool stays = place->candidate && mode != CLI_VIEW && mode != CLI_EXEC;

	memset(place, 0, sizeof(*place));
	place->mode = mode;
	place->candidate = stays;
}

void
edit_enable(struct edit *edit)
{
	if (edit->place->mode == CLI_VIEW)
		edit->place->mode = CLI_EXEC;
}

void
edit_disable(struct edit *edit)
{
	edit_mode_go(edit->place, CLI_VIEW);
}

void
edit_configure(struct edit *edit)
{
	edit_mode_go(edit->place, CLI_CONFIG);
	edit->place->candidate = false;
}

void
edit_configure_candidate(struct edit *edit)
{
	edit_mode_go(edit->place, CLI_CONFIG);
	edit->place->candidate = true;
}

void
edit_exit(struct edit *edit)
{
	edit_mode_leave(edit->place);
}

void
edit_end(struct edit *edit)
{
	edit_mode_go(edit->place, CLI_EXEC);
}

void
edit_mode_leave(struct cli_place *place)
{
	switch (place->mode) {
	case CLI_PARAMETERS:
		place->mode = CLI_POLICY_MAP;
		break;
	case CLI_CLASS:
		place->mode = CLI_POLICY_MAP;
		memset(place->class_name, 0, sizeof(place->class_name));
		break;
	case CLI_POLICY_MAP:
	case CLI_CLASS_MAP:
		edit_mode_go(place, CLI_CONFIG);
		break;
	case CLI_CONFIG:
		edit_mode_go(place, CLI_EXEC);
		break;
	case CLI_EXEC:
	case CLI_VIEW:
		break;
	}
}

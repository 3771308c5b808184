#include "worker/inspect/scan.h"

enum inspect_scan
inspect_scan_best(void)
{
	return INSPECT_SCAN_PORTABLE;
}

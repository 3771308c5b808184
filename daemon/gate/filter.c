#include "daemon/gate/filter.h"

#include "daemon/gate/filter.skel.h"
#include "daemon/gate/filter_maps.h"
#include "daemon/gate/positions.h"
#include "daemon/gate/rule.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* What libbpf would print is said by the step and the number of the error. */
static int
say_nothing(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level;
	(void)format;
	(void)arguments;
	return 0;
}

static int
keep(int fd)
{
	int kept = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	return kept < 0 ? -errno : kept;
}

static int
keep_all(struct gate_filter *filter, const struct filter_bpf *skeleton)
{
	filter->program = keep(bpf_program__fd(skeleton->progs.must_not_leave));
	filter->positions = keep(bpf_map__fd(skeleton->maps.gate_places));
	filter->guards = keep(bpf_map__fd(skeleton->maps.gate_guards));
	if (filter->program < 0)
		return filter->program;
	if (filter->positions < 0)
		return filter->positions;
	return filter->guards < 0 ? filter->guards : 0;
}

int
gate_filter_load(struct gate_filter *filter, uint32_t slots, const char **ret_step)
{
	struct filter_bpf *skeleton;
	int error;

	*filter = (struct gate_filter){-1, -1, -1};
	*ret_step = "slots";
	if (slots == 0 || slots > MARK_SLOTS_MAX)
		return -EINVAL;
	*ret_step = "eBPF filter";
	libbpf_set_print(say_nothing);
	skeleton = filter_bpf__open();
	if (skeleton == NULL)
		return -errno;
	error = bpf_map__set_max_entries(skeleton->maps.gate_places, gate_positions_count(slots));
	if (error == 0)
		error = filter_bpf__load(skeleton);
	if (error == 0)
		error = keep_all(filter, skeleton);
	filter_bpf__destroy(skeleton);
	if (error < 0)
		gate_filter_close(filter);
	return error;
}

void
gate_filter_close(struct gate_filter *filter)
{
	const int held[] = {filter->program, filter->positions, filter->guards};

	for (size_t i = 0; i < sizeof(held) / sizeof(held[0]); i++)
		if (held[i] >= 0)
			close(held[i]);
	*filter = (struct gate_filter){-1, -1, -1};
}

static bool
is_map(int fd, uint32_t type, uint32_t key, uint32_t value, uint32_t entries)
{
	struct bpf_map_info info = {0};
	uint32_t length = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &length) == 0 && info.type == type &&
	       info.key_size == key && info.value_size == value && info.max_entries == entries;
}

static bool
is_program(int fd)
{
	struct bpf_prog_info info = {0};
	uint32_t length = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &length) == 0 &&
	       info.type == BPF_PROG_TYPE_SOCKET_FILTER;
}

int
gate_filter_fits(const struct gate_filter *filter, uint32_t slots, const char **ret_step)
{
	*ret_step = "table of positions";
	if (!is_map(filter->positions, BPF_MAP_TYPE_ARRAY, sizeof(uint32_t),
		sizeof(struct gate_place), gate_positions_count(slots)))
		return -EPROTO;
	*ret_step = "guarded addresses";
	if (!is_map(filter->guards, BPF_MAP_TYPE_LPM_TRIE, sizeof(struct filter_guard),
		sizeof(uint32_t), FILTER_GUARDS_MAX))
		return -EPROTO;
	*ret_step = "eBPF filter";
	return is_program(filter->program) ? 0 : -EPROTO;
}

static int
guard_of(const struct shm_endpoint *address, unsigned bits, struct filter_guard *ret_guard)
{
	*ret_guard = (struct filter_guard){.bits = bits};
	if ((address->family != 4 && address->family != 6) ||
	    bits > (address->family == 4 ? 32u : 128u))
		return -EINVAL;
	if (address->family == 6) {
		memcpy(ret_guard->address, address->address, 16);
	} else {
		ret_guard->bits += 96;
		ret_guard->address[10] = ret_guard->address[11] = 0xff;
		memcpy(ret_guard->address + 12, address->address, 4);
	}
	return 0;
}

int
gate_filter_guard(
    const struct gate_filter *filter, const struct shm_endpoint *address, unsigned bits)
{
	struct filter_guard guard;
	uint32_t port = address->port;
	int error = guard_of(address, bits, &guard);

	if (error < 0)
		return error;
	return bpf_map_update_elem(filter->guards, &guard, &port, BPF_ANY) < 0 ? -errno : 0;
}

int
gate_filter_unguard(
    const struct gate_filter *filter, const struct shm_endpoint *address, unsigned bits)
{
	struct filter_guard guard;
	int error = guard_of(address, bits, &guard);

	if (error < 0)
		return error;
	return bpf_map_delete_elem(filter->guards, &guard) < 0 ? -errno : 0;
}

int
gate_filter_install(const struct gate_filter *filter, uint16_t queue, const char **ret_step)
{
	*ret_step = "packet filter rule";
	return gate_rule_install(filter->program, queue);
}

int
gate_filter_check(const char **ret_step)
{
	*ret_step = "packet filter rule";
	return gate_rule_check();
}

int
gate_filter_remove(const char **ret_step)
{
	*ret_step = "packet filter rule";
	return gate_rule_remove();
}

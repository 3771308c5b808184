/*
 * types -- the kinds of values in the command language
 *
 * Each has a check (pure syntax; whether a name exists is the command's matter), the form that
 * `?` shows, and perhaps a list of what can stand there, for TAB.  No heap, no state.
 */
#ifndef DAEMON_POLICY_TYPES_H
#define DAEMON_POLICY_TYPES_H

#include "daemon/policy/config.h"
#include "shm/layout.h"

#define VALUE_ADDRESS_TEXT 46

enum value_type {
	VALUE_KEYWORD,
#define TYPE(name, form, check, list) VALUE_##name,
#include "daemon/policy/types.def"
#undef TYPE
	VALUE_TYPES
};

/* VALUE_TYPES if there is none of that name. */
enum value_type value_type_find(const char *name, size_t length);
bool value_check(enum value_type type, const char *text, uint32_t least, uint32_t most);
void value_form(enum value_type type, uint32_t least, uint32_t most, char *buffer, size_t size);
/* The index-th word that may stand here, or NULL. */
const char *value_list(enum value_type type, const struct config *config, unsigned index);

/* Of texts that value_check() has accepted. */
uint32_t value_number(const char *text);
uint16_t value_port(const char *text);
void value_ports(const char *text, uint16_t *ret_first, uint16_t *ret_last);
/* The bits; address: what stands before the slash. */
unsigned value_prefix(const char *text, char address[VALUE_ADDRESS_TEXT]);
bool value_address(const char *text, struct shm_endpoint *ret_endpoint);
void value_interfaces(const char *text, char real[33], char mapped[33]);
void value_address_text(const struct shm_endpoint *endpoint, char buffer[VALUE_ADDRESS_TEXT]);

#endif

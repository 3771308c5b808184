#include "daemon/sync/tls.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE     64u
#define IDENTITY_SIZE (2 * NAME_SIZE)
#define ANY_NAME      "*"
/* The key's hash is that of the suite: both suites have SHA-256 (RFC 8446 4.2.11). */
#define SUITES "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256"

static const unsigned char suite_of_key[] = {0x13, 0x01}; /* TLS_AES_128_GCM_SHA256 */

struct tls {
	SSL_CTX *context;
	SSL *ssl;
	BIO *in, *out; /* the connection's, once it is there */
	enum tls_state state;
	enum tls_error error;
	bool has_heard;	  /* a byte of the other side */
	bool was_offered; /* server: the client has named a key */
	char node[NAME_SIZE];
	char peer[NAME_SIZE];	      /* "": any */
	char identity[IDENTITY_SIZE]; /* client: what it calls the key */
	uint8_t key[KEY_SIZE];
};

static const char *const texts[TLS_ERRORS] = {
    [TLS_GOOD] = "nothing",
    [TLS_NOT_TLS] = "the other side does not speak TLS",
    [TLS_OLD_VERSION] = "the other side does not speak TLS 1.3",
    [TLS_NO_KEY] = "the other side has no key of a pair",
    [TLS_WRONG_KEY] = "the other host has another key",
    [TLS_OTHER_NAME] = "the names of the two hosts do not fit those that the other has",
    [TLS_SAME_NAME] = "both hosts have the same name",
    [TLS_REFUSED_KEY] = "the other host refuses the key: is it the same there?",
    [TLS_REFUSED_HOST] = "the other host refuses this one: do names and peers fit?",
    [TLS_DAMAGED] = "the data was changed on its way",
    [TLS_BROKEN] = "the other side breaks the rules of TLS",
    [TLS_NO_MEMORY] = "no memory",
};

const char *
tls_error_text(enum tls_error error)
{
	return texts[error];
}

enum tls_state
tls_state(const struct tls *tls)
{
	return tls->state;
}

enum tls_error
tls_error(const struct tls *tls)
{
	return tls->error;
}

static SSL_SESSION *
make_session(const struct tls *tls, SSL *ssl)
{
	const SSL_CIPHER *cipher = SSL_CIPHER_find(ssl, suite_of_key);
	SSL_SESSION *session = SSL_SESSION_new();

	if (session == NULL)
		return NULL;
	if (cipher == NULL || SSL_SESSION_set1_master_key(session, tls->key, KEY_SIZE) != 1 ||
	    SSL_SESSION_set_cipher(session, cipher) != 1 ||
	    SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) != 1) {
		SSL_SESSION_free(session);
		return NULL;
	}
	return session;
}

/* Client: which key, under which identity. */
static int
offer_key(SSL *ssl, const EVP_MD *hash, const unsigned char **identity, size_t *length,
    SSL_SESSION **session)
{
	struct tls *tls = SSL_get_app_data(ssl);

	/* After a retry the hash is settled; the key has no other than SHA-256. */
	if (hash != NULL && EVP_MD_get_type(hash) != NID_sha256)
		return 0;
	*session = make_session(tls, ssl);
	*identity = (const unsigned char *)tls->identity;
	*length = strlen(tls->identity);
	return *session != NULL;
}

static bool
is_name(const unsigned char *bytes, size_t length, const char *name)
{
	return length == strlen(name) && memcmp(bytes, name, length) == 0;
}

/* "CLIENT>SERVER" as a client says it. */
static enum tls_error
judge_identity(const struct tls *tls, const unsigned char *identity, size_t length)
{
	const unsigned char *sign = memchr(identity, '>', length);

	if (sign == NULL)
		return TLS_OTHER_NAME;
	size_t client = (size_t)(sign - identity), server = length - client - 1;
	if (is_name(identity, client, tls->node))
		return TLS_SAME_NAME;
	if (tls->peer[0] != '\0' && !is_name(identity, client, tls->peer))
		return TLS_OTHER_NAME;
	return is_name(sign + 1, server, ANY_NAME) || is_name(sign + 1, server, tls->node)
		   ? TLS_GOOD
		   : TLS_OTHER_NAME;
}

/* Server: what the client calls its key; without a session the handshake cannot go on. */
static int
find_key(SSL *ssl, const unsigned char *identity, size_t length, SSL_SESSION **session)
{
	struct tls *tls = SSL_get_app_data(ssl);

	*session = NULL;
	tls->was_offered = true;
	tls->error = judge_identity(tls, identity, length);
	if (tls->error != TLS_GOOD)
		return 1;
	*session = make_session(tls, ssl);
	return *session != NULL;
}

static bool
open_context(struct tls *tls, bool is_client)
{
	tls->context = SSL_CTX_new(is_client ? TLS_client_method() : TLS_server_method());
	if (tls->context == NULL ||
	    SSL_CTX_set_min_proto_version(tls->context, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_max_proto_version(tls->context, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_ciphersuites(tls->context, SUITES) != 1 ||
	    SSL_CTX_set_num_tickets(tls->context, 0) != 1)
		return false;
	SSL_CTX_set_options(tls->context, SSL_OP_NO_TICKET);
	SSL_CTX_set_session_cache_mode(tls->context, SSL_SESS_CACHE_OFF);
	if (!is_client) {
		SSL_CTX_set_psk_find_session_callback(tls->context, find_key);
		return true;
	}
	/* Nobody has a certificate: a server that shows one is refused. */
	SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_psk_use_session_callback(tls->context, offer_key);
	return true;
}

static bool
open_connection(struct tls *tls, bool is_client)
{
	tls->in = BIO_new(BIO_s_mem());
	tls->out = BIO_new(BIO_s_mem());
	tls->ssl = SSL_new(tls->context);
	if (tls->in == NULL || tls->out == NULL || tls->ssl == NULL) {
		BIO_free(tls->in);
		BIO_free(tls->out);
		return false;
	}
	/* Empty means: not yet. */
	BIO_set_mem_eof_return(tls->in, -1);
	BIO_set_mem_eof_return(tls->out, -1);
	SSL_set_bio(tls->ssl, tls->in, tls->out);
	SSL_set_app_data(tls->ssl, tls);
	if (is_client)
		SSL_set_connect_state(tls->ssl);
	else
		SSL_set_accept_state(tls->ssl);
	return true;
}

static void go_on(struct tls *tls);

struct tls *
tls_create(bool is_client, const char *node, const char *peer, const uint8_t key[KEY_SIZE])
{
	struct tls *tls = calloc(1, sizeof(*tls));

	if (tls == NULL)
		return NULL;
	snprintf(tls->node, sizeof(tls->node), "%s", node);
	snprintf(tls->peer, sizeof(tls->peer), "%s", peer);
	snprintf(tls->identity, sizeof(tls->identity), "%.63s>%.63s", node,
	    peer[0] == '\0' ? ANY_NAME : peer);
	memcpy(tls->key, key, KEY_SIZE);
	if (!open_context(tls, is_client) || !open_connection(tls, is_client)) {
		ERR_clear_error();
		tls_destroy(tls);
		return NULL;
	}
	go_on(tls);
	return tls;
}

void
tls_destroy(struct tls *tls)
{
	if (tls == NULL)
		return;
	SSL_free(tls->ssl); /* and its two BIOs */
	SSL_CTX_free(tls->context);
	OPENSSL_cleanse(tls, sizeof(*tls));
	free(tls);
}

static enum tls_error
error_of_reason(const struct tls *tls, int reason)
{
	switch (reason) {
	case SSL_R_BINDER_DOES_NOT_VERIFY:
		return TLS_WRONG_KEY;
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
		return TLS_OLD_VERSION;
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_HTTP_REQUEST:
	case SSL_R_HTTPS_PROXY_REQUEST:
	case SSL_R_RECORD_TOO_SMALL:
	case SSL_R_BAD_RECORD_TYPE:
		return tls->state == TLS_GREETING ? TLS_NOT_TLS : TLS_BROKEN;
	case SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC:
		return TLS_DAMAGED;
	case SSL_R_SSLV3_ALERT_BAD_RECORD_MAC:
		return TLS_DAMAGED;
	case SSL_R_SSLV3_ALERT_ILLEGAL_PARAMETER:
		return TLS_REFUSED_KEY;
	case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
	case SSL_R_TLSV13_ALERT_MISSING_EXTENSION:
		return TLS_REFUSED_HOST;
	case SSL_R_CERTIFICATE_VERIFY_FAILED:
		return TLS_NO_KEY;
	case ERR_R_MALLOC_FAILURE:
		return TLS_NO_MEMORY;
	default:
		return TLS_BROKEN;
	}
}

static void
fail(struct tls *tls)
{
	enum tls_error error = error_of_reason(tls, ERR_GET_REASON(ERR_peek_error()));

	ERR_clear_error();
	/* A server that was offered no key looks for a certificate, and has none. */
	if (tls->state == TLS_GREETING && error == TLS_BROKEN && SSL_is_server(tls->ssl) &&
	    !tls->was_offered && SSL_get_state(tls->ssl) != TLS_ST_BEFORE)
		error = TLS_NO_KEY;
	if (tls->error == TLS_GOOD)
		tls->error = error;
	tls->state = TLS_FAILED;
}

/* What a call of OpenSSL has given that did not do all it should. */
static void
judge(struct tls *tls, int result)
{
	switch (SSL_get_error(tls->ssl, result)) {
	case SSL_ERROR_NONE:
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return;
	case SSL_ERROR_ZERO_RETURN:
		tls->state = TLS_ENDED;
		return;
	default:
		fail(tls);
	}
}

static void
go_on(struct tls *tls)
{
	ERR_clear_error();
	int result = SSL_do_handshake(tls->ssl);
	if (result != 1) {
		judge(tls, result);
		return;
	}
	/* Only the key says who the other side is. */
	if (!SSL_session_reused(tls->ssl)) {
		tls->error = TLS_NO_KEY;
		tls->state = TLS_FAILED;
		return;
	}
	tls->state = TLS_OPEN;
}

/* At once, and not when a record's length has come together: who waits for a greeting gets none. */
static bool
begins_like_tls(struct tls *tls, uint8_t first)
{
	tls->has_heard = true;
	if (first == SSL3_RT_HANDSHAKE || first == SSL3_RT_ALERT)
		return true;
	tls->error = TLS_NOT_TLS;
	tls->state = TLS_FAILED;
	return false;
}

size_t
tls_feed(struct tls *tls, const uint8_t *bytes, size_t length)
{
	size_t waiting = BIO_ctrl_pending(tls->in);

	if (length > 0 && !tls->has_heard && !begins_like_tls(tls, bytes[0]))
		return 0;
	if (waiting >= TLS_BUFFER_MAX || length == 0 || tls->state == TLS_FAILED)
		return 0;
	if (length > TLS_BUFFER_MAX - waiting)
		length = TLS_BUFFER_MAX - waiting;
	int taken = BIO_write(tls->in, bytes, (int)length);
	return taken > 0 ? (size_t)taken : 0;
}

size_t
tls_drain(struct tls *tls, uint8_t *to, size_t size)
{
	if (size > TLS_BUFFER_MAX)
		size = TLS_BUFFER_MAX;
	int given = BIO_read(tls->out, to, (int)size);
	return given > 0 ? (size_t)given : 0;
}

size_t
tls_read(struct tls *tls, uint8_t *to, size_t size)
{
	size_t length = 0;

	if (tls->state == TLS_GREETING)
		go_on(tls);
	if (tls->state != TLS_OPEN || size == 0)
		return 0;
	ERR_clear_error();
	int result = SSL_read_ex(tls->ssl, to, size, &length);
	if (result != 1) {
		judge(tls, result);
		return 0;
	}
	return length;
}

size_t
tls_write(struct tls *tls, const uint8_t *bytes, size_t length)
{
	size_t written = 0;

	if (tls->state != TLS_OPEN || length == 0 || BIO_ctrl_pending(tls->out) >= TLS_BUFFER_MAX)
		return 0;
	ERR_clear_error();
	int result = SSL_write_ex(tls->ssl, bytes, length, &written);
	if (result != 1) {
		judge(tls, result);
		return 0;
	}
	return written;
}

void
tls_finish(struct tls *tls)
{
	if (tls->state != TLS_OPEN && tls->state != TLS_ENDED)
		return;
	ERR_clear_error();
	SSL_shutdown(tls->ssl);
	ERR_clear_error();
}

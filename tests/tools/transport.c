#include "tests/tools/transport.h"

#include <err.h>
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <unistd.h>

#define CERTIFICATE_SECONDS 86400

static SSL_CTX *contexts[2];

static void
certificate_make(SSL_CTX *context)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();
	X509_NAME *name;

	if (key == NULL || certificate == NULL)
		errx(1, "cannot make a TLS key");
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), CERTIFICATE_SECONDS);
	name = X509_get_subject_name(certificate);
	X509_NAME_add_entry_by_txt(
	    name, "CN", MBSTRING_ASC, (const unsigned char *)"sink.test", -1, -1, 0);
	if (X509_set_issuer_name(certificate, name) != 1 ||
	    X509_set_pubkey(certificate, key) != 1 ||
	    X509_sign(certificate, key, EVP_sha256()) == 0 ||
	    SSL_CTX_use_certificate(context, certificate) != 1 ||
	    SSL_CTX_use_PrivateKey(context, key) != 1)
		errx(1, "cannot make a TLS certificate");
	X509_free(certificate);
	EVP_PKEY_free(key);
}

void
transport_setup(enum transport_side side)
{
	SSL_CTX *context =
	    SSL_CTX_new(side == TRANSPORT_SERVER ? TLS_server_method() : TLS_client_method());

	if (context == NULL)
		errx(1, "cannot set up TLS");
	SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
	if (side == TRANSPORT_SERVER) {
		certificate_make(context);
		SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
		SSL_CTX_set_num_tickets(context, 0);
	}
	contexts[side] = context;
}

void
transport_tls(struct transport *transport, enum transport_side side)
{
	transport->tls = SSL_new(contexts[side]);
	if (transport->tls == NULL || SSL_set_fd(transport->tls, transport->fd) != 1)
		errx(1, "cannot start TLS");
	if (side == TRANSPORT_SERVER)
		SSL_set_accept_state(transport->tls);
	else
		SSL_set_connect_state(transport->tls);
}

static int
tls_error(void)
{
	int reason = ERR_GET_REASON(ERR_peek_error());

	ERR_clear_error();
	return reason == SSL_R_UNEXPECTED_EOF_WHILE_READING ? -ENODATA : -EPROTO;
}

/* What an SSL call that did not succeed means, in errno terms. */
static int
tls_failure(struct transport *transport, int result)
{
	int saved = errno;

	switch (SSL_get_error(transport->tls, result)) {
	case SSL_ERROR_WANT_READ:
		return -EAGAIN;
	case SSL_ERROR_WANT_WRITE:
		transport->wants_write = true;
		return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		ERR_clear_error();
		return saved != 0 ? -saved : -EPROTO;
	default:
		return tls_error();
	}
}

int
transport_handshake(struct transport *transport)
{
	int result, failure;

	transport->wants_write = false;
	errno = 0;
	result = SSL_do_handshake(transport->tls);
	if (result == 1)
		return 0;
	failure = tls_failure(transport, result);
	return failure == 0 ? -EPROTO : failure;
}

bool
transport_pending(const struct transport *transport)
{
	return transport->tls != NULL && SSL_pending(transport->tls) > 0;
}

ssize_t
transport_read(struct transport *transport, char *bytes, size_t size)
{
	ssize_t result;

	if (transport->tls != NULL) {
		transport->wants_write = false;
		errno = 0;
		result = SSL_read(transport->tls, bytes, size > INT_MAX ? INT_MAX : (int)size);
		return result > 0 ? result : tls_failure(transport, (int)result);
	}
	do
		result = recv(transport->fd, bytes, size, 0);
	while (result < 0 && errno == EINTR);
	return result < 0 ? -errno : result;
}

ssize_t
transport_write(struct transport *transport, const char *bytes, size_t length)
{
	ssize_t result;

	if (transport->tls != NULL) {
		transport->wants_write = false;
		errno = 0;
		result = SSL_write(transport->tls, bytes, length > INT_MAX ? INT_MAX : (int)length);
		if (result > 0)
			return result;
		result = tls_failure(transport, (int)result);
		return result == 0 ? -EPIPE : result;
	}
	do
		result = send(transport->fd, bytes, length, MSG_NOSIGNAL);
	while (result < 0 && errno == EINTR);
	return result < 0 ? -errno : result;
}

void
transport_shutdown(struct transport *transport)
{
	if (transport->tls != NULL) {
		SSL_shutdown(transport->tls);
		ERR_clear_error();
	}
	shutdown(transport->fd, SHUT_WR);
}

void
transport_close(struct transport *transport)
{
	if (transport->tls != NULL)
		SSL_free(transport->tls);
	if (transport->fd >= 0)
		close(transport->fd);
	*transport = (struct transport){.fd = -1};
}

void
transport_reset(struct transport *transport)
{
	struct linger linger = {.l_onoff = 1, .l_linger = 0};

	setsockopt(transport->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	transport_close(transport);
}

/* Two ends of the secured connection, joined by memory; and what is no such end. */
#include "daemon/sync/tls.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t key[KEY_SIZE] = {1, 2, 3};
static const uint8_t other_key[KEY_SIZE] = {1, 2, 4};
static uint8_t wire[TLS_BUFFER_MAX];

struct pair {
	struct tls *client, *server;
};

static struct pair
pair_of(const char *client, const char *client_peer, const char *server, const char *server_peer,
    const uint8_t *server_key)
{
	struct pair pair = {
	    tls_create(true, client, client_peer, key),
	    tls_create(false, server, server_peer, server_key),
	};

	assert_non_null(pair.client);
	assert_non_null(pair.server);
	return pair;
}

static void
pair_free(struct pair pair)
{
	tls_destroy(pair.client);
	tls_destroy(pair.server);
}

/* What one has for the other, in pieces of at most `cut`. Returns how much it was. */
static size_t
carry(struct tls *from, struct tls *to, size_t cut)
{
	size_t total = 0, length;
	uint8_t none;

	while ((length = tls_drain(from, wire, cut)) > 0) {
		assert_int_equal(tls_feed(to, wire, length), length);
		assert_int_equal(tls_read(to, &none, 0), 0);
		total += length;
	}
	return total;
}

static void
shake_hands(struct pair pair, size_t cut)
{
	size_t moved;

	do {
		moved = carry(pair.client, pair.server, cut);
		moved += carry(pair.server, pair.client, cut);
	} while (moved > 0);
}

static void
say(struct tls *from, struct tls *to, const char *text)
{
	char got[64] = "";

	assert_int_equal(tls_write(from, (const uint8_t *)text, strlen(text)), strlen(text));
	carry(from, to, sizeof(wire));
	assert_int_equal(tls_read(to, (uint8_t *)got, sizeof(got)), strlen(text));
	assert_string_equal(got, text);
}

static void
test_two_hosts_of_a_pair(void **state)
{
	(void)state;
	for (size_t cut = 1; cut < 2000; cut = cut * 3 + 1) {
		struct pair pair = pair_of("mx1", "mx2", "mx2", "mx1", key);

		assert_int_equal(tls_write(pair.client, (const uint8_t *)"early", 5), 0);
		shake_hands(pair, cut);
		assert_int_equal(tls_state(pair.client), TLS_OPEN);
		assert_int_equal(tls_state(pair.server), TLS_OPEN);
		say(pair.client, pair.server, "hello");
		say(pair.server, pair.client, "hello yourself");
		tls_finish(pair.client);
		carry(pair.client, pair.server, cut);
		assert_int_equal(tls_read(pair.server, wire, sizeof(wire)), 0);
		assert_int_equal(tls_state(pair.server), TLS_ENDED);
		pair_free(pair);
	}
}

static void
expect_refusal(struct pair pair, enum tls_error server, enum tls_error client)
{
	shake_hands(pair, sizeof(wire));
	assert_int_equal(tls_state(pair.server), TLS_FAILED);
	assert_string_equal(tls_error_text(tls_error(pair.server)), tls_error_text(server));
	assert_int_equal(tls_state(pair.client), TLS_FAILED);
	assert_string_equal(tls_error_text(tls_error(pair.client)), tls_error_text(client));
	assert_int_equal(tls_write(pair.client, (const uint8_t *)"x", 1), 0);
	assert_int_equal(tls_write(pair.server, (const uint8_t *)"x", 1), 0);
	pair_free(pair);
}

static void
test_another_key(void **state)
{
	(void)state;
	expect_refusal(
	    pair_of("mx1", "mx2", "mx2", "mx1", other_key), TLS_WRONG_KEY, TLS_REFUSED_KEY);
}

static void
test_other_names(void **state)
{
	(void)state;
	expect_refusal(pair_of("mx1", "mx3", "mx2", "mx1", key), TLS_OTHER_NAME, TLS_REFUSED_HOST);
	expect_refusal(pair_of("mx3", "mx2", "mx2", "mx1", key), TLS_OTHER_NAME, TLS_REFUSED_HOST);
	expect_refusal(pair_of("mx1", "mx2", "mx1", "mx2", key), TLS_SAME_NAME, TLS_REFUSED_HOST);
	expect_refusal(pair_of("mx11", "mx2", "mx1", "mx2", key), TLS_OTHER_NAME, TLS_REFUSED_HOST);
}

static void
test_names_that_are_not_known(void **state)
{
	static const char *const peers[][2] = {{"", "mx1"}, {"mx2", ""}, {"", ""}};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct pair pair = pair_of("mx1", peers[i][0], "mx2", peers[i][1], key);

		shake_hands(pair, sizeof(wire));
		assert_int_equal(tls_state(pair.client), TLS_OPEN);
		assert_int_equal(tls_state(pair.server), TLS_OPEN);
		pair_free(pair);
	}
	expect_refusal(pair_of("mx1", "", "mx1", "", key), TLS_SAME_NAME, TLS_REFUSED_HOST);
	expect_refusal(pair_of("mx3", "", "mx2", "mx1", key), TLS_OTHER_NAME, TLS_REFUSED_HOST);
	expect_refusal(pair_of("mx1", "mx3", "mx2", "", key), TLS_OTHER_NAME, TLS_REFUSED_HOST);
}

/* A program of somebody else, with OpenSSL but without our key. */
static SSL *
stranger(bool is_client, int version, const char *suites)
{
	SSL_CTX *context = SSL_CTX_new(is_client ? TLS_client_method() : TLS_server_method());

	SSL_CTX_set_max_proto_version(context, version);
	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	if (suites != NULL)
		assert_int_equal(SSL_CTX_set_ciphersuites(context, suites), 1);
	SSL *ssl = SSL_new(context);
	SSL_CTX_free(context);
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	BIO_set_mem_eof_return(in, -1);
	BIO_set_mem_eof_return(out, -1);
	SSL_set_bio(ssl, in, out);
	if (is_client)
		SSL_set_connect_state(ssl);
	else
		SSL_set_accept_state(ssl);
	return ssl;
}

static void
show_certificate(SSL *ssl)
{
	EVP_PKEY *pair = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();

	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_set_pubkey(certificate, pair);
	assert_true(X509_sign(certificate, pair, EVP_sha256()) > 0);
	assert_int_equal(SSL_use_certificate(ssl, certificate), 1);
	assert_int_equal(SSL_use_PrivateKey(ssl, pair), 1);
	X509_free(certificate);
	EVP_PKEY_free(pair);
}

static void
meet(SSL *ssl, struct tls *tls)
{
	for (unsigned i = 0; i < 6 && tls_state(tls) == TLS_GREETING; i++) {
		SSL_do_handshake(ssl);
		int length = BIO_read(SSL_get_wbio(ssl), wire, sizeof(wire));
		if (length > 0)
			tls_feed(tls, wire, (size_t)length);
		tls_read(tls, wire, 0);
		length = (int)tls_drain(tls, wire, sizeof(wire));
		if (length > 0)
			BIO_write(SSL_get_rbio(ssl), wire, length);
	}
	SSL_free(ssl);
	ERR_clear_error();
}

static void
expect_stranger_refused(bool is_client, SSL *ssl, enum tls_error error)
{
	struct tls *tls = tls_create(!is_client, "mx1", "mx2", key);

	meet(ssl, tls);
	assert_int_equal(tls_state(tls), TLS_FAILED);
	assert_string_equal(tls_error_text(tls_error(tls)), tls_error_text(error));
	tls_destroy(tls);
}

static void
test_strangers_with_tls(void **state)
{
	(void)state;
	expect_stranger_refused(true, stranger(true, TLS1_2_VERSION, NULL), TLS_OLD_VERSION);
	expect_stranger_refused(true, stranger(true, TLS1_3_VERSION, NULL), TLS_NO_KEY);
	SSL *server = stranger(false, TLS1_3_VERSION, NULL);
	show_certificate(server);
	expect_stranger_refused(false, server, TLS_NO_KEY);
	server = stranger(false, TLS1_2_VERSION, NULL);
	show_certificate(server);
	expect_stranger_refused(false, server, TLS_OLD_VERSION);
}

static void
test_no_tls_at_all(void **state)
{
	static const char *const spoken[] = {"GET / HTTP/1.0\r\n\r\n", "EHLO mx\r\n",
	    "SSH-2.0-OpenSSH_9.2\r\n", "\r\n\r\n\r\n\r\n", "220 mx ESMTP\r\n",
	    "SG\x01\x00\x10\x00\x00\x00hello"};

	(void)state;
	for (size_t i = 0; i < sizeof(spoken) / sizeof(spoken[0]); i++)
		for (unsigned is_client = 0; is_client < 2; is_client++) {
			struct tls *tls = tls_create(is_client, "mx1", "mx2", key);

			tls_feed(tls, (const uint8_t *)spoken[i], strlen(spoken[i]));
			assert_int_equal(tls_read(tls, wire, sizeof(wire)), 0);
			assert_int_equal(tls_state(tls), TLS_FAILED);
			assert_string_equal(
			    tls_error_text(tls_error(tls)), tls_error_text(TLS_NOT_TLS));
			tls_destroy(tls);
		}
}

static void
test_bytes_of_a_scanner(void **state)
{
	uint64_t seed = 7;

	(void)state;
	for (unsigned round = 0; round < 300; round++) {
		struct tls *tls = tls_create(round % 2, "mx1", "mx2", key);
		uint8_t bytes[600];

		for (size_t i = 0; i < sizeof(bytes); i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			bytes[i] = (uint8_t)(seed >> 56);
		}
		/* Some look like TLS for a while. */
		if (round % 3 == 0)
			memcpy(bytes, "\x16\x03\x01\x01\x00\x01\x00\x00\xfc\x03\x03", 11);
		tls_feed(tls, bytes, sizeof(bytes));
		tls_read(tls, wire, sizeof(wire));
		assert_int_equal(tls_state(tls), TLS_FAILED);
		assert_int_not_equal(tls_error(tls), TLS_GOOD);
		tls_destroy(tls);
	}
}

static void
test_changed_data(void **state)
{
	struct pair pair = pair_of("mx1", "mx2", "mx2", "mx1", key);

	(void)state;
	shake_hands(pair, sizeof(wire));
	tls_write(pair.client, (const uint8_t *)"hello", 5);
	size_t length = tls_drain(pair.client, wire, sizeof(wire));
	wire[length - 1] ^= 1;
	tls_feed(pair.server, wire, length);
	assert_int_equal(tls_read(pair.server, wire, sizeof(wire)), 0);
	assert_int_equal(tls_state(pair.server), TLS_FAILED);
	assert_int_equal(tls_error(pair.server), TLS_DAMAGED);
	carry(pair.server, pair.client, sizeof(wire));
	assert_int_equal(tls_read(pair.client, wire, sizeof(wire)), 0);
	assert_int_equal(tls_error(pair.client), TLS_DAMAGED);
	pair_free(pair);
}

static void
test_buffers_are_bounded(void **state)
{
	static uint8_t much[16384];
	struct pair pair = pair_of("mx1", "mx2", "mx2", "mx1", key);
	size_t written = 0, sent = 0, got = 0, length;

	(void)state;
	shake_hands(pair, sizeof(wire));
	while ((length = tls_write(pair.client, much, sizeof(much))) > 0)
		written += length;
	assert_in_range(written, TLS_BUFFER_MAX / 2, TLS_BUFFER_MAX + sizeof(much));
	/* A reader that does not read takes so much and no more. */
	while ((length = tls_drain(pair.client, wire, 1000)) > 0) {
		size_t taken = tls_feed(pair.server, wire, length);

		sent += taken;
		if (taken < length)
			break;
		tls_write(pair.client, much, sizeof(much));
	}
	assert_int_equal(sent, TLS_BUFFER_MAX);
	while ((length = tls_read(pair.server, wire, sizeof(wire))) > 0)
		got += length;
	assert_true(got > TLS_BUFFER_MAX - 2 * sizeof(much));
	assert_int_equal(tls_state(pair.server), TLS_OPEN);
	pair_free(pair);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_two_hosts_of_a_pair),
	    cmocka_unit_test(test_another_key),
	    cmocka_unit_test(test_other_names),
	    cmocka_unit_test(test_names_that_are_not_known),
	    cmocka_unit_test(test_strangers_with_tls),
	    cmocka_unit_test(test_no_tls_at_all),
	    cmocka_unit_test(test_bytes_of_a_scanner),
	    cmocka_unit_test(test_changed_data),
	    cmocka_unit_test(test_buffers_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

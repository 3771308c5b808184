"""The map that inspects the sessions: its rules keep headers back, follow MIME parts, and refuse."""

NAME = "torture"
HEADER_HOLD = 16384  # smaller than some headers and some chunks, larger than others
JUNK_MAX = 1000000   # sessions that wait send NOOPs

# The offence of a message (tests/tools/oracle.h), the rule that holds for it and for no other
# message, and the whole of the reply.
OFFENCES = (
    ("header", "header line length gt 998", (552, "5.3.4", "A line of the header is too long")),
    ("line", "body line length gt 20000", (554, "5.6.0", "A line is too long")),
    ("name", "MIME filename length gt 100", (554, "5.6.1", "The name of a file is too long")),
)


def lines():
    """What is entered in `configure terminal`."""
    given = ["policy-map type inspect esmtp " + NAME, "parameters",
             "header-hold %d" % HEADER_HOLD, "junk-max %d" % JUNK_MAX, "exit"]
    for _, match, (code, enhanced, text) in OFFENCES:
        given += ["match " + match, 'reject %d %s "%s" log' % (code, enhanced, text), "exit"]
    return given + ["exit", "policy-map global_policy", "class inspection_default",
                    "inspect esmtp " + NAME, "exit", "exit"]


def source_arguments():
    """What mailsource must be told."""
    given = []
    for offence, _, (code, enhanced, text) in OFFENCES:
        given += ["--refusal", "%s=%d %s %s" % (offence, code, enhanced, text)]
    return given

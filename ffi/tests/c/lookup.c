/* Lookups against a real name server: at once, waiting, by token. Argument: a resolver. */
#include "check.h"

static void waiting(alto_discovery *alto) {
    struct someone one;
    char text[64];
    alto_answer answer = nothing();
    const alto_peer *peer = someone(&one, "203.0.113.5", 1);
    IS(alto_lookup_wait(alto, peer, 0, &answer), ALTO_E_TIMEOUT); /* nothing is known yet */
    answer.text = text;
    answer.text_len = sizeof text;
    IS(alto_lookup_wait(alto, peer, 5000, &answer), ALTO_OK);
    CHECK(answer.server_count == 1 && strncmp(text, "http", 4) == 0);
    CHECK(answer.text_needed == strlen(text) + 1);
    CHECK(answer.ttl_ms > 0 && answer.ttl_ms <= 600000);
    CHECK(answer.trust == ALTO_TRUST_NETWORK && strcmp(answer.backend, "dns") == 0);
    CHECK(answer.scope_family == AF_INET && answer.scope_len >= 24 && answer.scope_len <= 32);
    CHECK(answer.scope_addr[0] == 203 && answer.scope_addr[2] == 113);
    CHECK(!answer.incomplete && answer.dnssec <= ALTO_DNSSEC_BOGUS);

    /* IPv6, and an IPv4 address as IPv6 sockets show it. */
    IS(alto_lookup_wait(alto, someone(&one, "2001:db8:1::7", 1), 5000, &answer), ALTO_OK);
    CHECK(answer.scope_family == AF_INET6 && answer.scope_addr[1] == 0x01);
    IS(alto_lookup(alto, someone(&one, "::ffff:203.0.113.5", 1), &answer), ALTO_OK);
    CHECK(answer.scope_family == AF_INET);

    /* Surely none, at once the second time. */
    alto_answer none = nothing();
    IS(alto_lookup_wait(alto, someone(&one, "198.51.100.9", 1), 5000, &none), ALTO_NONE);
    strcpy(text, "https://of.an/earlier/answer");
    none.text = text;
    none.text_len = sizeof text;
    IS(alto_lookup(alto, &one.peer, &none), ALTO_NONE);
    CHECK(text[0] == 0);
    CHECK(none.server_count == 0 && none.text_needed == 0 && none.ttl_ms > 0 && !none.trust);

    /* No way for an address that means nothing outside its network. */
    alto_answer before = answer;
    IS(alto_lookup(alto, someone(&one, "10.1.2.3", 1), &answer), ALTO_E_NOT_APPLICABLE);
    IS(alto_lookup_wait(alto, &one.peer, 60000, &answer), ALTO_E_NOT_APPLICABLE);
    CHECK(memcmp(&answer, &before, sizeof answer) == 0);
}

static void rooms(alto_discovery *alto) {
    struct someone one;
    char text[64];
    const alto_peer *peer = someone(&one, "203.0.113.5", 1);
    alto_answer answer = nothing();
    IS(alto_lookup(alto, peer, &answer), ALTO_OK); /* URIs not wanted */
    size_t needed = answer.text_needed;
    CHECK(needed > 10);
    for (size_t room = 1; room < needed; room++) {
        memset(text, 0x55, sizeof text);
        answer = nothing();
        answer.text = text;
        answer.text_len = room;
        alto_answer before = answer;
        IS(alto_lookup(alto, peer, &answer), ALTO_E_FULL);
        CHECK(answer.text_needed == needed);
        answer.text_needed = 0;
        CHECK(memcmp(&answer, &before, sizeof answer) == 0 && text[0] == 0x55);
    }
    memset(text, 0x55, sizeof text);
    answer.text_len = needed;
    IS(alto_lookup(alto, peer, &answer), ALTO_OK);
    CHECK(text[needed - 1] == 0 && text[needed] == 0x55);

    /* A larger struct than the library's: what it does not know stays. */
    struct { alto_answer answer; uint8_t more[40]; } bigger;
    memset(&bigger, 0x55, sizeof bigger);
    bigger.answer = nothing();
    bigger.answer.struct_size = sizeof bigger;
    IS(alto_lookup(alto, peer, &bigger.answer), ALTO_OK);
    CHECK(bigger.answer.server_count == 1 && bigger.answer.struct_size == sizeof bigger);
    for (size_t at = 0; at < sizeof bigger.more; at++) CHECK(bigger.more[at] == 0x55);
}

static void tokens(alto_discovery *alto) {
    struct someone one;
    struct pollfd wish;
    int fd = alto_fd(alto);
    CHECK(fd >= 0 && alto_fd(alto) == fd);
    wish.fd = fd;
    wish.events = POLLIN;
    CHECK(poll(&wish, 1, 0) == 0);
    IS(alto_cancel(alto, 1), ALTO_E_INVALID);
    IS(alto_lookup_async(alto, someone(&one, "203.0.113.77", 1), 1), ALTO_OK);
    alto_completion over = completion(alto);
    CHECK(over.token == 1 && over.status == ALTO_OK);
    CHECK(poll(&wish, 1, 0) == 0);
    alto_answer answer = nothing();
    IS(alto_lookup(alto, &one.peer, &answer), ALTO_OK);

    IS(alto_lookup_async(alto, someone(&one, "198.51.100.88", 1), 1), ALTO_OK);
    over = completion(alto);
    CHECK(over.token == 1 && over.status == ALTO_NONE);
    IS(alto_lookup_async(alto, someone(&one, "192.168.1.1", 1), UINT64_MAX), ALTO_OK);
    over = completion(alto);
    CHECK(over.token == UINT64_MAX && over.status == ALTO_E_NOT_APPLICABLE);

    /* Many, fetched into an array of structs that are larger than the library's. */
    enum { COUNT = 100 };
    struct { alto_completion over; uint64_t more; } array[COUNT];
    for (uint64_t token = 0; token < COUNT; token++)
        IS(alto_lookup_async(alto, someone(&one, "203.0.113.5", 1), 1000 + token), ALTO_OK);
    IS(alto_lookup_async(alto, &one.peer, 1050), ALTO_E_INVALID); /* in use until it is fetched */
    char seen[COUNT] = {0};
    for (int fetched = 0; fetched < COUNT;) {
        CHECK(poll(&wish, 1, 10000) == 1);
        memset(array, 0x55, sizeof array);
        array[0].over.struct_size = sizeof array[0];
        int count = alto_poll(alto, &array[0].over, 7);
        CHECK(count > 0 && count <= 7);
        for (int at = 0; at < count; at++) {
            CHECK(array[at].over.struct_size == sizeof array[0]);
            CHECK(array[at].over.status == ALTO_OK && array[at].more == 0x5555555555555555);
            CHECK(!seen[array[at].over.token - 1000]++);
        }
        CHECK(array[count].over.token == 0x5555555555555555);
        fetched += count;
    }
    CHECK(poll(&wish, 1, 0) == 0);
    IS(alto_poll(alto, &array[0].over, 0), 0);
    IS(alto_poll(alto, NULL, 1), ALTO_E_INVALID);
    array[0].over.struct_size = 8;
    IS(alto_poll(alto, &array[0].over, 1), ALTO_E_INVALID);
}

static void counts(alto_discovery *alto) {
    alto_stats stats;
    memset(&stats, 0, sizeof stats);
    stats.struct_size = sizeof stats;
    IS(alto_stats_get(alto, &stats), ALTO_OK);
    CHECK(stats.running == 1 && stats.started >= stats.found + stats.none + stats.failed);
    CHECK(stats.found > 2 && stats.none > 0 && stats.failed > 0 && stats.completions == 0);
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    alto_discovery *alto = started(argv[1]);
    waiting(alto);
    rooms(alto);
    tokens(alto);
    counts(alto);
    /* Stopped: lookups say so, what was fetched by nobody is cancelled or over, once. */
    struct someone one;
    alto_answer answer = nothing();
    IS(alto_lookup_async(alto, someone(&one, "203.0.113.123", 1), 5), ALTO_OK);
    IS(alto_stop(alto, 10000), ALTO_OK);
    IS(alto_stop(alto, 0), ALTO_OK);
    IS(alto_lookup(alto, &one.peer, &answer), ALTO_E_NOT_STARTED);
    alto_completion over = completion(alto);
    CHECK(over.token == 5 && (over.status == ALTO_E_CANCELLED || over.status == ALTO_OK));
    IS(alto_poll(alto, &over, 1), 0);
    /* Started again: what was learnt is still known. */
    int fd = alto_fd(alto);
    IS(alto_start(alto), ALTO_OK);
    CHECK(alto_fd(alto) == fd);
    IS(alto_lookup(alto, someone(&one, "203.0.113.5", 1), &answer), ALTO_OK);
    alto_free(alto);
    return 0;
}

/* Resolvers that never answer. Arguments: a silent one, a closed port. */
#include "check.h"

int main(int argc, char **argv) {
    CHECK(argc == 3);
    struct someone one;
    alto_answer answer = nothing(), before = answer;
    alto_discovery *alto = started(argv[1]);

    /* Cancelled: told once, soon. */
    double start = seconds();
    IS(alto_lookup_async(alto, someone(&one, "203.0.113.10", 1), 42), ALTO_OK);
    IS(alto_lookup_async(alto, &one.peer, 43), ALTO_OK);
    IS(alto_cancel(alto, 42), ALTO_OK);
    alto_completion over = completion(alto);
    CHECK(over.token == 42 && over.status == ALTO_E_CANCELLED && seconds() - start < 2);
    IS(alto_cancel(alto, 42), ALTO_E_INVALID);
    IS(alto_poll(alto, &over, 1), 0);

    /* Stopped: told as well, also those who wait. */
    double asked_for = seconds() - start;
    IS(alto_stop(alto, 10000), ALTO_OK);
    CHECK(seconds() - start < asked_for + 5);
    over = completion(alto);
    CHECK(over.token == 43);
    /* On a machine that stood still meanwhile, the discovery may have ended by itself. */
    CHECK(over.status == ALTO_E_CANCELLED || (asked_for > 2 && over.status == ALTO_E_UNAVAILABLE));
    IS(alto_start(alto), ALTO_OK);

    /* 10,000 lookups of as many peers return at once. */
    int slow = 0; /* some are, where other programs take the processor meanwhile */
    start = seconds();
    for (int peer = 0; peer < 10000; peer++) {
        double begin = seconds();
        someone(&one, "9.9.0.0", 1);
        one.v4.sin_addr.s_addr = htonl(0x09090000u + (uint32_t)peer);
        int status = alto_lookup(alto, &one.peer, &answer);
        CHECK(status == ALTO_PENDING || status == ALTO_E_UNAVAILABLE);
        slow += seconds() - begin > 0.3; /* the least that an answer would be waited for */
    }
    CHECK(slow <= 10 && seconds() - start < 60);

    /* A wait keeps its timeout, and says that it does not know. */
    for (unsigned timeout = 100; timeout <= 1600; timeout *= 4) {
        start = seconds();
        int status = alto_lookup_wait(alto, someone(&one, "203.0.113.9", 1), timeout, &answer);
        double took = seconds() - start;
        CHECK(status == ALTO_E_TIMEOUT || status == ALTO_E_UNAVAILABLE);
        CHECK(took > timeout * 0.95e-3 && took < timeout * 1e-3 + 0.7);
    }
    CHECK(memcmp(&answer, &before, sizeof answer) == 0);

    alto_free(alto);

    /* Nobody listens there: waiting longer would not help. */
    alto = started(argv[2]);
    start = seconds();
    IS(alto_lookup_wait(alto, someone(&one, "203.0.113.9", 1), 30000, &answer), ALTO_E_UNAVAILABLE);
    CHECK(seconds() - start < 5);
    IS(alto_lookup_wait(alto, someone(&one, "203.0.113.19", 1), 30000, &answer), ALTO_E_UNAVAILABLE);
    CHECK(seconds() - start < 10);
    alto_free(alto);
    return 0;
}

/* No descriptors left. Argument: a resolver. */
#include "check.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

static void allow(rlim_t descriptors) {
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = descriptors;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

static int lowest(void) {
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    close(fd);
    return fd;
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    struct someone one;
    alto_answer answer = nothing();
    alto_discovery *alto = opened(argv[1]);
    int before = lowest();
    /* Each number that is not enough is told, leaves nothing behind, and can be tried again. */
    int more = 0;
    for (;; more++) {
        CHECK(more < 50);
        allow((rlim_t)(before + more));
        int status = alto_start(alto);
        if (status == ALTO_OK) break;
        IS(status, ALTO_E_UNAVAILABLE);
        allow(1024);
        CHECK(lowest() == before);
        IS(alto_lookup(alto, someone(&one, "203.0.113.5", 1), &answer), ALTO_E_NOT_STARTED);
    }
    CHECK(more > 1);
    /* Started, but without a descriptor for a question. */
    double start = seconds();
    int status = alto_lookup_wait(alto, someone(&one, "203.0.113.5", 1), 300, &answer);
    CHECK(status == ALTO_E_UNAVAILABLE || status == ALTO_E_TIMEOUT);
    CHECK(seconds() - start < 5);
    allow(1024);
    /* Failed names are remembered for some seconds (RFC 9520): another tree. */
    IS(alto_lookup_wait(alto, someone(&one, "2001:db8:1::7", 1), 10000, &answer), ALTO_OK);
    alto_free(alto);
    CHECK(lowest() == before);
    return 0;
}

/* What the test programs share. */
#ifndef CHECK_H
#define CHECK_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <alto_discovery.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CHECK(...)                                                                      \
    do {                                                                                   \
        if (!(__VA_ARGS__)) {                                                                   \
            char why_[256] = "";                                                           \
            alto_last_error(why_, sizeof why_);                                            \
            fprintf(stderr, "%s:%d: not so: %s (last error: %s)\n", __FILE__, __LINE__,    \
                    #__VA_ARGS__, why_);                                                        \
            _Exit(1);                                                                      \
        }                                                                                  \
    } while (0)

#define IS(call, status)                                                                   \
    do {                                                                                   \
        long is_ = (long)(call);                                                           \
        if (is_ != (long)(status)) {                                                       \
            char why_[256] = "";                                                           \
            alto_last_error(why_, sizeof why_);                                            \
            fprintf(stderr, "%s:%d: %s is %ld and not %s (last error: %s)\n", __FILE__,    \
                    __LINE__, #call, is_, #status, why_);                                  \
            _Exit(1);                                                                      \
        }                                                                                  \
    } while (0)

/* A peer and the address it points to. */
struct someone {
    alto_peer peer;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static inline const alto_peer *someone(struct someone *one, const char *address, int port) {
    memset(one, 0, sizeof *one);
    one->peer.struct_size = sizeof one->peer;
    if (inet_pton(AF_INET, address, &one->v4.sin_addr) == 1) {
        one->v4.sin_family = AF_INET;
        one->v4.sin_port = htons((uint16_t)port);
        one->peer.addr = (const struct sockaddr *)&one->v4;
        one->peer.addr_len = sizeof one->v4;
    } else {
        CHECK(inet_pton(AF_INET6, address, &one->v6.sin6_addr) == 1);
        one->v6.sin6_family = AF_INET6;
        one->v6.sin6_port = htons((uint16_t)port);
        one->peer.addr = (const struct sockaddr *)&one->v6;
        one->peer.addr_len = sizeof one->v6;
    }
    return &one->peer;
}

/* Opened for a resolver on loopback, with addresses for documentation and servers on loopback let
 * through. */
static const char *service = "ALTO:https";

static inline alto_discovery *opened(const char *resolver) {
    alto_config *config = NULL;
    alto_discovery *alto = NULL;
    IS(alto_config_new(ALTO_VERSION_NUMBER, &config), ALTO_OK);
    IS(alto_config_set(config, "dns.resolver", resolver), ALTO_OK);
    IS(alto_config_set(config, "policy.allow_documentation", "true"), ALTO_OK);
    IS(alto_config_set(config, "policy.allow_private_servers", "true"), ALTO_OK);
    IS(alto_config_set(config, "policy.allow_http", "true"), ALTO_OK);
    IS(alto_config_set(config, "dns.service", service), ALTO_OK);
    IS(alto_config_set(config, "dns.zone_qps", "100000"), ALTO_OK);
    IS(alto_config_set(config, "dns.total_qps", "100000"), ALTO_OK);
    IS(alto_open(config, &alto), ALTO_OK);
    alto_config_free(config);
    return alto;
}

static inline alto_discovery *started(const char *resolver) {
    alto_discovery *alto = opened(resolver);
    IS(alto_start(alto), ALTO_OK);
    return alto;
}

static inline alto_answer nothing(void) {
    alto_answer answer;
    memset(&answer, 0, sizeof answer);
    answer.struct_size = sizeof answer;
    return answer;
}

static inline double seconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* A completion, waited for as an event loop does. */
static inline alto_completion completion(alto_discovery *alto) {
    alto_completion one;
    struct pollfd wish;
    wish.fd = alto_fd(alto);
    wish.events = POLLIN;
    CHECK(poll(&wish, 1, 10000) == 1);
    memset(&one, 0, sizeof one);
    one.struct_size = sizeof one;
    IS(alto_poll(alto, &one, 1), 1);
    return one;
}

#endif

/*
 * The same with libevent: alto_fd() is an event like any other.
 *
 *     libevent CONFIG.toml PEER...
 */
#include <alto_discovery.h>
#include <arpa/inet.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static alto_discovery *alto;
static char **peers;
static int left;

static void fail(const char *what) {
    char why[512] = "";
    alto_last_error(why, sizeof why);
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static alto_peer peer_of(const char *text, struct sockaddr_in6 *room) {
    alto_peer peer;
    memset(&peer, 0, sizeof peer);
    memset(room, 0, sizeof *room);
    peer.struct_size = sizeof peer;
    peer.addr = (const struct sockaddr *)room;
    peer.addr_len = sizeof *room;
    char mapped[64];
    snprintf(mapped, sizeof mapped, "%s%s", strchr(text, ':') ? "" : "::ffff:", text);
    if (inet_pton(AF_INET6, mapped, &room->sin6_addr) == 1) room->sin6_family = AF_INET6;
    return peer;
}

static void on_completions(evutil_socket_t fd, short what, void *loop) {
    (void)fd, (void)what;
    alto_completion over[16];
    over[0].struct_size = sizeof over[0];
    int count = alto_poll(alto, over, 16);
    for (int at = 0; at < count; at++) {
        const char *text = peers[over[at].token];
        struct sockaddr_in6 room;
        alto_peer peer = peer_of(text, &room);
        char uris[4096];
        alto_answer answer;
        memset(&answer, 0, sizeof answer);
        answer.struct_size = sizeof answer;
        answer.text = uris;
        answer.text_len = sizeof uris;
        int status = over[at].status;
        if (status >= 0) status = alto_lookup(alto, &peer, &answer);
        printf("%s %s\n", text, status == ALTO_OK ? uris : alto_strerror(status));
        if (--left == 0) event_base_loopbreak(loop);
    }
}

int main(int argc, char **argv) {
    alto_config *config;
    if (argc < 3) return fprintf(stderr, "usage: libevent CONFIG.toml PEER...\n"), 2;
    if (alto_config_new(ALTO_VERSION_NUMBER, &config) < 0) fail("version");
    if (alto_config_load(config, argv[1]) < 0) fail(argv[1]);
    if (alto_open(config, &alto) < 0) fail("open");
    alto_config_free(config);
    if (alto_start(alto) < 0) fail("start");
    peers = argv;
    left = argc - 2;
    struct event_base *loop = event_base_new();
    struct event *event = event_new(loop, alto_fd(alto), EV_READ | EV_PERSIST, on_completions, loop);
    event_add(event, NULL);
    for (int at = 2; at < argc; at++) {
        struct sockaddr_in6 room;
        alto_peer peer = peer_of(argv[at], &room);
        if (alto_lookup_async(alto, &peer, (uint64_t)at) < 0) fail(argv[at]);
    }
    event_base_dispatch(loop);
    event_free(event);
    event_base_free(loop);
    alto_free(alto);
    return 0;
}

/*
 * Which ALTO server speaks for these peers? With poll(2), many at once:
 *
 *     poll CONFIG.toml PEER...
 */
#include <alto_discovery.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static alto_discovery *alto;

static void fail(const char *what) {
    char why[512] = "";
    alto_last_error(why, sizeof why);
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static void start(const char *file) {
    alto_config *config;
    if (alto_config_new(ALTO_VERSION_NUMBER, &config) < 0) fail("version");
    if (alto_config_load(config, file) < 0) fail("configuration");
    if (alto_open(config, &alto) < 0) fail("open");
    alto_config_free(config);
    if (alto_start(alto) < 0) fail("start");
}

/* An address as text. room holds what the peer points to. */
static alto_peer peer_of(const char *text, struct sockaddr_storage *room) {
    alto_peer peer;
    struct sockaddr_in *v4 = (struct sockaddr_in *)room;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)room;
    memset(&peer, 0, sizeof peer);
    memset(room, 0, sizeof *room);
    peer.struct_size = sizeof peer;
    peer.addr = (const struct sockaddr *)room;
    peer.addr_len = sizeof *room;
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1)
        v4->sin_family = AF_INET;
    else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1)
        v6->sin6_family = AF_INET6;
    return peer;
}

static void show(const char *text, int status) {
    struct sockaddr_storage room;
    alto_peer peer = peer_of(text, &room);
    char uris[4096];
    alto_answer answer;
    memset(&answer, 0, sizeof answer);
    answer.struct_size = sizeof answer;
    answer.text = uris;
    answer.text_len = sizeof uris;
    if (status >= 0) status = alto_lookup(alto, &peer, &answer);
    if (status == ALTO_OK || status == ALTO_STALE)
        printf("%s %s\n", text, uris);
    else
        printf("%s (%s)\n", text, alto_strerror(status));
}

int main(int argc, char **argv) {
    if (argc < 3) return fprintf(stderr, "usage: poll CONFIG.toml PEER...\n"), 2;
    start(argv[1]);
    int left = 0;
    for (int at = 2; at < argc; at++) {
        struct sockaddr_storage room;
        alto_peer peer = peer_of(argv[at], &room);
        if (alto_lookup_async(alto, &peer, (uint64_t)at) < 0) fail(argv[at]);
        left++;
    }
    while (left > 0) {
        struct pollfd wish = {alto_fd(alto), POLLIN, 0};
        alto_completion over[16];
        over[0].struct_size = sizeof over[0];
        if (poll(&wish, 1, -1) < 1) continue;
        int count = alto_poll(alto, over, 16);
        for (int at = 0; at < count; at++, left--) show(argv[over[at].token], over[at].status);
    }
    alto_free(alto);
    return 0;
}

/*
 * A service on an epoll loop: each line on standard input is a peer, each line on standard output its
 * ALTO server. Nothing ever waits for the network.
 *
 *     epoll CONFIG.toml < PEERS
 */
#include <alto_discovery.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { MOST = 1024 };

static alto_discovery *alto;
static struct sockaddr_storage asked[MOST]; /* by token; ss_family 0 is free */
static int under_way;

static void fail(const char *what) {
    char why[512] = "";
    alto_last_error(why, sizeof why);
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static alto_peer peer_at(uint64_t token) {
    alto_peer peer;
    memset(&peer, 0, sizeof peer);
    peer.struct_size = sizeof peer;
    peer.addr = (const struct sockaddr *)&asked[token];
    peer.addr_len = sizeof asked[token];
    return peer;
}

static void ask(const char *line) {
    uint64_t token = 0;
    while (token < MOST && asked[token].ss_family != 0) token++;
    if (token == MOST) return; /* more than we care for at once */
    if (inet_pton(AF_INET, line, &((struct sockaddr_in *)&asked[token])->sin_addr) == 1)
        asked[token].ss_family = AF_INET;
    else if (inet_pton(AF_INET6, line, &((struct sockaddr_in6 *)&asked[token])->sin6_addr) == 1)
        asked[token].ss_family = AF_INET6;
    else
        return;
    alto_peer peer = peer_at(token);
    if (alto_lookup_async(alto, &peer, token) < 0) fail(line);
    under_way++;
}

static void told(uint64_t token, int status) {
    char name[INET6_ADDRSTRLEN], uris[4096];
    alto_peer peer = peer_at(token);
    alto_answer answer;
    memset(&answer, 0, sizeof answer);
    answer.struct_size = sizeof answer;
    answer.text = uris;
    answer.text_len = sizeof uris;
    if (status >= 0) status = alto_lookup(alto, &peer, &answer);
    int family = asked[token].ss_family;
    const void *address = &((struct sockaddr_in6 *)&asked[token])->sin6_addr;
    if (family == AF_INET) address = &((struct sockaddr_in *)&asked[token])->sin_addr;
    inet_ntop(family, address, name, sizeof name);
    printf("%s %s\n", name, status == ALTO_OK ? uris : alto_strerror(status));
    memset(&asked[token], 0, sizeof asked[token]);
    under_way--;
}

/* Whether there is more to come. */
static int read_lines(void) {
    static char buffer[4096];
    static size_t filled;
    ssize_t count = read(STDIN_FILENO, buffer + filled, sizeof buffer - 1 - filled);
    if (count <= 0) return 0;
    filled += (size_t)count;
    buffer[filled] = 0;
    char *line = buffer, *end;
    for (; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = 0;
        ask(line);
    }
    filled = strlen(line);
    memmove(buffer, line, filled);
    if (filled == sizeof buffer - 1) filled = 0; /* no address is so long */
    return 1;
}

static void watch(int loop, int fd) {
    struct epoll_event event;
    memset(&event, 0, sizeof event);
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) < 0) perror("epoll_ctl"), exit(1);
}

int main(int argc, char **argv) {
    alto_config *config;
    if (argc != 2) return fprintf(stderr, "usage: epoll CONFIG.toml < PEERS\n"), 2;
    if (alto_config_new(ALTO_VERSION_NUMBER, &config) < 0) fail("version");
    if (alto_config_load(config, argv[1]) < 0) fail(argv[1]);
    if (alto_open(config, &alto) < 0) fail("open");
    alto_config_free(config);
    if (alto_start(alto) < 0) fail("start");
    int loop = epoll_create1(EPOLL_CLOEXEC), more = 1;
    watch(loop, STDIN_FILENO);
    watch(loop, alto_fd(alto));
    while (more || under_way > 0) {
        struct epoll_event events[2];
        int count = epoll_wait(loop, events, 2, -1);
        for (int at = 0; at < count; at++) {
            if (events[at].data.fd == STDIN_FILENO) {
                more = read_lines();
                if (!more) epoll_ctl(loop, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
                continue;
            }
            alto_completion over[16];
            over[0].struct_size = sizeof over[0];
            int done = alto_poll(alto, over, 16);
            for (int one = 0; one < done; one++) told(over[one].token, over[one].status);
        }
    }
    close(loop);
    alto_free(alto);
    return 0;
}

/*
 * A small UDP tracker (BEP 15) for IPv4 and IPv6 whose replies hold the peers that are best for the
 * one that asks. What ALTO takes is marked "ALTO": about ten lines.
 *
 *     tracker CONFIG.toml PORT
 */
#define _GNU_SOURCE 1
#include <alto_discovery.h>
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum { CONNECT = 0, ANNOUNCE = 1, SCRAPE = 2, ERROR = 3 }; /* actions */
enum { STOPPED = 3 };                                       /* an event of an announce */
enum { INTERVAL = 1800, MAX_AGE = 2 * INTERVAL, WANTED = 50, MOST = 70 };
#define MAGIC UINT64_C(0x41727101980)

static alto_discovery *alto;
static uint8_t key[16];
static volatile sig_atomic_t leaving;

static void on_signal(int number) {
    (void)number;
    leaving = 1;
    alto_stop(alto, 0);
}

static void fail(const char *what) {
    char why[512] = "";
    alto_last_error(why, sizeof why);
    fprintf(stderr, "tracker: %s: %s\n", what, *why ? why : strerror(errno));
    exit(1);
}

/* Seconds of a clock that is never set. */
static uint32_t seconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
    return (uint32_t)time.tv_sec;
}

/* ---- Connection ids: proof that a packet's source can be answered, without a table. ---- */

static uint64_t rotated(uint64_t word, int by) { return word << by | word >> (64 - by); }

static void sip_round(uint64_t v[4]) {
    v[0] += v[1], v[1] = rotated(v[1], 13) ^ v[0], v[0] = rotated(v[0], 32);
    v[2] += v[3], v[3] = rotated(v[3], 16) ^ v[2];
    v[0] += v[3], v[3] = rotated(v[3], 21) ^ v[0];
    v[2] += v[1], v[1] = rotated(v[1], 17) ^ v[2], v[2] = rotated(v[2], 32);
}

/* SipHash-2-4 of three words, keyed. */
static uint64_t keyed_hash(const uint64_t words[3]) {
    uint64_t k[2];
    memcpy(k, key, sizeof k);
    uint64_t v[4] = {k[0] ^ UINT64_C(0x736f6d6570736575), k[1] ^ UINT64_C(0x646f72616e646f6d),
                     k[0] ^ UINT64_C(0x6c7967656e657261), k[1] ^ UINT64_C(0x7465646279746573)};
    for (int at = 0; at < 4; at++) {
        uint64_t word = at < 3 ? words[at] : UINT64_C(24) << 56;
        v[3] ^= word;
        sip_round(v), sip_round(v);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    for (int at = 0; at < 4; at++) sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* Good for this minute and the next (BEP 15 wants two). */
static uint64_t connection_id(const struct sockaddr_in6 *from, uint32_t minute) {
    uint64_t words[3];
    memcpy(words, &from->sin6_addr, 16);
    words[2] = (uint64_t)from->sin6_port << 32 | minute;
    return keyed_hash(words);
}

static int may_ask(uint64_t id, const struct sockaddr_in6 *from) {
    uint32_t minute = seconds() / 60;
    return id == connection_id(from, minute) || id == connection_id(from, minute - 1);
}

/* ---- Packets ---- */

static uint32_t get32(const uint8_t *at) {
    uint32_t word;
    memcpy(&word, at, 4);
    return be32toh(word);
}

static uint64_t get64(const uint8_t *at) {
    return (uint64_t)get32(at) << 32 | get32(at + 4);
}

static void put32(uint8_t *at, uint32_t word) {
    word = htobe32(word);
    memcpy(at, &word, 4);
}

static size_t on_connect(const uint8_t *in, const struct sockaddr_in6 *from, uint8_t *out) {
    uint64_t id = connection_id(from, seconds() / 60);
    put32(out, CONNECT);
    memcpy(out + 4, in + 12, 4);
    put32(out + 8, (uint32_t)(id >> 32));
    put32(out + 12, (uint32_t)id);
    return 16;
}

/* The compact form of a peer: 6 octets for IPv4 (which an IPv6 socket shows as mapped), else 18. */
static size_t record_of(const struct sockaddr_in6 *from, const uint8_t port[2], uint8_t record[18]) {
    int is_v4 = IN6_IS_ADDR_V4MAPPED(&from->sin6_addr);
    size_t length = is_v4 ? 4 : 16;
    memcpy(record, from->sin6_addr.s6_addr + 16 - length, length);
    memcpy(record + length, port, 2);
    return length + 2;
}

static size_t on_announce(const uint8_t *in, size_t length, const struct sockaddr_in6 *from,
                          uint8_t *out) {
    const uint8_t *torrent = in + 16;
    uint64_t left = get64(in + 64);
    uint32_t event = get32(in + 80), now = seconds();
    int32_t wanted = (int32_t)get32(in + 92);
    uint8_t record[18];
    size_t size = record_of(from, in + 96, record);
    size_t k = wanted < 0 ? WANTED : wanted > MOST ? MOST : (size_t)wanted;

    struct sockaddr_in6 self = *from; /* with the port it announces, to be left out */
    memcpy(&self.sin6_port, in + 96, 2);
    alto_peer peer = {.struct_size = sizeof peer, /* ALTO: who asks */
                      .addr = (const struct sockaddr *)&self,
                      .addr_len = sizeof self,
                      .raw_kind = ALTO_RAW_UDP_OPTIONS,
                      .raw = in + 98,
                      .raw_len = length - 98};
    alto_select_opts opts = {.struct_size = sizeof opts, .seeder = left == 0, .drop_self = 1};
    if (event == STOPPED)
        alto_swarm_remove(alto, torrent, record, size), k = 0;
    else
        alto_swarm_add(alto, torrent, record, size, left == 0 ? ALTO_SEEDER : 0, now);
    long count = alto_swarm_select(alto, torrent, &peer, out + 20, size, k, &opts, now);
    if (count < 0) count = 0; /* ALTO: to here */

    put32(out, ANNOUNCE);
    memcpy(out + 4, in + 12, 4);
    put32(out + 8, INTERVAL);
    put32(out + 12, 0); /* leechers and seeders are not counted here */
    put32(out + 16, 0);
    return 20 + (size_t)count * size;
}

static size_t on_error(const uint8_t *in, const char *message, uint8_t *out) {
    put32(out, ERROR);
    memcpy(out + 4, in + 12, 4);
    memcpy(out + 8, message, strlen(message));
    return 8 + strlen(message);
}

/* The length of the reply; 0 for none. */
static size_t reply(const uint8_t *in, size_t length, const struct sockaddr_in6 *from, uint8_t *out) {
    if (length < 16) return 0;
    uint64_t id = get64(in);
    switch (get32(in + 8)) {
    case CONNECT:
        return id == MAGIC ? on_connect(in, from, out) : 0;
    case ANNOUNCE:
        if (length < 98 || !may_ask(id, from)) return 0; /* who cannot be answered is not */
        return on_announce(in, length, from, out);
    case SCRAPE:
        return may_ask(id, from) ? on_error(in, "no scrapes here", out) : 0;
    default:
        return 0;
    }
}

/* ---- The program ---- */

static int listening(uint16_t port) {
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), off = 0;
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    socklen_t size = sizeof address;
    if (fd < 0 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) < 0 ||
        bind(fd, (struct sockaddr *)&address, size) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        fail("socket");
    printf("port %d\n", ntohs(address.sin6_port));
    fflush(stdout);
    return fd;
}

/* From which of our addresses to answer: the one that was asked. */
static void serve(int fd) {
    uint8_t in[2048], out[20 + MOST * 18], control[64];
    struct sockaddr_in6 from;
    struct iovec part = {in, sizeof in};
    struct msghdr message = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &part,
                             .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t length = recvmsg(fd, &message, 0);
    if (length < 0 || message.msg_flags & MSG_TRUNC) return;
    part.iov_base = out;
    part.iov_len = reply(in, (size_t)length, &from, out);
    if (part.iov_len > 0) sendmsg(fd, &message, 0);
}

int main(int argc, char **argv) {
    if (argc != 3) return fprintf(stderr, "usage: tracker CONFIG.toml PORT\n"), 2;
    alto_config *config; /* ALTO: a handle */
    if (alto_config_new(ALTO_VERSION_NUMBER, &config) < 0) fail("version");
    if (alto_config_load(config, argv[1]) < 0) fail(argv[1]);
    if (alto_open(config, &alto) < 0) fail("open");
    alto_config_free(config);

    int fd = listening((uint16_t)atoi(argv[2])), on = 1;
    setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
    if (getrandom(key, sizeof key, 0) != sizeof key) fail("getrandom");
    /* EINVAL: in a user namespace without a "nobody", where root has few rights anyhow. */
    if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0) && errno != EINVAL) fail("setuid");
    if (alto_start(alto) < 0) fail("start"); /* ALTO: its threads, now that rights are given up */

    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    for (uint32_t last = seconds(); !leaving;) {
        struct pollfd wish = {.fd = fd, .events = POLLIN};
        if (poll(&wish, 1, 1000) > 0) serve(fd);
        if (seconds() != last) { /* ALTO: forget the silent, a bit at a time */
            last = seconds();
            alto_swarm_expire(alto, last, MAX_AGE, 1000);
        }
    }
    alto_free(alto);
    return 0;
}

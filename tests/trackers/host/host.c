/*
 * The smallest program that talks to the network as opentracker does: libowfat's event loop, UDP
 * (BEP 15) and HTTP, one torrent, no expiry. It is linked with the object for opentracker by --wrap, to
 * show that this works without a preload. Its own replies are the first peers it knows.
 *
 *     host PORT
 */
#define _GNU_SOURCE 1
#include <arpa/inet.h>
#include <io.h>
#include <ip6.h>
#include <signal.h>
#include <socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROOM = 8192, PEERS_MOST = 20000, INTERVAL = 1800 };

static uint8_t peers[PEERS_MOST][6];
static size_t count;
static char in[ROOM], out[ROOM];

static void put32(char *at, uint32_t word) {
    word = htonl(word);
    memcpy(at, &word, 4);
}

static size_t place_of(const uint8_t peer[6]) {
    size_t at = 0;
    while (at < count && memcmp(peers[at], peer, 6) != 0) at++;
    return at;
}

/* Notes a peer, or forgets it; writes at most `wanted` peers. How many octets. */
static size_t announce(const char ip[16], const uint8_t port[2], int is_stopped, size_t wanted, char *to) {
    uint8_t peer[6];
    memcpy(peer, ip + 12, 4);
    memcpy(peer + 4, port, 2);
    size_t at = place_of(peer);
    if (is_stopped) {
        if (at < count) memcpy(peers[at], peers[--count], 6);
        return 0;
    }
    if (at == count && count < PEERS_MOST) memcpy(peers[count++], peer, 6);
    if (wanted > 200) wanted = 200;
    if (wanted > count) wanted = count;
    memcpy(to, peers, wanted * 6);
    return wanted * 6;
}

static void serve_datagram(int64 fd) {
    char ip[16];
    uint16 port;
    uint32 scope, word;
    ssize_t length = socket_recv6((int)fd, in, sizeof in, ip, &port, &scope);
    if (length < 16) return;
    memcpy(&word, in + 8, 4);
    memcpy(out, in + 8, 8); /* action, transaction */
    if (ntohl(word) == 0) {
        memset(out + 8, 7, 8); /* a connection id for all: this is a test */
        socket_send6((int)fd, out, 16, ip, port, 0);
    } else if (length >= 98) {
        uint32_t event, wanted;
        memcpy(&event, in + 80, 4);
        memcpy(&wanted, in + 92, 4);
        size_t octets = announce(ip, (uint8_t *)in + 96, ntohl(event) == 3, ntohl(wanted), out + 20);
        put32(out + 8, INTERVAL);
        put32(out + 12, (uint32_t)count);
        put32(out + 16, 0);
        socket_send6((int)fd, out, 20 + octets, ip, port, 0);
    }
}

static unsigned long parameter(const char *name) {
    const char *at = strstr(in, name);
    return at ? strtoul(at + strlen(name), NULL, 10) : 0;
}

/* A request that comes in one piece; `ip` is that of the connection accepted last. */
static void serve_request(int64 fd, const char ip[16]) {
    int64 length = io_tryread(fd, in, sizeof in - 1);
    if (length == -1) return;
    if (length > 0) {
        in[length] = 0;
        unsigned long number = parameter("&port=");
        uint8_t port[2] = {(uint8_t)(number >> 8), (uint8_t)number};
        char list[ROOM / 2], *body = out + 512;
        size_t octets = announce(ip, port, strstr(in, "event=stopped") != NULL, parameter("numwant="), list);
        int head = sprintf(body, "d8:completei0e10:incompletei%zue8:intervali%de5:peers%zu:", count,
                           INTERVAL, octets);
        memcpy(body + head, list, octets);
        body[(size_t)head + octets] = 'e';
        size_t size = (size_t)head + octets + 1;
        int top = sprintf(out, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n", size);
        memmove(out + top, body, size);
        if (write((int)fd, out, (size_t)top + size) < 0) perror("write");
    }
    io_close(fd);
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    uint16 port = (uint16)atoi(argv[1]);
    char ip[16] = {[10] = -1, [11] = -1, [12] = 127, [15] = 1}, peer[16] = "";
    int64 udp = socket_udp6(), tcp = socket_tcp6();
    signal(SIGINT, exit);
    if (socket_bind6_reuse((int)udp, ip, port, 0) < 0 || socket_bind6_reuse((int)tcp, ip, port, 0) < 0 ||
        socket_listen((int)tcp, 64) < 0 || !io_fd(udp) || !io_fd(tcp)) {
        perror("host");
        return 1;
    }
    io_wantread(udp);
    io_wantread(tcp);
    for (;;) {
        int64 fd;
        io_wait();
        while ((fd = io_canread()) != -1) {
            if (fd == udp)
                serve_datagram(fd);
            else if (fd == tcp) {
                uint16 from;
                int64 accepted = socket_accept6((int)tcp, peer, &from, NULL);
                if (accepted >= 0 && io_fd(accepted)) io_wantread(accepted);
                io_eagain(tcp);
            } else
                serve_request(fd, peer);
        }
    }
}

/*
 * libalto_opentracker.so: opentracker's replies, guided by ALTO, with opentracker as it is.
 *
 *     LD_PRELOAD=libalto_opentracker.so ALTO_CONFIG=/etc/alto.toml opentracker ...
 *
 * opentracker talks to the network through a few functions of libowfat, and write(2). This object
 * stands between: it sees what a peer asked and what opentracker answers, and replaces the peers in
 * the answer by the best of the whole swarm, as many as there were. It adds none of its own judgement:
 * a peer is noted when opentracker has answered its announce as a success, and forgotten when
 * opentracker has answered that it stopped. Whatever it does not understand goes through untouched.
 *
 * It starts in two steps, since opentracker gives up its rights in between. When it is loaded, as root
 * and in the real file system, it reads the configuration and all other files. When opentracker begins
 * its main loop, after chroot and setuid, the library's threads start. Until then, and if anything is
 * wrong, opentracker serves as if this were not here.
 *
 * Whoever builds opentracker links this object instead (docs/opentracker.md): each function is here as
 * __wrap_NAME, as the linker's option --wrap=NAME calls it; in the shared library it has NAME, too.
 *
 * Threads: UDP is served by any number of threads, each for itself. HTTP is served by one, which is the
 * one that waits in io_wait(). No lock is held here, and none is waited for that a fetch holds.
 */
#define _GNU_SOURCE 1
#include <alto_discovery.h>
#include <dlfcn.h>
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

/* ---- What is wrapped, with libowfat's signatures. ---- */

#define WRAPPED(DO)                                                                                 \
    DO(void, io_wait, (void))                                                                       \
    DO(int64_t, io_tryread, (int64_t fd, char *buffer, int64_t room))                               \
    DO(void, io_close, (int64_t fd))                                                                \
    DO(int, socket_accept6, (int fd, char *ip, uint16_t *port, uint32_t *scope))                    \
    DO(ssize_t, socket_recv6,                                                                       \
       (int fd, char *buffer, size_t room, char *ip, uint16_t *port, uint32_t *scope))              \
    DO(ssize_t, socket_send6, (int fd, const char *buffer, size_t length, const char *ip,           \
                               uint16_t port, uint32_t scope))                                      \
    DO(ssize_t, write, (int fd, const void *buffer, size_t length))

/* __real_NAME is there if the linker wrapped NAME; else the next library that has it is asked. */
#define DECLARE(type, name, arguments)                                                              \
    extern type __real_##name arguments __attribute__((weak));                                      \
    extern type __wrap_##name arguments;                                                            \
    static type(*real_##name) arguments;
WRAPPED(DECLARE)

#define FIND(type, name, arguments)                                                                 \
    real_##name = __real_##name;                                                                    \
    if (!real_##name) *(void **)&real_##name = dlsym(RTLD_NEXT, #name);

static void find_real(void) {
    WRAPPED(FIND)
}

/* ---- State. ---- */

enum {
    ADDRESS = 16,                     /* octets of an address, IPv4 mapped into IPv6 */
    V4_RECORD = 6, V6_RECORD = 18,    /* octets of a compact peer: BEP 23, BEP 7 */
    REPLY_MOST = 8192,                /* octets of a reply at most: opentracker's own limit */
    REQUEST_MOST = 8192,              /* the same for an HTTP request */
};

static alto_discovery *opened;              /* from the load on */
static _Atomic(alto_discovery *) started;   /* from the first turn of the main loop on */
static uint32_t cold_interval;              /* seconds; 0 for none */
static _Atomic uint32_t lifetime = 45 * 60; /* seconds for which opentracker keeps a peer */
static _Atomic uint32_t last_guided;        /* when a peer's costs were last known */

/* One announce. */
struct announce {
    const uint8_t *infohash;
    uint8_t ip[ADDRESS];
    uint8_t port[2]; /* as announced, in network order */
    bool is_stopped, is_seeder;
    uint32_t raw_kind; /* what else the peer sent */
    const uint8_t *raw;
    size_t raw_length;
};

/* The HTTP request that arrives at a descriptor. */
struct connection {
    uint8_t ip[ADDRESS];
    bool is_open, is_too_long;
    size_t length, room;
    char *text; /* kept for the next connection with this descriptor */
};

static struct connection *connections; /* by descriptor */
static size_t connection_count;
static __thread int64_t reading = -1; /* the connection whose request was read last */

/* The datagram that was received last. */
static __thread struct {
    const uint8_t *packet;
    size_t length;
    uint8_t ip[ADDRESS];
    bool is_spared; /* opentracker is asked for one peer, and does not see how many are wanted: */
    uint32_t wanted;
} received;

/* ---- Small helpers. ---- */

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...) {
    va_list arguments;
    char line[1024];
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    dprintf(STDERR_FILENO, "opentracker: alto: %s\n", line);
}

/* Seconds of a clock that is never set. */
static uint32_t seconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
    return (uint32_t)time.tv_sec;
}

static uint32_t get32(const uint8_t *at) {
    uint32_t word;
    memcpy(&word, at, sizeof word);
    return be32toh(word);
}

static void put32(uint8_t *at, uint32_t word) {
    word = htobe32(word);
    memcpy(at, &word, sizeof word);
}

static bool is_v4(const uint8_t ip[ADDRESS]) {
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    return memcmp(ip, mapped, sizeof mapped) == 0;
}

/* The compact form of the peer that announces; its length. */
static size_t record_of(const struct announce *peer, uint8_t record[V6_RECORD]) {
    size_t length = is_v4(peer->ip) ? 4 : ADDRESS;
    memcpy(record, peer->ip + ADDRESS - length, length);
    memcpy(record + length, peer->port, 2);
    return length + 2;
}

/* Whether two records of a width are the same. Most differ at their end, and need no call to find out. */
static inline bool is_same(const uint8_t *one, const uint8_t *other, size_t width) {
    return memcmp(one + width - 4, other + width - 4, 4) == 0 && memcmp(one, other, width) == 0;
}

static bool has(const uint8_t *records, size_t count, size_t width, const uint8_t *record) {
    for (size_t at = 0; at < count; at++)
        if (is_same(records + at * width, record, width)) return true;
    return false;
}

/* ---- An announce that opentracker has answered. ---- */

/* opentracker asks peers to come back after 30 minutes and keeps them for 45; newer ones 120 and 144. */
static void note_interval(uint32_t interval) {
    uint32_t kept = interval < 60 * 60 ? 45 * 60 : 144 * 60;
    if (atomic_load_explicit(&lifetime, memory_order_relaxed) != kept)
        atomic_store_explicit(&lifetime, kept, memory_order_relaxed);
}

static void learn(const alto_discovery *alto, const struct announce *peer, uint32_t now) {
    uint8_t record[V6_RECORD];
    size_t width = record_of(peer, record);
    if (peer->is_stopped)
        alto_swarm_remove(alto, peer->infohash, record, width);
    else
        alto_swarm_add(alto, peer->infohash, record, width, peer->is_seeder ? ALTO_SEEDER : 0, now);
}

/* Who asks, as the library wants to know it; `socket` is its room. */
union socket_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static alto_peer asking(const struct announce *peer, union socket_address *socket) {
    alto_peer to = {.struct_size = sizeof(alto_peer),
                    .addr = &socket->any,
                    .raw_kind = peer->raw_kind,
                    .raw = peer->raw,
                    .raw_len = peer->raw_length};
    if (is_v4(peer->ip)) {
        socket->v4 = (struct sockaddr_in){.sin_family = AF_INET};
        memcpy(&socket->v4.sin_addr, peer->ip + ADDRESS - 4, 4);
        memcpy(&socket->v4.sin_port, peer->port, 2);
        to.addr_len = sizeof socket->v4;
    } else {
        socket->v6 = (struct sockaddr_in6){.sin6_family = AF_INET6};
        memcpy(&socket->v6.sin6_addr, peer->ip, ADDRESS);
        memcpy(&socket->v6.sin6_port, peer->port, 2);
        to.addr_len = sizeof socket->v6;
    }
    return to;
}

/* Leaves the peer that asks out of a list; the new count. */
static size_t without_oneself(const struct announce *peer, uint8_t *records, size_t count, size_t width) {
    uint8_t own[V6_RECORD];
    if (record_of(peer, own) != width) return count;
    for (size_t at = 0; at < count; at++) {
        uint8_t *record = records + at * width;
        if (is_same(record, own, width))
            memcpy(record, records + --count * width, width);
    }
    return count;
}

/* opentracker's own choice of many peers costs as much as the rest of an announce, and is thrown away. So
   where the index has just filled a reply, with half of the swarm or less, opentracker is asked for one peer
   only, and the reply is filled here. Each thread remembers for itself of which torrents how many were had. */
enum { UDP_MOST = 200, REMEMBERED = 256 };
static __thread struct plenty {
    uint32_t count; /* so many were had, and may be again */
    uint8_t infohash[20];
} plenty[REMEMBERED];

static bool is_plenty(const uint8_t *infohash, uint32_t wanted) {
    const struct plenty *at = &plenty[infohash[19]];
    return wanted <= at->count && memcmp(at->infohash, infohash, sizeof at->infohash) == 0;
}

static void remember_plenty(const uint8_t *infohash, size_t wanted, size_t chosen, size_t all) {
    struct plenty *at = &plenty[infohash[19]];
    if (is_plenty(infohash, (uint32_t)wanted)) {
        if (chosen < wanted || all < 2 * wanted) at->count = 0;
    } else if (chosen == wanted && all >= 2 * wanted) {
        at->count = (uint32_t)wanted;
        memcpy(at->infohash, infohash, sizeof at->infohash);
    }
}

/* Chooses the best `k` of the swarm; how many there are, or a negative status. */
static long select_best(const alto_discovery *alto, const struct announce *peer, uint8_t *best, size_t k,
                        size_t width, size_t all, uint32_t now) {
    union socket_address socket;
    alto_peer to = asking(peer, &socket);
    alto_select_opts opts = {.struct_size = sizeof opts, .drop_self = 1};
    long chosen = alto_swarm_select(alto, peer->infohash, &to, best, width, k, &opts, now);
    remember_plenty(peer->infohash, k, chosen < 0 ? 0 : (size_t)chosen, all);
    return chosen;
}

/* Replaces `count` peers of a reply by the best of the swarm, of which opentracker knows `all`. A swarm
   that is there as a whole needs no choice. What the index lacks is filled up from opentracker's own
   choice, so there are never fewer than without this. The new count, which is not larger. */
static size_t choose(const alto_discovery *alto, const struct announce *peer, uint8_t *records,
                     size_t count, size_t width, size_t all, uint32_t now) {
    if (count >= all) return without_oneself(peer, records, count, width);
    uint8_t best[REPLY_MOST];
    if (count * width > sizeof best) return count;
    long chosen = select_best(alto, peer, best, count, width, all, now);
    if (chosen < 0) return count;
    size_t filled = (size_t)chosen;
    if (filled < count) {
        count = without_oneself(peer, records, count, width);
        for (size_t at = 0; at < count && filled < count; at++)
            if (!has(best, filled, width, records + at * width))
                memcpy(best + filled++ * width, records + at * width, width);
    }
    memcpy(records, best, filled * width);
    return filled;
}

/* Whether nothing is known for a peer yet, but may be soon: its interval is shortened then. Not if
   nothing could be learnt for anybody for a long time, lest an outage makes all peers come often. */
static bool is_cold(const alto_discovery *alto, const struct announce *peer, const uint8_t *records,
                    size_t count, size_t width, uint32_t now) {
    enum { PATIENCE = 600 };
    if (cold_interval == 0 || count == 0) return false;
    union socket_address socket;
    alto_peer to = asking(peer, &socket);
    uint32_t cost; /* of the first, which is the best */
    if (alto_costs(alto, &to, records, 1, width, width, &cost) == ALTO_OK && cost != ALTO_COST_UNKNOWN) {
        if (atomic_load_explicit(&last_guided, memory_order_relaxed) != now)
            atomic_store_explicit(&last_guided, now, memory_order_relaxed);
        return false;
    }
    alto_answer answer = {.struct_size = sizeof answer};
    int status = alto_lookup(alto, &to, &answer);
    if (status == ALTO_NONE || status == ALTO_E_NOT_APPLICABLE) return false;
    return now - atomic_load_explicit(&last_guided, memory_order_relaxed) < PATIENCE;
}

/* ---- UDP: BEP 15. ---- */

enum { ANNOUNCE = 1, REQUEST_HEAD = 98, REPLY_HEAD = 20, EVENT_STOPPED = 3 };

static void spare_choice(uint8_t *packet) {
    uint32_t wanted = get32(packet + 92);
    if (wanted > UDP_MOST) wanted = UDP_MOST;
    received.wanted = wanted;
    received.is_spared =
        get32(packet + 8) == ANNOUNCE && wanted > 1 && is_v4(received.ip) && is_plenty(packet + 16, wanted);
    if (received.is_spared) put32(packet + 92, 1);
}

/* Reads the datagram that was received last, if it is the announce that this reply answers. */
static bool read_datagram(struct announce *peer, const uint8_t *reply, size_t length, const char *ip) {
    const uint8_t *packet = received.packet;
    if (!packet || received.length < REQUEST_HEAD || length < REPLY_HEAD) return false;
    if (get32(packet + 8) != ANNOUNCE || get32(reply) != ANNOUNCE) return false;
    if (memcmp(packet + 12, reply + 4, 4) != 0 || memcmp(received.ip, ip, ADDRESS) != 0) return false;
    static const uint8_t zeros[8];
    bool has_options = received.length > REQUEST_HEAD;
    *peer = (struct announce){.infohash = packet + 16,
                              .is_seeder = memcmp(packet + 64, zeros, sizeof zeros) == 0,
                              .is_stopped = get32(packet + 80) == EVENT_STOPPED,
                              .raw_kind = has_options ? ALTO_RAW_UDP_OPTIONS : ALTO_RAW_NONE,
                              .raw = packet + REQUEST_HEAD,
                              .raw_length = received.length - REQUEST_HEAD};
    memcpy(peer->ip, received.ip, ADDRESS);
    memcpy(peer->port, packet + 96, 2);
    return true;
}

/* Puts as many peers into a reply as were wanted before opentracker was asked for one. There is room:
   its buffer holds as many. */
static size_t fill_spared(const alto_discovery *alto, const struct announce *peer, uint8_t *records,
                          size_t width, size_t all, uint32_t now) {
    size_t wanted = received.wanted < all ? received.wanted : all;
    long chosen = select_best(alto, peer, records, wanted, width, all, now);
    return chosen < 0 ? 1 : (size_t)chosen;
}

/* Replaces the peers in a reply; its new length. */
static size_t guide_datagram(const alto_discovery *alto, const struct announce *peer, uint8_t *reply,
                             size_t length) {
    size_t width = is_v4(peer->ip) ? V4_RECORD : V6_RECORD, octets = length - REPLY_HEAD;
    if (octets % width != 0) return length;
    uint32_t now = seconds(), interval = get32(reply + 8);
    note_interval(interval);
    learn(alto, peer, now);
    size_t all = (size_t)get32(reply + 12) + get32(reply + 16), count = octets / width;
    if (peer->is_stopped || count == 0) return length;
    uint8_t *records = reply + REPLY_HEAD;
    size_t chosen = received.is_spared ? fill_spared(alto, peer, records, width, all, now)
                                       : choose(alto, peer, records, count, width, all, now);
    if (count < all && cold_interval < interval && is_cold(alto, peer, records, chosen, width, now))
        put32(reply + 8, cold_interval);
    return REPLY_HEAD + chosen * width;
}

ssize_t __wrap_socket_recv6(int fd, char *buffer, size_t room, char *ip, uint16_t *port,
                            uint32_t *scope) {
    if (!real_socket_recv6) find_real();
    received.packet = NULL;
    ssize_t length = real_socket_recv6(fd, buffer, room, ip, port, scope);
    if (length >= REQUEST_HEAD) {
        received.packet = (const uint8_t *)buffer;
        received.length = (size_t)length;
        memcpy(received.ip, ip, ADDRESS);
        received.is_spared = false;
        if (atomic_load_explicit(&started, memory_order_acquire)) spare_choice((uint8_t *)buffer);
    }
    return length;
}

ssize_t __wrap_socket_send6(int fd, const char *buffer, size_t length, const char *ip, uint16_t port,
                            uint32_t scope) {
    if (!real_socket_send6) find_real();
    const alto_discovery *alto = atomic_load_explicit(&started, memory_order_acquire);
    struct announce peer;
    size_t guided = length;
    /* The buffer is opentracker's own, in which it has just built the reply. */
    if (alto && read_datagram(&peer, (const uint8_t *)buffer, length, ip)) {
        received.packet = NULL; /* an announce is answered once */
        guided = guide_datagram(alto, &peer, (uint8_t *)(uintptr_t)buffer, length);
    }
    ssize_t sent = real_socket_send6(fd, buffer, guided, ip, port, scope);
    return sent == (ssize_t)guided ? (ssize_t)length : sent;
}

/* ---- HTTP: the request. ---- */

static int hex(char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    digit |= 0x20;
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* Decodes percent-encoding; the length, or -1 if it is broken or longer than the room. */
static int decode(const char *from, size_t length, uint8_t *to, int room) {
    int count = 0;
    for (size_t at = 0; at < length; at++) {
        int octet = (uint8_t)from[at];
        if (octet == '%') {
            if (at + 2 >= length || hex(from[at + 1]) < 0 || hex(from[at + 2]) < 0) return -1;
            octet = hex(from[at + 1]) << 4 | hex(from[at + 2]);
            at += 2;
        }
        if (count == room) return -1;
        to[count++] = (uint8_t)octet;
    }
    return count;
}

static bool read_port(const char *value, size_t length, uint8_t port[2]) {
    uint8_t digits[5];
    int count = decode(value, length, digits, sizeof digits);
    uint32_t number = 0;
    for (int at = 0; at < count; at++) {
        if (digits[at] < '0' || digits[at] > '9') return false;
        number = number * 10 + digits[at] - '0';
    }
    port[0] = (uint8_t)(number >> 8);
    port[1] = (uint8_t)number;
    return count > 0 && number <= 0xffff;
}

static bool is(const uint8_t *text, int length, const char *expected) {
    return length == (int)strlen(expected) && memcmp(text, expected, (size_t)length) == 0;
}

/* Reads one parameter; false if it cannot be opentracker's reading, too. */
static bool read_parameter(struct announce *peer, uint8_t infohash[20], const char *name, size_t length,
                           const char *value, size_t value_length) {
    uint8_t key[10], text[10];
    int key_length = decode(name, length, key, sizeof key);
    if (is(key, key_length, "info_hash")) {
        bool is_first = peer->infohash == NULL;
        peer->infohash = infohash;
        return is_first && decode(value, value_length, infohash, 20) == 20;
    }
    if (is(key, key_length, "port")) return read_port(value, value_length, peer->port);
    if (is(key, key_length, "event"))
        peer->is_stopped |= is(text, decode(value, value_length, text, sizeof text), "stopped");
    if (is(key, key_length, "left"))
        peer->is_seeder = is(text, decode(value, value_length, text, sizeof text), "0");
    return true;
}

/* Reads a query. One with octets that no URI has is opentracker's alone to make sense of. */
static bool read_query(struct announce *peer, uint8_t infohash[20], const char *query, size_t length) {
    for (size_t at = 0; at < length; at++)
        if (query[at] <= ' ' || query[at] > '~') return false;
    for (const char *end = query + length, *next; query < end; query = next + 1) {
        next = memchr(query, '&', (size_t)(end - query));
        if (!next) next = end;
        const char *equals = memchr(query, '=', (size_t)(next - query));
        const char *name_end = equals ? equals : next, *value = equals ? equals + 1 : next;
        if (!read_parameter(peer, infohash, query, (size_t)(name_end - query), value,
                            (size_t)(next - value)))
            return false;
    }
    return peer->infohash != NULL;
}

/* The announce in a connection's request, if that is exactly one. */
static bool read_request(struct announce *peer, uint8_t infohash[20], const struct connection *from) {
    const char *text = from->text;
    size_t length = from->length;
    if (from->is_too_long || length < 9 || memcmp(text, "GET /", 5) != 0) return false;
    const char *head_end = memmem(text, length, "\r\n\r\n", 4);
    if (head_end != text + length - 4) return false;
    const char *line_end = memchr(text, '\r', length);
    const char *query = memchr(text, '?', (size_t)(line_end - text));
    if (!query++) return false;
    const char *query_end = memchr(query, ' ', (size_t)(line_end - query));
    size_t query_length = (size_t)((query_end ? query_end : line_end) - query);
    *peer = (struct announce){.raw_kind = ALTO_RAW_HTTP_QUERY,
                              .raw = (const uint8_t *)query,
                              .raw_length = query_length};
    memcpy(peer->ip, from->ip, ADDRESS);
    return read_query(peer, infohash, query, query_length);
}

/* ---- HTTP: the reply, a bencoded dictionary (BEP 3). ---- */

struct entry {
    const char *key;
    size_t key_length;
    bool is_text;
    const char *value; /* of a text its octets, of a number its digits */
    size_t length;
    uint64_t number;
};

struct dictionary {
    struct entry entries[12];
    size_t count;
};

/* Reads a number that ends with `end`, and passes it. */
static bool read_number(const char **at, const char *limit, char end, uint64_t *number) {
    const char *start = *at;
    for (*number = 0; *at < limit && **at >= '0' && **at <= '9' && *at < start + 18; ++*at)
        *number = *number * 10 + (uint64_t)(**at - '0');
    return *at > start && *at < limit && *(*at)++ == end;
}

static bool read_text(const char **at, const char *limit, const char **text, size_t *length) {
    uint64_t count;
    if (!read_number(at, limit, ':', &count) || count > (uint64_t)(limit - *at)) return false;
    *text = *at;
    *length = (size_t)count;
    *at += count;
    return true;
}

static bool read_dictionary(const char *at, const char *limit, struct dictionary *all) {
    all->count = 0;
    if (at == limit || *at++ != 'd') return false;
    while (at < limit && *at != 'e') {
        struct entry *entry = &all->entries[all->count++];
        if (all->count == sizeof all->entries / sizeof *all->entries) return false;
        if (!read_text(&at, limit, &entry->key, &entry->key_length) || at == limit) return false;
        entry->is_text = *at != 'i';
        if (entry->is_text) {
            if (!read_text(&at, limit, &entry->value, &entry->length)) return false;
            continue;
        }
        entry->value = ++at;
        if (!read_number(&at, limit, 'e', &entry->number)) return false;
        entry->length = (size_t)(at - 1 - entry->value);
    }
    return at == limit - 1; /* nothing comes after its end */
}

static const struct entry *entry_of(const struct dictionary *all, const char *key) {
    for (size_t at = 0; at < all->count; at++)
        if (is((const uint8_t *)all->entries[at].key, (int)all->entries[at].key_length, key))
            return &all->entries[at];
    return NULL;
}

static uint64_t number_of(const struct dictionary *all, const char *key) {
    const struct entry *entry = entry_of(all, key);
    return entry && !entry->is_text ? entry->number : 0;
}

/* Octets per peer of an entry; 0 if it is not a list of peers. */
static size_t width_of(const struct entry *entry) {
    size_t width = 0;
    if (is((const uint8_t *)entry->key, (int)entry->key_length, "peers")) width = V4_RECORD;
    if (is((const uint8_t *)entry->key, (int)entry->key_length, "peers6")) width = V6_RECORD;
    return width && entry->is_text && entry->length % width == 0 ? width : 0;
}

/* Replaces the peers in all lists of a reply, where they stand. */
static void guide_lists(const alto_discovery *alto, const struct announce *peer, struct dictionary *all,
                        bool *is_shortened, uint32_t now) {
    uint64_t known = number_of(all, "complete") + number_of(all, "incomplete");
    for (size_t at = 0; at < all->count; at++) {
        struct entry *list = &all->entries[at];
        size_t width = width_of(list), count = width ? list->length / width : 0;
        if (count == 0) continue;
        uint8_t *records = (uint8_t *)(uintptr_t)list->value;
        size_t chosen = choose(alto, peer, records, count, width, (size_t)known, now);
        list->length = chosen * width;
        if (count < known && cold_interval < number_of(all, "interval"))
            *is_shortened |= is_cold(alto, peer, records, chosen, width, now);
    }
}

/* Writes the dictionary; the length. There is room, since it has become no longer. */
static size_t write_dictionary(const struct dictionary *all, bool is_shortened, char *to) {
    char *at = to;
    *at++ = 'd';
    for (size_t number = 0; number < all->count; number++) {
        const struct entry *entry = &all->entries[number];
        at += sprintf(at, "%zu:%.*s", entry->key_length, (int)entry->key_length, entry->key);
        bool is_interval = !entry->is_text && entry->key_length >= 8 &&
                           memcmp(entry->key + entry->key_length - 8, "interval", 8) == 0;
        if (is_interval && is_shortened && entry->number > cold_interval) {
            at += sprintf(at, "i%ue", cold_interval);
            continue;
        }
        at += entry->is_text ? sprintf(at, "%zu:", entry->length) : sprintf(at, "i");
        memcpy(at, entry->value, entry->length);
        at += entry->length;
        if (!entry->is_text) *at++ = 'e';
    }
    *at++ = 'e';
    return (size_t)(at - to);
}

/* Puts a body that is no longer than before into a reply whose length stays as it was, so that what
   the system does not take at once is still right for opentracker to send later. The difference goes
   into blanks at the end of the header before Content-Length, where they mean nothing (RFC 9112 §5). */
static void replace_body(char *reply, size_t length, const char *body, size_t body_length) {
    static const char field[] = "\r\nContent-Length: ";
    char *at = memmem(reply, length, field, strlen(field)), head[64];
    if (!at) return;
    int written = snprintf(head, sizeof head, "%s%zu\r\n\r\n", field, body_length);
    size_t rest = (size_t)written + body_length, room = length - (size_t)(at - reply);
    if (rest > room) return;
    memset(at, ' ', room - rest);
    memcpy(at + room - rest, head, (size_t)written);
    memcpy(at + room - body_length, body, body_length);
}

/* Replaces the peers in a reply, if it tells of success. */
static void guide_reply(const alto_discovery *alto, const struct announce *peer, char *reply,
                        size_t length) {
    static const char ok[] = "HTTP/1.";
    char copy[REPLY_MOST], body[REPLY_MOST];
    if (length > sizeof copy || length < sizeof ok || memcmp(reply, ok, strlen(ok)) != 0) return;
    memcpy(copy, reply, length);
    const char *start = memmem(copy, length, "\r\n\r\n", 4);
    struct dictionary all;
    if (!start || !read_dictionary(start + 4, copy + length, &all)) return;
    const struct entry *interval = entry_of(&all, "interval");
    if (!interval || interval->is_text || entry_of(&all, "failure reason")) return;
    note_interval((uint32_t)interval->number);
    uint32_t now = seconds();
    learn(alto, peer, now);
    if (peer->is_stopped) return;
    bool is_shortened = false;
    guide_lists(alto, peer, &all, &is_shortened, now);
    replace_body(reply, length, body, write_dictionary(&all, is_shortened, body));
}

/* ---- HTTP: connections. ---- */

/* What is noted of a descriptor, or NULL. */
static struct connection *connection_at(int64_t fd) {
    if (fd < 0 || (uint64_t)fd >= connection_count) return NULL;
    return connections[fd].is_open ? &connections[fd] : NULL;
}

static bool make_room_for(int fd) {
    if ((size_t)fd < connection_count) return true;
    size_t count = (size_t)fd + 64;
    struct connection *more = realloc(connections, count * sizeof *more);
    if (!more) return false;
    memset(more + connection_count, 0, (count - connection_count) * sizeof *more);
    connections = more;
    connection_count = count;
    return true;
}

static void append(struct connection *to, const char *text, size_t length) {
    size_t all = to->length + length;
    if (all > REQUEST_MOST) to->is_too_long = true;
    if (to->is_too_long) return;
    if (all > to->room) {
        size_t room = (all + 1023) & ~(size_t)1023;
        char *more = realloc(to->text, room);
        to->is_too_long = more == NULL;
        if (!more) return;
        to->text = more;
        to->room = room;
    }
    memcpy(to->text + to->length, text, length);
    to->length = all;
}

int __wrap_socket_accept6(int fd, char *ip, uint16_t *port, uint32_t *scope) {
    if (!real_socket_accept6) find_real();
    int accepted = real_socket_accept6(fd, ip, port, scope);
    if (accepted >= 0 && atomic_load_explicit(&started, memory_order_acquire) && make_room_for(accepted)) {
        struct connection *connection = &connections[accepted];
        connection->is_open = true;
        connection->is_too_long = false;
        connection->length = 0;
        memcpy(connection->ip, ip, ADDRESS);
    }
    return accepted;
}

int64_t __wrap_io_tryread(int64_t fd, char *buffer, int64_t room) {
    if (!real_io_tryread) find_real();
    int64_t length = real_io_tryread(fd, buffer, room);
    struct connection *connection = connection_at(fd);
    reading = connection && length > 0 ? fd : -1;
    if (reading >= 0) append(connection, buffer, (size_t)length);
    return length;
}

void __wrap_io_close(int64_t fd) {
    if (!real_io_close) find_real();
    struct connection *connection = connection_at(fd);
    if (connection) connection->is_open = false;
    if (reading == fd) reading = -1;
    real_io_close(fd);
}

ssize_t __wrap_write(int fd, const void *buffer, size_t length) {
    if (!real_write) find_real();
    struct connection *connection = reading >= 0 && reading == fd ? connection_at(fd) : NULL;
    const alto_discovery *alto = atomic_load_explicit(&started, memory_order_acquire);
    struct announce peer;
    uint8_t infohash[20];
    /* The buffer is opentracker's own, in which it has just built the reply. */
    if (connection && alto && read_request(&peer, infohash, connection))
        guide_reply(alto, &peer, (char *)(uintptr_t)buffer, length);
    if (connection) connection->length = 0; /* a request is answered once */
    return real_write(fd, buffer, length);
}

/* ---- Start, turns of the main loop, end. ---- */

static void say_why(const char *what) {
    char why[768] = "";
    alto_last_error(why, sizeof why);
    say("%s: %s; peers are chosen as ever", what, why);
}

/* Reads a duration as alto_config_get() tells it. */
static uint32_t read_duration(const char *text) {
    char *unit;
    unsigned long number = strtoul(text, &unit, 10);
    switch (*unit) {
    case 'h':
        return (uint32_t)number * 3600;
    case 'm':
        return unit[1] == 's' ? (uint32_t)number / 1000 : (uint32_t)number * 60;
    default:
        return (uint32_t)number;
    }
}

/* As root, in the real file system: reads all files. */
__attribute__((constructor)) static void load(void) {
    find_real();
    if (!real_socket_recv6) return; /* another program that was started with the same environment */
    const char *path = getenv("ALTO_CONFIG");
    alto_config *config = NULL;
    char text[32] = "";
    if (!path)
        say("ALTO_CONFIG is not set; peers are chosen as ever");
    else if (alto_config_new(ALTO_VERSION_NUMBER, &config) < 0 || alto_config_load(config, path) < 0 ||
             alto_config_get(config, "opentracker.cold_interval", text, sizeof text) < 0 ||
             alto_open(config, &opened) < 0)
        say_why(path);
    cold_interval = read_duration(text);
    alto_config_free(config);
}

/* After chroot and setuid: starts the threads. */
static void start(void) {
    alto_discovery *alto = opened;
    opened = NULL;
    if (alto_start(alto) < 0) {
        say_why("not started");
        alto_free(alto);
        return;
    }
    last_guided = seconds();
    atomic_store_explicit(&started, alto, memory_order_release);
    say("started");
}

/* Forgets peers that opentracker has forgotten, two milliseconds a second at most. */
static void expire(const alto_discovery *alto) {
    enum { GO = 500, MOST_NS = 2000000 };
    static uint32_t last;
    uint32_t now = seconds();
    if (now == last) return;
    last = now;
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    do {
        if (alto_swarm_expire(alto, now, lifetime, GO) <= 0) return;
        clock_gettime(CLOCK_MONOTONIC, &end);
    } while ((end.tv_sec - begin.tv_sec) * 1000000000L + end.tv_nsec - begin.tv_nsec < MOST_NS);
}

void __wrap_io_wait(void) {
    if (!real_io_wait) find_real();
    if (opened) start();
    const alto_discovery *alto = atomic_load_explicit(&started, memory_order_acquire);
    if (alto) expire(alto);
    reading = -1;
    real_io_wait();
}

/* opentracker's SIGINT handler ends the process, maybe on a thread that is in the middle of a call. */
__attribute__((destructor)) static void unload(void) {
    alto_discovery *alto = atomic_exchange(&started, NULL);
    if (alto) alto_stop(alto, 0);
}

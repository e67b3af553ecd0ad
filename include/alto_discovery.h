/*
 * alto_discovery.h: find the ALTO server that speaks for a peer (RFC 8686), ask it what other peers
 * cost (RFC 7285), and put the best of them into the peer's reply.
 *
 * A first program:
 *
 *     alto_config *config;
 *     alto_discovery *alto;
 *     alto_config_new(ALTO_VERSION_NUMBER, &config);
 *     alto_config_set(config, "dns.resolver", "127.0.0.1:53");
 *     if (alto_open(config, &alto) < 0) { ... alto_last_error() says why ... }
 *     alto_config_free(config);
 *     // chroot, setuid, fork: now
 *     alto_start(alto);
 *     // for each announce: note the peer, and choose for it
 *     alto_swarm_add(alto, infohash, record, 6, 0, now);
 *     long count = alto_swarm_select(alto, infohash, &peer, reply, 6, 50, NULL, now);
 *     // at the end
 *     alto_free(alto);
 *
 * Link with pkg-config --cflags --libs alto_discovery. Programs in C, C++, Python and Go are in the
 * folder ffi/examples of the sources.
 *
 *
 * LIFE CYCLE
 *
 * A configuration is made by alto_config_new(), filled by alto_config_set() or alto_config_load(),
 * and turned into a handle by alto_open(). Only these read files: root certificates, resolv.conf, the
 * configuration. Only alto_start() makes threads and lasting descriptors. So a program that gives up
 * its rights opens first, then calls chroot(2) and setuid(2), then starts: nothing is needed from the
 * file system afterwards. Before the start, swarms can be filled and asked (by chance alone) already.
 *
 * Fork: start after forking, in each process that uses the handle. In a child of the process that
 * started it, every call but alto_start() and alto_free() gives ALTO_E_FORKED at once. alto_start()
 * works there: it begins anew, with nothing learnt and no swarm, and does not touch the parent.
 *
 * alto_stop() may come from anywhere: another thread, or a signal handler if its timeout is 0; it sets
 * a flag and writes to one descriptor. It never waits for a thread of the caller's, so a handler that
 * has interrupted a call of this library is no danger. alto_free() stops, too, and waits for the
 * library's own threads. dlclose(3) does not unload the library.
 *
 *
 * THREADS
 *
 * const = may be called by any number of threads at once: lookups, choices, swarms, counts.
 * Not const = one thread, and no other call on the same handle meanwhile; alto_stop() alone may
 * overlap all const calls. Different handles have nothing to do with each other.
 *
 * alto_lookup(), alto_select() and alto_swarm_*() are for the path of every announce: they never wait
 * for the network. On a hit they neither allocate (alto_swarm_add() may let its arrays grow, and what a
 * peer sent, where "peerinfo.trust" lets it count, takes memory for the length of the call) nor call
 * the system; on a miss they put one task into a bounded queue. The library's threads have all signals
 * blocked. A thread of yours that is cancelled (pthread_cancel(3)) inside a call ends after it: no call
 * is a cancellation point. Never make cancellation asynchronous (pthread_setcanceltype(3)) around one.
 *
 * There are no callbacks. What was asked for by alto_lookup_async() is fetched by alto_poll() when
 * alto_fd() is readable.
 *
 *
 * OWNERSHIP
 *
 * Who calls alto_config_new() or alto_open() owns what comes and frees it by alto_config_free() or
 * alto_free(), which take NULL. A handle does not need its configuration any more. What arguments
 * point to is read, or written, during the call only. Texts that functions return are static.
 *
 * Structs begin with struct_size, which the caller sets to sizeof of the struct: a program built
 * with an older or newer header of the same major version runs. No more than struct_size octets are
 * touched. Set the rest to zero: zero means default or none.
 *
 * The environment is not written, and read twice: alto_open() looks at SSL_CERT_FILE and SSL_CERT_DIR,
 * where the root certificates are, and alto_start() at TOKIO_UNSTABLE_SHARDED_BLOCKING_QUEUE, a switch
 * of the run-time library's own. No signal handler, no atexit(3), nothing is written to
 * files. What happens meanwhile is told where "log.target" says (stderr, syslog), which is nowhere by
 * default; a fault of the library's own leaves a line on standard error.
 *
 *
 * ERRORS
 *
 * Functions return a status: ALTO_OK (0), a piece of information (positive), or an error (negative);
 * those that count return the count instead of ALTO_OK. ALTO_NONE and ALTO_E_UNAVAILABLE are far
 * apart: "surely no server" is a fact that holds for a while, "don't know" never is. The numbers are
 * fixed. After an error alto_last_error() tells this thread what was wrong, by name. Outputs are
 * written only on success. NULL where there must be something is ALTO_E_INVALID. errno means nothing.
 *
 * Licence: MIT or Apache-2.0, at your choice.
 */

#ifndef ALTO_DISCOVERY_H
#define ALTO_DISCOVERY_H

/* Made from ffi/src by cbindgen (make header): not to be edited. */

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

// The version of this header: (major << 16) | (minor << 8) | patch.
#define ALTO_VERSION_NUMBER 0x000100

// Done; for a lookup: an answer that holds now.
#define ALTO_OK 0

// Nothing is known yet, and a discovery is under way: ask again later.
#define ALTO_PENDING 1

// An answer past its life, told because its source cannot be reached at the moment (RFC 8767).
#define ALTO_STALE 2

// Surely no ALTO server speaks for this peer. A fact with a lifetime, not a failure.
#define ALTO_NONE 3

// The caller's arguments make no sense: NULL, a wrong size or length, an unknown kind.
#define ALTO_E_INVALID (-1)

// A key, a value or a file of the configuration is at fault; alto_last_error() names it.
#define ALTO_E_CONFIG (-2)

// Nobody knows at the moment: ask again later. Never to be taken for ALTO_NONE.
#define ALTO_E_UNAVAILABLE (-3)

// Something came that is refused: forged data, or a server that may not be contacted.
#define ALTO_E_REJECTED (-4)

// alto_start() was not called yet, or alto_stop() was.
#define ALTO_E_NOT_STARTED (-5)

// This process is a child of the one that called alto_start(): call it here, too.
#define ALTO_E_FORKED (-6)

// The time given was over first.
#define ALTO_E_TIMEOUT (-7)

// The caller's buffer is too small, or as much as may be is under way already.
#define ALTO_E_FULL (-8)

// No way of finding a server applies to this peer: its address means nothing outside its network.
#define ALTO_E_NOT_APPLICABLE (-9)

// A fault inside the library, which was stopped at its border.
#define ALTO_E_PANIC (-10)

// The lookup was cancelled, or the library was stopped, before it was over.
#define ALTO_E_CANCELLED (-11)

// alto_peer.id_kind: the peer has no id.
#define ALTO_ID_NONE 0

// alto_peer.id_kind: the external source port seen with the address, two octets in network order.
#define ALTO_ID_PORT 1

// alto_peer.id_kind: 1 to 32 octets that mean something to the peer's own network.
#define ALTO_ID_TOKEN 2

// alto_peer.raw_kind: no announce at hand.
#define ALTO_RAW_NONE 0

// alto_peer.raw_kind: the query part of an HTTP announce, what stands behind the "?".
#define ALTO_RAW_HTTP_QUERY 1

// alto_peer.raw_kind: what stands behind the 98 fixed octets of a UDP announce (BEP 41).
#define ALTO_RAW_UDP_OPTIONS 2

// alto_answer.trust: the peer itself says so.
#define ALTO_TRUST_PEER_CLAIM 1

// alto_answer.trust: the network that holds the peer's address says so.
#define ALTO_TRUST_NETWORK 2

// alto_answer.trust: the own configuration says so.
#define ALTO_TRUST_CONFIGURED 3

// alto_answer.dnssec: nobody who can be believed told.
#define ALTO_DNSSEC_UNKNOWN 0

// alto_answer.dnssec: not signed, or not authenticated.
#define ALTO_DNSSEC_INSECURE 1

// alto_answer.dnssec: authenticated by a chain of trust.
#define ALTO_DNSSEC_SECURE 2

// alto_answer.dnssec: should be authentic and is not.
#define ALTO_DNSSEC_BOGUS 3

// alto_select_opts.random_permille: no place of a reply is drawn at random.
#define ALTO_RANDOM_NONE UINT32_MAX

// What alto_costs() tells of a record whose cost is not known.
#define ALTO_COST_UNKNOWN UINT32_MAX

// alto_swarm_add(): the peer has everything.
#define ALTO_SEEDER 1

// A configuration that is being made. Owned by whoever called alto_config_new().
typedef struct alto_config alto_config;

// Finds servers and chooses peers. Owned by whoever called alto_open().
typedef struct alto_discovery alto_discovery;

// A peer for which a server is looked for. Set struct_size to sizeof(alto_peer), zero the rest, and
// fill in what there is. What is pointed to is read during the call only.
typedef struct alto_peer {
    // sizeof(alto_peer)
    uint32_t struct_size;
    // The address its messages come from: a sockaddr_in or sockaddr_in6. For alto_select() and
    // alto_swarm_select() the port is the one it announces, and counts with drop_self.
    const struct sockaddr *addr;
    // The size of what addr points to.
    socklen_t addr_len;
    // One of ALTO_ID_*.
    uint32_t id_kind;
    // What tells peers behind one address apart; not BitTorrent's peer_id.
    const uint8_t *id;
    // Octets of id.
    uint32_t id_len;
    // One of ALTO_RAW_*.
    uint32_t raw_kind;
    // The announce as it arrived, for guidance that the peer itself sends. At most 65535 octets.
    const uint8_t *raw;
    // Octets of raw: as many as arrived, whatever they say themselves.
    size_t raw_len;
} alto_peer;

// What a lookup tells. Set struct_size to sizeof(alto_answer), text and text_len to a buffer of
// yours (or NULL and 0 if the URIs are not wanted); the rest is written by the library.
typedef struct alto_answer {
    // sizeof(alto_answer)
    uint32_t struct_size;
    // In: where the URIs of the servers go, best first, one after the other, each ended by NUL; with
    // ALTO_NONE an empty one.
    char *text;
    // In: octets at text.
    size_t text_len;
    // Octets that all URIs need. Also written with ALTO_E_FULL.
    size_t text_needed;
    // How many servers there are; 0 with ALTO_NONE.
    uint32_t server_count;
    // AF_INET or AF_INET6: the family of scope_addr.
    uint32_t scope_family;
    // For all peers of this prefix the same was proven; network order, an IPv4 address in the first
    // four octets.
    uint8_t scope_addr[16];
    // The length of the prefix in bits.
    uint32_t scope_len;
    // One of ALTO_TRUST_*, of the first server; 0 with ALTO_NONE.
    uint32_t trust;
    // One of ALTO_DNSSEC_*.
    uint32_t dnssec;
    // 1 if some question failed for a while, so that a later answer may be more specific.
    uint32_t incomplete;
    // How long this holds, in milliseconds; 0 with ALTO_STALE.
    uint64_t ttl_ms;
    // The way it was found, such as "dns"; ended by NUL.
    char backend[16];
} alto_answer;

// That a lookup of alto_lookup_async() is over. Set struct_size of the first one of an array, to
// sizeof(alto_completion): it counts for all of them.
typedef struct alto_completion {
    // sizeof(alto_completion)
    uint32_t struct_size;
    // How it ended: ALTO_OK (alto_lookup() tells the answer now), ALTO_NONE, or an error;
    // ALTO_E_CANCELLED if alto_cancel() or alto_stop() came first.
    int status;
    // The token given to alto_lookup_async().
    uint64_t token;
} alto_completion;

// How peers are chosen, this once. Set struct_size to sizeof(alto_select_opts); what is zero is as
// configured.
typedef struct alto_select_opts {
    // sizeof(alto_select_opts)
    uint32_t struct_size;
    // 1 if the peer that asks has everything: alto_swarm_select() gives it no seeders then.
    uint32_t seeder;
    // 1 to leave out the record of the peer that asks itself: its address with its port.
    uint32_t drop_self;
    // Thousandths of the places that are drawn at random, whatever ALTO says, so that swarms stay in
    // one piece; 0 as configured ("select.random_share"), ALTO_RANDOM_NONE for none.
    uint32_t random_permille;
    // How many peers of one network (PID) the guided places may hold; 0 as configured
    // ("select.pid_cap").
    uint32_t pid_cap;
    // For tests: fixes how peers of equal cost are drawn. 0 draws anew each time.
    uint64_t seed;
} alto_select_opts;

// Counts since alto_open(), and what there is now.
typedef struct alto_stats {
    // sizeof(alto_stats)
    uint32_t struct_size;
    // 1 between alto_start() and alto_stop().
    uint32_t running;
    // Discoveries that were started, by any lookup that did not find an answer at hand.
    uint64_t started;
    // Those that found a server.
    uint64_t found;
    // Those that found that there surely is none.
    uint64_t none;
    // Those that ended otherwise.
    uint64_t failed;
    // Discoveries under way now.
    uint64_t under_way;
    // Completions that wait for alto_poll() now.
    uint64_t completions;
    // Torrents known to alto_swarm_add() now.
    uint64_t torrents;
    // Peers of all of them now.
    uint64_t peers;
    // Octets told to alto_swarm_report().
    uint64_t reported;
} alto_stats;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The version of the library at hand, in the form of ALTO_VERSION_NUMBER.
uint32_t alto_version_number(void);

// The version of the library at hand as text, such as "0.1.0"; static.
const char *alto_version(void);

// One sentence on a status, in English; static, never NULL. Any thread, at any time.
const char *alto_strerror(int status);

// Why the last call on this thread that returned an error did so, in one sentence that names the
// key, file or argument at fault.
//
// Writes at most len octets to buf, cut if need be and always ended by NUL. Returns the octets
// needed, NUL included, whatever buf and len are; 0 if no call on this thread returned an error yet.
// buf may be NULL if len is 0.
size_t alto_last_error(char *buf,
                       size_t len);

// A configuration with all defaults, to be freed by alto_config_free().
//
// header_version is ALTO_VERSION_NUMBER as the caller's header has it: ALTO_E_INVALID if the library
// is of another major version, for which the caller would have to be built anew.
int alto_config_new(uint32_t header_version,
                    struct alto_config **out);

// Sets a key such as "dns.resolver" to a value, both texts: lists are comma-separated ("dns"),
// durations like "2s" or "500ms", flags "true" or "false". docs/operations.md lists the keys.
//
// ALTO_E_CONFIG for an unknown key or a bad value: alto_last_error() names the key, and the nearest
// known one. The configuration is then as before.
int alto_config_set(struct alto_config *config, const char *key, const char *value);

// Tells the value of a key as alto_config_set() reads it, in one spelling: the largest unit that is
// exact ("2m", not "120s").
//
// Writes at most len octets to buf, cut if need be and always ended by NUL. Returns the octets
// needed, NUL included, whatever buf and len are; ALTO_E_CONFIG for an unknown key. buf may be NULL
// if len is 0.
long alto_config_get(const struct alto_config *config, const char *key, char *buf, size_t len);

// Sets what a TOML file says, the same file that the command alto reads.
//
// ALTO_E_CONFIG if it is missing, broken, or says something unknown; what it said before that counts.
int alto_config_load(struct alto_config *config,
                     const char *path);

// Frees a configuration. Nothing happens for NULL. Handles opened with it are not affected.
void alto_config_free(struct alto_config *config);

// Makes a handle from a configuration, which may be freed afterwards. Reads files: the root
// certificates of the system, /etc/resolv.conf if "dns.resolver" is not set, and what the
// configuration names. Starts no thread, opens no socket, keeps no descriptor.
//
// ALTO_E_CONFIG if the configuration contradicts itself or names what there is not.
int alto_open(const struct alto_config *config, struct alto_discovery **out);

// Starts the handle's threads, all signals blocked in them, and opens its descriptors, close-on-exec:
// call it after chroot, setuid and fork. Nothing happens if it runs already. May be called again
// after alto_stop(), and in a child of the process that called it: what was learnt is kept in the
// first case and forgotten in the second, swarms included; completions not fetched are forgotten in
// both.
//
// ALTO_E_UNAVAILABLE if the system gives no descriptors; it can be tried again. Leave room for eight threads
// (RLIMIT_NPROC, TasksMax of a unit): where the system gives fewer than are needed, this is not always told
// so; it may be ALTO_E_PANIC, cost descriptors, or not return.
int alto_start(struct alto_discovery *discovery);

// Stops: lookups give ALTO_E_NOT_STARTED from now on, those that wait return, what alto_lookup_async()
// was asked for is cancelled, and the threads end. Choosing peers goes on with what is known.
//
// Waits at most timeout_ms for the threads to end: ALTO_E_TIMEOUT if they have not, ALTO_OK if they
// have. With 0 it does not wait, returns ALTO_OK, and may be called by a signal handler. It may overlap
// any const call, and never waits for a thread of the caller's.
int alto_stop(struct alto_discovery *discovery,
              uint32_t timeout_ms);

// Stops, waits for the threads and frees everything. No other call may use the handle meanwhile or
// afterwards. Nothing happens for NULL. In a child of the process that started the handle it gives
// back what can be given back there; the parent is not affected.
void alto_free(struct alto_discovery *discovery);

// A descriptor that is readable while completions wait for alto_poll(): for poll(2), epoll and event
// loops; only poll it. The same one from the first start on; another one after a start in a child. A
// negative status before.
int alto_fd(const struct alto_discovery *discovery);

// What is known now of the servers that speak for a peer: returns at once, from memory. What is not
// known is being found out from then on, for a later call.
//
// ALTO_OK and the answer; ALTO_STALE and an old answer; ALTO_NONE and for how long that holds;
// ALTO_PENDING if a discovery is under way; ALTO_E_UNAVAILABLE if too many are; ALTO_E_FULL if the
// URIs need more than text_len. out is written with the first three only (and text_needed with
// ALTO_E_FULL).
int alto_lookup(const struct alto_discovery *discovery,
                const struct alto_peer *peer,
                struct alto_answer *out);

// The same, but waits at most timeout_ms while nothing is known: also when the resolver is silent,
// for it may come back. Only a refused connection, or that nothing applies to this peer, ends it
// early. Blocks the calling thread; never call it where packets are served.
//
// ALTO_OK, ALTO_STALE or ALTO_NONE as alto_lookup(); ALTO_E_TIMEOUT or ALTO_E_UNAVAILABLE if nothing
// became known, which says nothing about whether there is a server; ALTO_E_NOT_STARTED if
// alto_stop() came first.
int alto_lookup_wait(const struct alto_discovery *discovery,
                     const struct alto_peer *peer,
                     uint32_t timeout_ms,
                     struct alto_answer *out);

// Starts a lookup and returns at once. When it is over alto_fd() becomes readable and alto_poll()
// gives token, once; that is also so if it is cancelled, or the handle stopped.
//
// ALTO_E_INVALID if the token is in use: that is, until alto_poll() has given it. ALTO_E_FULL if as
// many as "discovery.calls" are not fetched yet.
int alto_lookup_async(const struct alto_discovery *discovery,
                      const struct alto_peer *peer,
                      uint64_t token);

// Cancels a lookup of alto_lookup_async(): alto_poll() gives its token soon, with ALTO_E_CANCELLED
// unless it was over already. ALTO_E_INVALID if nothing was asked for by this token.
int alto_cancel(const struct alto_discovery *discovery, uint64_t token);

// Fetches at most n completions into out, an array of n. Returns how many, 0 if none waits; never
// waits itself. Works after alto_stop(), too.
int alto_poll(const struct alto_discovery *discovery,
              struct alto_completion *out,
              size_t n);

// Chooses the best k of an array of records for a peer: first those of lowest cost, then those drawn
// at random. What is not known yet is learnt for a later call; until then all are drawn at random.
// Takes time in proportion to n: for more than a few hundred use alto_swarm_select().
//
// A record is addr_len octets, 6 (IPv4 and port) or 18 (IPv6 and port), in network order as in BEP 23
// and BEP 7; it stands at the beginning of each stride octets, and the whole stride is copied to out,
// which has room for k of them. out == in is allowed (what is behind the chosen ones is then as it
// was), other overlaps are not. opts may be NULL.
//
// Returns how many were chosen: k, or all there are.
long alto_select(const struct alto_discovery *discovery,
                 const struct alto_peer *to,
                 const void *in,
                 size_t n,
                 size_t stride,
                 size_t addr_len,
                 void *out,
                 size_t k,
                 const struct alto_select_opts *opts);

// Tells what each record costs a peer, lower being better, into costs, an array of n that does not
// overlap in; ALTO_COST_UNKNOWN where that is not known (yet). Compare the numbers of one call only:
// they are the server's own where these are all whole numbers below 2^32 - 1, else their ranks from 0.
int alto_costs(const struct alto_discovery *discovery,
               const struct alto_peer *to,
               const void *in,
               size_t n,
               size_t stride,
               size_t addr_len,
               uint32_t *costs);

// Adds a peer to the swarm of a torrent, or notes that it was seen again at now (seconds, by any
// clock that all calls share). flags: 0 for a leecher, ALTO_SEEDER. rec is 6 octets (IPv4 and port)
// or 18 (IPv6 and port). Works before alto_start(), too.
int alto_swarm_add(const struct alto_discovery *discovery,
                   const uint8_t infohash[20],
                   const void *rec,
                   size_t rec_len,
                   uint32_t flags,
                   uint32_t now);

// Removes a peer from a swarm. ALTO_OK also if it was not there.
int alto_swarm_remove(const struct alto_discovery *discovery,
                      const uint8_t infohash[20],
                      const void *rec,
                      size_t rec_len);

// Chooses the best k peers of a swarm for a peer, all different, into out, which has room for k
// records of rec_len octets: first those of lowest cost, then those drawn at random. Time hardly
// depends on the size of the swarm. As alto_select(), it makes do with what is known.
//
// Returns how many: k, or all there are.
long alto_swarm_select(const struct alto_discovery *discovery,
                       const uint8_t infohash[20],
                       const struct alto_peer *to,
                       void *out,
                       size_t rec_len,
                       size_t k,
                       const struct alto_select_opts *opts,
                       uint32_t now);

// Tells how many octets of a torrent a peer has got since the last report, where the host knows:
// counted in alto_stats.reported. Optional.
int alto_swarm_report(const struct alto_discovery *discovery,
                      const uint8_t infohash[20],
                      const void *rec,
                      size_t rec_len,
                      uint64_t bytes);

// Removes peers that were last seen more than max_age seconds before now (18 hours at most), at most
// budget of them, and swarms that are empty. Returns how many peers were removed; 0 when none is left
// to be removed. Call it now and then until it returns 0, or once in each turn of an event loop: a
// call looks at each peer once at most, and holds the lock of one swarm for a thousand of them.
long alto_swarm_expire(const struct alto_discovery *discovery,
                       uint32_t now,
                       uint32_t max_age,
                       size_t budget);

// Counts since alto_open(), and what there is now. Counts the peers of all torrents: not for hot
// paths.
int alto_stats_get(const struct alto_discovery *discovery, struct alto_stats *out);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* ALTO_DISCOVERY_H */

/* Random sequences of calls, sane and insane, on two handles and from two threads. Arguments: a
 * resolver, how many sequences, a seed. What must not happen is for others to see: a crash, a report of
 * a sanitizer or of valgrind; here only that each call gives a status there is. */
#include "check.h"

#include <pthread.h>
#include <unistd.h>

static const char *resolver;

static uint64_t draw(uint64_t *state) {
    uint64_t word = *state += UINT64_C(0x9e3779b97f4a7c15);
    word = (word ^ word >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    word = (word ^ word >> 27) * UINT64_C(0x94d049bb133111eb);
    return word ^ word >> 31;
}

#define BELOW(n) (draw(state) % (uint64_t)(n))
#define RARELY(n) (BELOW(n) == 0)

static void some_peer(struct someone *one, uint64_t *state, const uint8_t *octets) {
    static const char *const addresses[] = {"203.0.113.5", "198.51.100.7", "10.0.0.1", "2001:db8:1::1",
                                            "::1", "::ffff:203.0.113.9", "0.0.0.0", "9.9.9.9"};
    someone(one, addresses[BELOW(8)], (int)BELOW(65536));
    if (RARELY(3)) one->v4.sin_addr.s_addr ^= htonl((uint32_t)BELOW(256));
    if (RARELY(8)) one->peer.id_kind = (uint32_t)BELOW(4), one->peer.id_len = (uint32_t)BELOW(40);
    if (RARELY(2)) one->peer.id = octets;
    if (RARELY(8)) one->peer.raw_kind = (uint32_t)BELOW(4), one->peer.raw_len = (size_t)BELOW(70);
    if (RARELY(2)) one->peer.raw = octets;
    if (RARELY(30)) one->peer.addr_len = (socklen_t)BELOW(29);
    if (RARELY(30)) one->peer.struct_size = (uint32_t)BELOW(sizeof one->peer + 1);
    if (RARELY(30)) one->peer.addr = NULL;
}

/* One call that any thread may make. */
static long call(const alto_discovery *alto, uint64_t *state) {
    uint8_t octets[70] = {0}, torrent[20] = {0}, list[40 * 20], out[40 * 20];
    uint32_t costs[40];
    struct someone one;
    char text[64];
    alto_answer answer = nothing();
    alto_stats stats = {0};
    alto_completion over[4] = {{0}};
    alto_select_opts opts = {0};
    const alto_peer *peer = &one.peer;
    size_t n = (size_t)BELOW(41), size = RARELY(2) ? 6 : 18, stride = size + (size_t)BELOW(3);
    uint32_t now = 1000 + (uint32_t)BELOW(4000);
    some_peer(&one, state, octets);
    if (RARELY(50)) peer = NULL;
    if (RARELY(50)) alto = NULL;
    for (size_t at = 0; at < sizeof list; at++) list[at] = (uint8_t)BELOW(4);
    torrent[0] = (uint8_t)BELOW(4);
    opts.struct_size = RARELY(20) ? 3 : sizeof opts;
    opts.seeder = (uint32_t)BELOW(2), opts.drop_self = (uint32_t)BELOW(2);
    opts.random_permille = (uint32_t)BELOW(1100), opts.pid_cap = (uint32_t)BELOW(3);
    stats.struct_size = RARELY(9) ? 9 : sizeof stats;
    over[0].struct_size = RARELY(9) ? 9 : sizeof *over;
    if (!RARELY(4)) answer.text = text, answer.text_len = (size_t)BELOW(sizeof text + 1);
    if (RARELY(20)) answer.struct_size = (uint32_t)BELOW(sizeof answer);
    const alto_select_opts *options = RARELY(3) ? NULL : &opts;
    switch (BELOW(15)) {
    case 0: return alto_lookup(alto, peer, RARELY(20) ? NULL : &answer);
    case 1: return alto_lookup_wait(alto, peer, (uint32_t)BELOW(3), &answer);
    case 2: return alto_lookup_async(alto, peer, BELOW(64));
    case 3: return alto_cancel(alto, BELOW(64));
    case 4: return alto_poll(alto, RARELY(20) ? NULL : over, (size_t)BELOW(5));
    case 5: return alto_fd(alto) < 0 ? 0 : 1;
    case 6: return alto_select(alto, peer, list, n, stride, size, out, (size_t)BELOW(41), options);
    case 7: return alto_select(alto, peer, list, n, stride, size, list, (size_t)BELOW(41), options);
    case 8: return alto_costs(alto, peer, list, n, stride, size, costs);
    case 9: return alto_swarm_remove(alto, torrent, list, size);
    case 10: return alto_swarm_select(alto, torrent, peer, out, size, n, options, now);
    case 11: return alto_swarm_report(alto, torrent, list, RARELY(9) ? 7 : size, 1);
    case 12: return alto_swarm_expire(alto, now, (uint32_t)BELOW(5000), (size_t)BELOW(50));
    case 13: return alto_stats_get(alto, &stats);
    default: return alto_swarm_add(alto, torrent, list, size, (uint32_t)BELOW(3), now);
    }
}

struct other {
    const alto_discovery *alto;
    uint64_t seed;
};

static void *calls(void *arguments) {
    struct other *other = arguments;
    uint64_t state = other->seed;
    for (int at = 0; at < 10; at++) CHECK(call(other->alto, &state) >= ALTO_E_CANCELLED);
    return NULL;
}

static alto_discovery *opened_somehow(uint64_t *state) {
    alto_config *config = NULL;
    alto_discovery *alto = NULL;
    IS(alto_config_new(ALTO_VERSION_NUMBER, &config), ALTO_OK);
    IS(alto_config_set(config, "dns.resolver", resolver), ALTO_OK);
    IS(alto_config_set(config, "policy.allow_documentation", "true"), ALTO_OK);
    if (RARELY(2)) alto_config_set(config, "dns.timeout", RARELY(2) ? "nonsense" : "200ms");
    if (RARELY(2)) IS(alto_config_set(config, "discovery.calls", "3"), ALTO_OK);
    IS(alto_open(config, &alto), ALTO_OK);
    alto_config_free(config);
    return alto;
}

int main(int argc, char **argv) {
    CHECK(argc == 4);
    resolver = argv[1];
    long sequences = atol(argv[2]);
    uint64_t seed = strtoull(argv[3], NULL, 10), *state = &seed;
    alto_discovery *handles[2] = {opened_somehow(state), opened_somehow(state)};
    for (long at = 0; at < sequences; at++) {
        alto_discovery **alto = &handles[BELOW(2)];
        pthread_t thread;
        struct other other = {*alto, draw(state)};
        int has_other = RARELY(50);
        if (has_other) CHECK(pthread_create(&thread, NULL, calls, &other) == 0);
        for (uint64_t left = 1 + BELOW(8); left > 0; left--)
            CHECK(call(*alto, state) >= ALTO_E_CANCELLED);
        if (RARELY(100)) CHECK(alto_stop(*alto, 0) >= ALTO_E_CANCELLED);
        if (has_other) CHECK(pthread_join(thread, NULL) == 0);
        if (RARELY(20)) CHECK(alto_start(*alto) == ALTO_OK);
        if (RARELY(200)) IS(alto_stop(*alto, 10000) < 0 ? ALTO_E_NOT_STARTED : ALTO_OK,
                            alto_fd(*alto) < 0 ? ALTO_E_NOT_STARTED : ALTO_OK);
        if (RARELY(2000)) {
            alto_free(*alto);
            *alto = opened_somehow(state);
        }
    }
    alto_free(handles[0]);
    alto_free(handles[1]);
    return 0;
}

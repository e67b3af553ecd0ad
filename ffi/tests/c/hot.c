/* The path of every announce: no allocation, no system call. Arguments: a resolver whose zone names
 * an ALTO server that runs, and that server's classes of peers. Counts allocations itself; the system
 * calls between the two calls of getppid() are counted by who runs this under strace. */
#include "check.h"

#include <unistd.h>

/* The C library's own, under the names by which it offers them. */
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static __thread unsigned long allocations;

void *malloc(size_t size) {
    allocations++;
    return __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
    allocations++;
    return __libc_calloc(count, size);
}
void *realloc(void *old, size_t size) {
    allocations++;
    return __libc_realloc(old, size);
}
void *memalign(size_t alignment, size_t size) {
    allocations++;
    return __libc_memalign(alignment, size);
}
void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }
int posix_memalign(void **out, size_t alignment, size_t size) {
    *out = memalign(alignment, size);
    return *out == NULL;
}

enum { PEERS = 300, K = 50 };
static uint8_t list[PEERS][8], out[PEERS][8], reply[K][6];
static const uint8_t torrent[20] = "a torrent of twenty";

/* A hundred near, a hundred mid, a hundred far. */
static void fill(alto_discovery *alto) {
    static const uint8_t nets[3][3] = {{203, 0, 113}, {198, 51, 100}, {192, 0, 2}};
    for (unsigned at = 0; at < PEERS; at++) {
        memcpy(list[at], nets[at % 3], 3);
        list[at][3] = (uint8_t)(at / 3 + 1);
        list[at][5] = 80;
        list[at][6] = 0xaa;
        IS(alto_swarm_add(alto, torrent, list[at], 6, at % 2, 1000), ALTO_OK);
    }
}

static int guided(uint8_t (*records)[6], size_t stride, long count) {
    int near = 0;
    for (long at = 0; at < count; at++)
        near += memcmp((uint8_t *)records + (size_t)at * stride, "\xcb\x00\x71", 3) == 0;
    return near;
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    struct someone one, gone;
    char text[256];
    alto_answer answer = nothing();
    service = "ALTO:http";
    alto_discovery *alto = started(argv[1]);
    const alto_peer *peer = someone(&one, "203.0.113.5", 7);
    const alto_peer *absent = someone(&gone, "192.0.2.9", 7);
    answer.text = text;
    answer.text_len = sizeof text;
    fill(alto);
    IS(alto_lookup_wait(alto, peer, 5000, &answer), ALTO_OK);
    IS(alto_lookup_wait(alto, absent, 5000, &answer), ALTO_NONE);

    /* Until the maps are there and the swarm is grouped by them. */
    alto_select_opts opts;
    memset(&opts, 0, sizeof opts);
    opts.struct_size = sizeof opts;
    opts.random_permille = 200;
    opts.drop_self = 1;
    double start = seconds();
    for (int ready = 0; !ready;) {
        CHECK(seconds() - start < 20);
        for (int turn = 0; turn < 10; turn++)
            IS(alto_swarm_select(alto, torrent, peer, reply, 6, K, &opts, 1000), K);
        ready = guided(reply, 6, K) >= 40;
        struct timespec moment = {0, 5 * 1000 * 1000};
        nanosleep(&moment, NULL);
    }
    for (int turn = 0; turn < 100; turn++) {
        IS(alto_swarm_select(alto, torrent, peer, reply, 6, K, &opts, 1000), K);
        CHECK(guided(reply, 6, K) >= 40);
    }

    /* A list of the caller's, with a stride of 8: whole strides are copied, in place, too. */
    IS(alto_select(alto, peer, list, PEERS, 8, 6, out, K, &opts), K);
    CHECK(guided((uint8_t(*)[6])out, 8, K) >= 40 && out[0][6] == 0xaa);
    memcpy(out, list, sizeof list);
    IS(alto_select(alto, peer, out, PEERS, 8, 6, out, K, &opts), K);
    CHECK(guided((uint8_t(*)[6])out, 8, K) >= 40 && out[K - 1][6] == 0xaa);
    uint32_t costs[PEERS];
    IS(alto_costs(alto, peer, list, PEERS, 8, 6, costs), ALTO_OK);
    for (unsigned at = 0; at < PEERS; at++) CHECK(costs[at] == (uint32_t[]){1, 5, 20}[at % 3]);
    IS(alto_costs(alto, absent, list, PEERS, 8, 6, costs), ALTO_OK);
    CHECK(costs[0] == ALTO_COST_UNKNOWN);
    /* A requester with everything gets nobody who has everything. */
    opts.seeder = 1;
    IS(alto_swarm_select(alto, torrent, peer, reply, 6, K, &opts, 1000), K);
    opts.seeder = 0;

    unsigned long before = allocations;
    getppid();
    for (int turn = 0; turn < 1000; turn++) {
        IS(alto_lookup(alto, peer, &answer), ALTO_OK);
        IS(alto_lookup(alto, absent, &answer), ALTO_NONE);
        IS(alto_swarm_add(alto, torrent, list[turn % PEERS], 6, turn % PEERS % 2, 1000), ALTO_OK);
        IS(alto_swarm_select(alto, torrent, peer, reply, 6, K, &opts, 1000), K);
        IS(alto_select(alto, peer, list, PEERS, 8, 6, out, K, &opts), K);
        IS(alto_costs(alto, peer, list, PEERS, 8, 6, costs), ALTO_OK);
    }
    getppid();
    CHECK(allocations == before);
    /* Changes are allowed to let arrays grow, but not to call anybody. */
    getppid();
    for (unsigned turn = 0; turn < 100; turn++) {
        IS(alto_swarm_remove(alto, torrent, list[turn], 6), ALTO_OK);
        IS(alto_swarm_add(alto, torrent, list[turn], 6, turn % 2, 1000), ALTO_OK);
    }
    getppid();
    fprintf(stderr, "allocated for 200 changes: %lu\n", allocations - before);
    IS(alto_swarm_select(alto, torrent, peer, reply, 6, K, &opts, 1000), K);
    alto_free(alto);
    return 0;
}

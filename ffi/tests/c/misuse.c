/* NULL and misuse give codes; outputs are written only on success. Argument: a resolver. */
#include "check.h"

static char error[512];

static const char *last(void) {
    size_t needed = alto_last_error(NULL, 0);
    CHECK(needed > 1 && alto_last_error(error, sizeof error) == needed);
    CHECK(strlen(error) + 1 == needed);
    return error;
}

static void configuration(void) {
    alto_config *config = NULL;
    alto_discovery *alto = NULL;
    CHECK(alto_last_error(NULL, 0) == 0);
    IS(alto_config_new(ALTO_VERSION_NUMBER + (1u << 16), &config), ALTO_E_INVALID);
    CHECK(config == NULL && strstr(last(), "major"));
    IS(alto_config_new(ALTO_VERSION_NUMBER, NULL), ALTO_E_INVALID);
    IS(alto_config_new(ALTO_VERSION_NUMBER, &config), ALTO_OK);
    IS(alto_config_set(config, "dns.timeuot", "2s"), ALTO_E_CONFIG);
    CHECK(strstr(last(), "dns.timeuot") && strstr(last(), "dns.timeout"));
    IS(alto_config_set(config, "dns.timeout", "soon"), ALTO_E_CONFIG);
    CHECK(strstr(last(), "dns.timeout"));
    IS(alto_config_set(config, "dns.timeout", "\xff"), ALTO_E_INVALID);
    IS(alto_config_set(config, NULL, "1"), ALTO_E_INVALID);
    IS(alto_config_set(config, "dns.timeout", NULL), ALTO_E_INVALID);
    IS(alto_config_set(NULL, "dns.timeout", "2s"), ALTO_E_INVALID);
    char value[8] = "";
    IS(alto_config_set(config, "dns.timeout", "2s"), ALTO_OK);
    CHECK(alto_config_get(config, "dns.timeout", value, sizeof value) == 3 && !strcmp(value, "2s"));
    CHECK(alto_config_get(config, "dns.timeout", value, 2) == 3 && !strcmp(value, "2"));
    CHECK(alto_config_get(config, "dns.timeout", NULL, 0) == 3);
    IS(alto_config_get(config, "dns.timeout", NULL, 1), ALTO_E_INVALID);
    IS(alto_config_get(config, "dns.timeuot", value, sizeof value), ALTO_E_CONFIG);
    CHECK(strstr(last(), "dns.timeuot") && !strcmp(value, "2"));
    IS(alto_config_get(config, NULL, value, sizeof value), ALTO_E_INVALID);
    IS(alto_config_get(NULL, "dns.timeout", value, sizeof value), ALTO_E_INVALID);
    IS(alto_config_load(config, "/nonexistent/alto.toml"), ALTO_E_CONFIG);
    CHECK(strstr(last(), "/nonexistent/alto.toml"));
    IS(alto_config_load(config, NULL), ALTO_E_INVALID);
    IS(alto_config_load(NULL, "/x"), ALTO_E_INVALID);
    IS(alto_open(NULL, &alto), ALTO_E_INVALID);
    IS(alto_open(config, NULL), ALTO_E_INVALID);
    if (alto_config_set(config, "backends", "carrier-pigeon") == ALTO_OK)
        IS(alto_open(config, &alto), ALTO_E_CONFIG);
    CHECK(alto == NULL && strstr(last(), "carrier-pigeon"));
    alto_config_free(config);
    alto_config_free(NULL);
    alto_free(NULL);
}

/* Every call with NULL for the handle. */
static void no_handle(void) {
    struct someone one;
    const alto_peer *peer = someone(&one, "203.0.113.5", 1);
    alto_answer answer = nothing();
    alto_completion over = {sizeof over, 7, 7};
    alto_stats stats;
    uint8_t torrent[20] = {0}, record[6] = {0};
    uint32_t cost = 7;
    stats.struct_size = sizeof stats;
    IS(alto_start(NULL), ALTO_E_INVALID);
    IS(alto_stop(NULL, 0), ALTO_E_INVALID);
    IS(alto_fd(NULL), ALTO_E_INVALID);
    IS(alto_lookup(NULL, peer, &answer), ALTO_E_INVALID);
    IS(alto_lookup_wait(NULL, peer, 10, &answer), ALTO_E_INVALID);
    IS(alto_lookup_async(NULL, peer, 1), ALTO_E_INVALID);
    IS(alto_cancel(NULL, 1), ALTO_E_INVALID);
    IS(alto_poll(NULL, &over, 1), ALTO_E_INVALID);
    IS(alto_select(NULL, peer, record, 1, 6, 6, record, 1, NULL), ALTO_E_INVALID);
    IS(alto_costs(NULL, peer, record, 1, 6, 6, &cost), ALTO_E_INVALID);
    IS(alto_swarm_add(NULL, torrent, record, 6, 0, 1), ALTO_E_INVALID);
    IS(alto_swarm_remove(NULL, torrent, record, 6), ALTO_E_INVALID);
    IS(alto_swarm_select(NULL, torrent, peer, record, 6, 1, NULL, 1), ALTO_E_INVALID);
    IS(alto_swarm_report(NULL, torrent, record, 6, 1), ALTO_E_INVALID);
    IS(alto_swarm_expire(NULL, 1, 1, 1), ALTO_E_INVALID);
    IS(alto_stats_get(NULL, &stats), ALTO_E_INVALID);
    CHECK(cost == 7 && over.token == 7 && over.status == 7);
}

static void peers(alto_discovery *alto) {
    struct someone one;
    alto_answer answer = nothing(), before = answer;
    uint8_t octets[40] = {0};
    someone(&one, "203.0.113.5", 1);
    IS(alto_lookup(alto, NULL, &answer), ALTO_E_INVALID);
    IS(alto_lookup(alto, &one.peer, NULL), ALTO_E_INVALID);
    one.peer.struct_size = sizeof one.peer - 1;
    IS(alto_lookup(alto, &one.peer, &answer), ALTO_E_INVALID);
    CHECK(strstr(last(), "struct_size"));
    someone(&one, "203.0.113.5", 1);
    one.peer.addr = NULL;
    IS(alto_lookup(alto, &one.peer, &answer), ALTO_E_INVALID);
    for (socklen_t length = 0; length < sizeof one.v4; length++) {
        someone(&one, "203.0.113.5", 1);
        one.peer.addr_len = length;
        IS(alto_lookup(alto, &one.peer, &answer), ALTO_E_INVALID);
    }
    for (socklen_t length = 0; length < sizeof one.v6; length++) {
        someone(&one, "2001:db8::5", 1);
        one.peer.addr_len = length;
        IS(alto_lookup(alto, &one.peer, &answer), ALTO_E_INVALID);
    }
    someone(&one, "203.0.113.5", 1);
    one.v4.sin_family = AF_UNIX;
    IS(alto_lookup(alto, &one.peer, &answer), ALTO_E_INVALID);

    /* Packed, or in the middle of a buffer. */
    static char anywhere[sizeof(alto_answer) + 8];
    someone(&one, "203.0.113.5", 1);
    memcpy(anywhere + 1, &one.peer, sizeof one.peer);
    IS(alto_lookup(alto, (alto_peer *)(void *)(anywhere + 1), &answer), ALTO_E_INVALID);
    CHECK(strstr(last(), "aligned"));
    memcpy(anywhere + 1, &answer, sizeof answer);
    IS(alto_lookup(alto, &one.peer, (alto_answer *)(void *)(anywhere + 1)), ALTO_E_INVALID);
    IS(alto_lookup((alto_discovery *)(void *)((char *)alto + 1), &one.peer, &answer), ALTO_E_INVALID);

    struct { uint32_t kind, len; const uint8_t *id; } wrong[] = {
        {ALTO_ID_PORT, 1, octets}, {ALTO_ID_PORT, 3, octets}, {ALTO_ID_PORT, 2, NULL},
        {ALTO_ID_TOKEN, 0, octets}, {ALTO_ID_TOKEN, 33, octets}, {ALTO_ID_TOKEN, 1, NULL},
        {99, 2, octets}};
    for (size_t at = 0; at < sizeof wrong / sizeof *wrong; at++) {
        someone(&one, "203.0.113.5", 1);
        one.peer.id_kind = wrong[at].kind;
        one.peer.id_len = wrong[at].len;
        one.peer.id = wrong[at].id;
        IS(alto_lookup(alto, &one.peer, &answer), ALTO_E_INVALID);
    }
    someone(&one, "203.0.113.5", 1);
    one.peer.raw_kind = ALTO_RAW_HTTP_QUERY;
    one.peer.raw = NULL;
    one.peer.raw_len = 3;
    IS(alto_lookup(alto, &one.peer, &answer), ALTO_E_INVALID);
    one.peer.raw = octets;
    one.peer.raw_len = (size_t)-1;
    IS(alto_lookup(alto, &one.peer, &answer), ALTO_E_INVALID);
    one.peer.raw_kind = 99;
    one.peer.raw_len = 3;
    IS(alto_lookup(alto, &one.peer, &answer), ALTO_E_INVALID);

    someone(&one, "203.0.113.5", 1);
    answer.text_len = 5;
    IS(alto_lookup(alto, &one.peer, &answer), ALTO_E_INVALID);
    answer.text_len = 0;
    answer.struct_size = 4;
    IS(alto_lookup(alto, &one.peer, &answer), ALTO_E_INVALID);
    answer.struct_size = sizeof answer;
    CHECK(memcmp(&answer, &before, sizeof answer) == 0);
}

static void lists(alto_discovery *alto) {
    struct someone one;
    const alto_peer *peer = someone(&one, "203.0.113.5", 1);
    uint8_t list[64] = {1}, out[64] = {7}, torrent[20] = {0};
    uint32_t costs[4] = {7, 7, 7, 7};
    alto_select_opts opts;
    memset(&opts, 0, sizeof opts);
    IS(alto_select(alto, peer, list, 2, 6, 6, out, 1, &opts), ALTO_E_INVALID); /* struct_size 0 */
    opts.struct_size = sizeof opts;
    opts.random_permille = 1001;
    IS(alto_select(alto, peer, list, 2, 6, 6, out, 1, &opts), ALTO_E_INVALID);
    IS(alto_select(alto, NULL, list, 2, 6, 6, out, 1, NULL), ALTO_E_INVALID);
    IS(alto_select(alto, peer, NULL, 2, 6, 6, out, 1, NULL), ALTO_E_INVALID);
    IS(alto_select(alto, peer, list, 2, 6, 6, NULL, 1, NULL), ALTO_E_INVALID);
    IS(alto_select(alto, peer, list, 2, 6, 7, out, 1, NULL), ALTO_E_INVALID);
    IS(alto_select(alto, peer, list, 2, 5, 6, out, 1, NULL), ALTO_E_INVALID);
    IS(alto_select(alto, peer, list, (size_t)1 << 40, 6, 6, out, 1, NULL), ALTO_E_INVALID);
    IS(alto_select(alto, peer, list, 4, 6, 6, list + 6, 4, NULL), ALTO_E_INVALID); /* overlap */
    IS(alto_select(alto, peer, NULL, 0, 6, 6, NULL, 9, NULL), 0);
    IS(alto_select(alto, peer, list, 2, 6, 6, NULL, 0, NULL), 0);
    CHECK(out[0] == 7);
    IS(alto_costs(alto, peer, list, 2, 6, 6, NULL), ALTO_E_INVALID);
    IS(alto_costs(alto, peer, list, 2, 6, 4, costs), ALTO_E_INVALID);
    CHECK(costs[0] == 7);
    static uint32_t both[8];
    IS(alto_costs(alto, peer, both, 2, 6, 6, both + 2), ALTO_E_INVALID); /* overlap */
    IS(alto_costs(alto, peer, list, 1, 6, 6, (uint32_t *)(void *)((char *)both + 2)), ALTO_E_INVALID);
    IS(alto_swarm_add(alto, NULL, list, 6, 0, 1), ALTO_E_INVALID);
    IS(alto_swarm_add(alto, torrent, NULL, 6, 0, 1), ALTO_E_INVALID);
    IS(alto_swarm_add(alto, torrent, list, 8, 0, 1), ALTO_E_INVALID);
    IS(alto_swarm_add(alto, torrent, list, 6, 2, 1), ALTO_E_INVALID);
    IS(alto_swarm_remove(alto, torrent, list, 5), ALTO_E_INVALID);
    IS(alto_swarm_remove(alto, torrent, list, 6), ALTO_OK);
    IS(alto_swarm_select(alto, torrent, peer, NULL, 6, 1, NULL, 1), ALTO_E_INVALID);
    IS(alto_swarm_select(alto, torrent, peer, out, 7, 1, NULL, 1), ALTO_E_INVALID);
    IS(alto_swarm_select(alto, torrent, NULL, out, 6, 1, NULL, 1), ALTO_E_INVALID);
    IS(alto_swarm_select(alto, NULL, peer, out, 6, 1, NULL, 1), ALTO_E_INVALID);
    IS(alto_swarm_report(alto, torrent, list, 1, 1), ALTO_E_INVALID);
    CHECK(out[0] == 7);
}

/* What needs a start says so, and what does not works. */
static void before_start(alto_discovery *alto) {
    struct someone one;
    const alto_peer *peer = someone(&one, "203.0.113.5", 1);
    alto_answer answer = nothing(), before = answer;
    alto_completion over = {sizeof over, 7, 7};
    uint8_t torrent[20] = {1}, record[6] = {192, 0, 2, 1, 0, 1}, out[6];
    IS(alto_lookup(alto, peer, &answer), ALTO_E_NOT_STARTED);
    IS(alto_lookup_wait(alto, peer, 1000, &answer), ALTO_E_NOT_STARTED);
    IS(alto_lookup_async(alto, peer, 1), ALTO_E_NOT_STARTED);
    IS(alto_stop(alto, 0), ALTO_E_NOT_STARTED);
    IS(alto_fd(alto), ALTO_E_NOT_STARTED);
    IS(alto_cancel(alto, 1), ALTO_E_NOT_STARTED);
    IS(alto_poll(alto, &over, 1), ALTO_E_NOT_STARTED);
    CHECK(memcmp(&answer, &before, sizeof answer) == 0 && over.token == 7);
    IS(alto_swarm_add(alto, torrent, record, 6, ALTO_SEEDER, 1), ALTO_OK);
    IS(alto_swarm_select(alto, torrent, peer, out, 6, 1, NULL, 1), 1);
    CHECK(memcmp(out, record, 6) == 0);
}

/* A header that knows more than the library: what the library does not know stays as it is. */
static void newer_header(alto_discovery *alto) {
    struct { alto_peer peer; uint8_t more[24]; } bigger;
    struct { alto_stats stats; uint8_t more[24]; } counts;
    struct someone one;
    alto_answer answer = nothing();
    memset(&counts, 0x55, sizeof counts);
    counts.stats.struct_size = sizeof counts;
    IS(alto_stats_get(alto, &counts.stats), ALTO_OK);
    CHECK(counts.stats.struct_size == sizeof counts && counts.stats.running == 0);
    for (size_t at = 0; at < sizeof counts.more; at++) CHECK(counts.more[at] == 0x55);
    memset(&bigger, 0, sizeof bigger);
    bigger.peer = *someone(&one, "203.0.113.5", 1);
    bigger.peer.struct_size = sizeof bigger;
    IS(alto_lookup(alto, &bigger.peer, &answer), ALTO_E_NOT_STARTED); /* and not INVALID */
    counts.stats.struct_size = sizeof counts.stats - 1;
    IS(alto_stats_get(alto, &counts.stats), ALTO_E_INVALID);
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    CHECK(alto_version_number() == ALTO_VERSION_NUMBER);
    char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", ALTO_VERSION_NUMBER >> 16,
             (ALTO_VERSION_NUMBER >> 8) & 255, ALTO_VERSION_NUMBER & 255);
    CHECK(strcmp(alto_version(), version) == 0);
    CHECK(strcmp(alto_strerror(ALTO_NONE), alto_strerror(ALTO_E_UNAVAILABLE)) != 0);
    configuration();
    no_handle();
    alto_discovery *alto = opened(argv[1]);
    newer_header(alto);
    before_start(alto);
    IS(alto_start(alto), ALTO_OK);
    IS(alto_start(alto), ALTO_OK);
    peers(alto);
    lists(alto);
    alto_free(alto);
    return 0;
}

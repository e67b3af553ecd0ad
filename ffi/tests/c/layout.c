/* Where everything is in the structs of version 0.1 on 64 bits: programs built then rely on it. A struct grows at its
 * end only, and its size here is the least that the library takes. No argument. */
#include "check.h"

#include <stddef.h>

#define AT(type, field, offset) _Static_assert(offsetof(type, field) == (offset), #type "." #field)
#define SIZE(type, size) _Static_assert(sizeof(type) >= (size), #type)

SIZE(alto_peer, 56);
AT(alto_peer, struct_size, 0);
AT(alto_peer, addr, 8);
AT(alto_peer, addr_len, 16);
AT(alto_peer, id_kind, 20);
AT(alto_peer, id, 24);
AT(alto_peer, id_len, 32);
AT(alto_peer, raw_kind, 36);
AT(alto_peer, raw, 40);
AT(alto_peer, raw_len, 48);

SIZE(alto_answer, 96);
AT(alto_answer, struct_size, 0);
AT(alto_answer, text, 8);
AT(alto_answer, text_len, 16);
AT(alto_answer, text_needed, 24);
AT(alto_answer, server_count, 32);
AT(alto_answer, scope_family, 36);
AT(alto_answer, scope_addr, 40);
AT(alto_answer, scope_len, 56);
AT(alto_answer, trust, 60);
AT(alto_answer, dnssec, 64);
AT(alto_answer, incomplete, 68);
AT(alto_answer, ttl_ms, 72);
AT(alto_answer, backend, 80);

SIZE(alto_completion, 16);
AT(alto_completion, struct_size, 0);
AT(alto_completion, status, 4);
AT(alto_completion, token, 8);

SIZE(alto_select_opts, 32);
AT(alto_select_opts, struct_size, 0);
AT(alto_select_opts, seeder, 4);
AT(alto_select_opts, drop_self, 8);
AT(alto_select_opts, random_permille, 12);
AT(alto_select_opts, pid_cap, 16);
AT(alto_select_opts, seed, 24);

SIZE(alto_stats, 80);
AT(alto_stats, struct_size, 0);
AT(alto_stats, running, 4);
AT(alto_stats, started, 8);
AT(alto_stats, found, 16);
AT(alto_stats, none, 24);
AT(alto_stats, failed, 32);
AT(alto_stats, under_way, 40);
AT(alto_stats, completions, 48);
AT(alto_stats, torrents, 56);
AT(alto_stats, peers, 64);
AT(alto_stats, reported, 72);

int main(void) {
    /* The least sizes are those, and the library goes no further in what says that it has one of them. */
    struct someone one;
    uint8_t record[6] = {192, 0, 2, 1, 0, 1}, out[6];
    struct { alto_answer answer; uint64_t guard; } answer;
    struct { alto_stats stats; uint64_t guard; } stats;
    alto_select_opts opts;
    alto_discovery *alto = opened("127.0.0.1:9");
    memset(&opts, 0, sizeof opts);
    memset(&answer, 0x55, sizeof answer);
    memset(&stats, 0x55, sizeof stats);
    answer.answer = nothing();
    someone(&one, "203.0.113.5", 1);
    for (uint32_t less = 0; less < 2; less++) {
        one.peer.struct_size = 56;
        opts.struct_size = 32 - less;
        IS(alto_select(alto, &one.peer, record, 1, 6, 6, out, 1, &opts), less ? ALTO_E_INVALID : 1);
        one.peer.struct_size = 56 - less;
        IS(alto_select(alto, &one.peer, record, 1, 6, 6, out, 1, NULL), less ? ALTO_E_INVALID : 1);
        one.peer.struct_size = 56;
        answer.answer.struct_size = 96 - less;
        IS(alto_lookup(alto, &one.peer, &answer.answer), less ? ALTO_E_INVALID : ALTO_E_NOT_STARTED);
        stats.stats.struct_size = 80 - less;
        IS(alto_stats_get(alto, &stats.stats), less ? ALTO_E_INVALID : ALTO_OK);
    }
    CHECK(answer.guard == 0x5555555555555555 && stats.guard == 0x5555555555555555);
    alto_free(alto);
    return 0;
}

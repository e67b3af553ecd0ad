/* Threads of the caller's that end: a call is over before its thread is cancelled, and nothing is lost; a
 * thread's last words are heard, too. Argument: a resolver. */
#include "check.h"

#include <pthread.h>

static alto_discovery *alto;
static _Thread_local unsigned number;

/* One call of each kind, known or not. */
static int call(int kind) {
    static const uint8_t torrent[20] = {1}, record[6] = {192, 0, 2, 1, 0, 1};
    struct someone one;
    uint8_t out[60];
    uint32_t cost;
    alto_answer answer = nothing();
    alto_completion over[4];
    alto_stats stats;
    over[0].struct_size = sizeof *over;
    stats.struct_size = sizeof stats;
    someone(&one, "203.0.113.5", 1);
    if (number++ % 2) one.v4.sin_addr.s_addr = htonl(0x09120000u + number % 60000);
    switch (kind) {
    case 0: return alto_lookup(alto, &one.peer, &answer);
    case 1: return alto_lookup_wait(alto, &one.peer, 5, &answer);
    case 2: return alto_lookup_async(alto, &one.peer, (uint64_t)(uintptr_t)&one << 16 | number);
    case 3: return alto_poll(alto, over, 4);
    case 4: return (int)alto_select(alto, &one.peer, record, 1, 6, 6, out, 1, NULL);
    case 5: return alto_costs(alto, &one.peer, record, 1, 6, 6, &cost);
    case 6: return alto_swarm_add(alto, torrent, record, 6, 0, 1);
    case 7: return (int)alto_swarm_select(alto, torrent, &one.peer, out, 6, 10, NULL, 1);
    case 8: return (int)alto_swarm_expire(alto, 1, 1, 10);
    case 9: return alto_stats_get(alto, &stats);
    case 10: return alto_swarm_remove(alto, torrent, record, 6);
    default: return alto_fd(alto);
    }
}
enum { KINDS = 12 };

static int returned[KINDS + 1];

/* Cancelled before each call begins: each returns all the same. */
static void *pending(void *kind_) {
    int kind = *(int *)kind_, state;
    CHECK(pthread_cancel(pthread_self()) == 0);
    if (kind == KINDS) {
        IS(alto_stop(alto, 10000), ALTO_OK);
        returned[kind] = 1;
    } else {
        for (; returned[kind] < 100; returned[kind]++) CHECK(call(kind) >= ALTO_E_CANCELLED);
    }
    CHECK(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state) == 0 && state == PTHREAD_CANCEL_ENABLE);
    CHECK(pthread_setcancelstate(state, NULL) == 0);
    pthread_testcancel();
    return NULL;
}

static void *forever(void *nothing_) {
    (void)nothing_;
    for (int turn = 0;; turn++) {
        CHECK(call(turn % KINDS) >= ALTO_E_CANCELLED);
        pthread_testcancel();
    }
}

static pthread_key_t last_words;
static int said;

/* What runs when a thread's own data are destroyed. */
static void say(void *nothing_) {
    (void)nothing_;
    for (int turn = 0; turn < 2 * KINDS; turn++) {
        int status = call(turn % KINDS);
        CHECK(status >= ALTO_E_CANCELLED && status != ALTO_E_PANIC);
        said++;
    }
}

static void *ending(void *nothing_) {
    say(nothing_); /* so that it has something to be destroyed */
    CHECK(pthread_setspecific(last_words, &said) == 0);
    return nothing_;
}

static void cancelled(pthread_t thread) {
    void *result;
    CHECK(pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED);
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    struct someone one;
    alto_answer answer = nothing();
    pthread_t threads[4];
    alto = started(argv[1]);
    IS(alto_lookup_wait(alto, someone(&one, "203.0.113.5", 1), 5000, &answer), ALTO_OK);
    for (int kind = 0; kind < KINDS; kind++) {
        CHECK(pthread_create(&threads[0], NULL, pending, &kind) == 0);
        cancelled(threads[0]);
        CHECK(returned[kind] == 100);
    }
    /* At any moment, four at a time. */
    for (int round = 0; round < 50; round++) {
        struct timespec moment = {0, 1000 * (1 + round * 37 % 900)};
        for (int at = 0; at < 4; at++)
            CHECK(pthread_create(&threads[at], NULL, forever, NULL) == 0);
        nanosleep(&moment, NULL);
        for (int at = 0; at < 4; at++) CHECK(pthread_cancel(threads[at]) == 0);
        for (int at = 0; at < 4; at++) cancelled(threads[at]);
    }
    IS(alto_lookup(alto, &one.peer, &answer), ALTO_OK);
    CHECK(pthread_key_create(&last_words, say) == 0);
    CHECK(pthread_create(&threads[0], NULL, ending, NULL) == 0);
    CHECK(pthread_join(threads[0], NULL) == 0 && said == 4 * KINDS);
    int kind = KINDS;
    CHECK(pthread_create(&threads[0], NULL, pending, &kind) == 0);
    cancelled(threads[0]);
    CHECK(returned[kind] == 1);
    alto_free(alto);
    return 0;
}

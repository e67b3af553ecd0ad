/* alto_stop(d, 0) in a SIGINT handler while four threads call; a storm of interruptions. Argument: a
 * resolver. */
#include "check.h"

#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

static alto_discovery *alto;
static volatile sig_atomic_t stops, alarms;

static void on_interrupt(int number) {
    (void)number;
    errno = 77;
    if (alto_stop(alto, 0) != ALTO_OK) _exit(9);
    if (errno != 77) _exit(8);
    stops++;
}

static void on_alarm(int number) {
    (void)number;
    alarms++;
}

static void *caller(void *number) {
    struct someone one;
    uint8_t torrent[20] = {0}, record[6] = {192, 0, 2, 1, 0, 1}, out[60];
    unsigned mine = *(unsigned *)number;
    for (uint32_t turn = 0;; turn++) {
        alto_answer answer = nothing();
        someone(&one, "203.0.113.5", 1);
        if (turn % 3 == 0) one.v4.sin_addr.s_addr = htonl(0x09120000u + mine * 65536 + turn % 5000);
        int status = alto_lookup(alto, &one.peer, &answer);
        if (status == ALTO_E_NOT_STARTED) return NULL;
        CHECK(status >= 0 || status == ALTO_E_UNAVAILABLE);
        record[4] = (uint8_t)turn;
        torrent[0] = (uint8_t)(turn % 4);
        IS(alto_swarm_add(alto, torrent, record, 6, 0, turn), ALTO_OK);
        CHECK(alto_swarm_select(alto, torrent, &one.peer, out, 6, 10, NULL, turn) > 0);
        if (turn % 50 == 0) {
            status = alto_lookup_async(alto, &one.peer, (uint64_t)mine << 32 | turn);
            CHECK(status == ALTO_OK || status == ALTO_E_FULL || status == ALTO_E_NOT_STARTED);
            alto_completion over[8];
            over[0].struct_size = sizeof *over;
            CHECK(alto_poll(alto, over, 8) >= 0);
        }
    }
}

static void stop_in_handler(const char *resolver) {
    for (int round = 0; round < 10; round++) {
        pthread_t threads[4];
        unsigned numbers[4];
        alto = started(resolver);
        for (unsigned at = 0; at < 4; at++) {
            numbers[at] = at;
            CHECK(pthread_create(&threads[at], NULL, caller, &numbers[at]) == 0);
        }
        struct timespec moment = {0, 20 * 1000 * 1000};
        nanosleep(&moment, NULL);
        for (unsigned at = 0; at < 4; at++) pthread_kill(threads[at], SIGINT);
        for (unsigned at = 0; at < 4; at++) CHECK(pthread_join(threads[at], NULL) == 0);
        IS(alto_stop(alto, 10000), ALTO_OK);
        alto_free(alto);
    }
    CHECK(stops > 0);
}

/* Nothing is cut short by a signal that comes a thousand times a second, without SA_RESTART. */
static void storm(const char *resolver) {
    struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
    CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
    alto = started(resolver);
    for (int turn = 0; turn < 100; turn++) {
        struct someone one;
        alto_answer answer = nothing();
        someone(&one, "203.0.113.1", 1);
        one.v4.sin_addr.s_addr = htonl(0xCB007101u + (unsigned)turn % 250);
        IS(alto_lookup_wait(alto, &one.peer, 10000, &answer), ALTO_OK);
    }
    IS(alto_stop(alto, 10000), ALTO_OK);
    IS(alto_start(alto), ALTO_OK);
    alto_free(alto);
    CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
    CHECK(alarms > 3);
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_interrupt;
    CHECK(sigaction(SIGINT, &action, NULL) == 0);
    action.sa_handler = on_alarm;
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    stop_in_handler(argv[1]);
    storm(argv[1]);
    /* The library has not touched the handlers. */
    struct sigaction now;
    CHECK(sigaction(SIGINT, NULL, &now) == 0 && now.sa_handler == on_interrupt);
    CHECK(sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_DFL);
    return 0;
}

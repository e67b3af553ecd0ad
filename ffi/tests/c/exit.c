/* exit() from another thread while one waits in the library. Argument: a silent resolver. */
#include "check.h"

#include <pthread.h>

static void *leave(void *nothing_) {
    (void)nothing_;
    struct timespec moment = {0, 50 * 1000 * 1000};
    nanosleep(&moment, NULL);
    exit(0);
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    struct someone one;
    alto_answer answer = nothing();
    alto_discovery *alto = started(argv[1]);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, leave, NULL) == 0);
    alto_lookup_wait(alto, someone(&one, "203.0.113.5", 1), 60000, &answer);
    return 1; /* never: the other thread has left before */
}

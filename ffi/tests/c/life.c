/* Threads and descriptors come with the start; signals are blocked; children. Argument: a resolver. */
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static int entries(const char *folder) {
    DIR *open = opendir(folder);
    int count = 0;
    CHECK(open != NULL);
    for (struct dirent *entry; (entry = readdir(open)) != NULL;) count += entry->d_name[0] != '.';
    closedir(open);
    return count;
}

static int threads(void) { return entries("/proc/self/task"); }
static int descriptors(void) { return entries("/proc/self/fd"); }

/* All threads but this one block all signals that can be blocked. */
static void signals_are_blocked(void) {
    DIR *tasks = opendir("/proc/self/task");
    int seen = 0;
    for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
        char path[300], line[256];
        unsigned long long blocked = 0;
        if (task->d_name[0] == '.' || atoi(task->d_name) == getpid()) continue;
        snprintf(path, sizeof path, "/proc/self/task/%.200s/status", task->d_name);
        FILE *status = fopen(path, "r");
        if (status == NULL) continue; /* it has just ended */
        while (fgets(line, sizeof line, status) != NULL) sscanf(line, "SigBlk: %llx", &blocked);
        fclose(status);
        /* But KILL and STOP, and the two that the C library keeps for itself. */
        for (int signal = 1; signal <= 64; signal++)
            if (signal != SIGKILL && signal != SIGSTOP && signal != 32 && signal != 33)
                CHECK(blocked >> (signal - 1) & 1);
        seen++;
    }
    closedir(tasks);
    CHECK(seen >= 3);
}

static void descriptors_close_on_exec(int first) {
    DIR *open = opendir("/proc/self/fd");
    for (struct dirent *entry; (entry = readdir(open)) != NULL;) {
        int fd = atoi(entry->d_name);
        if (entry->d_name[0] != '.' && fd >= first) CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    }
    closedir(open);
}

/* In a child everything says so at once, but start and free. */
static void in_child(alto_discovery *alto, const char *resolver) {
    struct someone one;
    const alto_peer *peer = someone(&one, "203.0.113.5", 1);
    alto_answer answer = nothing();
    alto_completion over = {sizeof over, 0, 0};
    alto_stats stats;
    uint8_t torrent[20] = {0}, record[6] = {192, 0, 2, 1, 0, 1}, out[6];
    uint32_t cost;
    double start = seconds();
    stats.struct_size = sizeof stats;
    IS(alto_lookup(alto, peer, &answer), ALTO_E_FORKED);
    IS(alto_lookup_wait(alto, peer, 60000, &answer), ALTO_E_FORKED);
    IS(alto_lookup_async(alto, peer, 1), ALTO_E_FORKED);
    IS(alto_cancel(alto, 1), ALTO_E_FORKED);
    IS(alto_poll(alto, &over, 1), ALTO_E_FORKED);
    IS(alto_fd(alto), ALTO_E_FORKED);
    IS(alto_stop(alto, 0), ALTO_E_FORKED);
    IS(alto_stop(alto, 60000), ALTO_E_FORKED);
    IS(alto_select(alto, peer, record, 1, 6, 6, out, 1, NULL), ALTO_E_FORKED);
    IS(alto_costs(alto, peer, record, 1, 6, 6, &cost), ALTO_E_FORKED);
    IS(alto_swarm_add(alto, torrent, record, 6, 0, 1), ALTO_E_FORKED);
    IS(alto_swarm_remove(alto, torrent, record, 6), ALTO_E_FORKED);
    IS(alto_swarm_select(alto, torrent, peer, out, 6, 1, NULL, 1), ALTO_E_FORKED);
    IS(alto_swarm_report(alto, torrent, record, 6, 1), ALTO_E_FORKED);
    IS(alto_swarm_expire(alto, 1, 1, 1), ALTO_E_FORKED);
    IS(alto_stats_get(alto, &stats), ALTO_E_FORKED);
    CHECK(seconds() - start < 1);
    CHECK(threads() == 1);

    /* Started here: works, from the beginning, with a descriptor of its own. */
    IS(alto_start(alto), ALTO_OK);
    signals_are_blocked();
    IS(alto_swarm_select(alto, torrent, peer, out, 6, 1, NULL, 1), 0);
    IS(alto_lookup_async(alto, peer, 9), ALTO_OK);
    CHECK(completion(alto).token == 9);
    IS(alto_lookup(alto, peer, &answer), ALTO_OK);
    /* And once more, in a child of the child. */
    pid_t child = fork();
    if (child == 0) {
        IS(alto_lookup(alto, peer, &answer), ALTO_E_FORKED);
        IS(alto_start(alto), ALTO_OK);
        IS(alto_lookup_wait(alto, peer, 5000, &answer), ALTO_OK);
        alto_free(alto);
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    alto_free(alto);
    CHECK(threads() == 1);
    alto = started(resolver); /* a handle of its own */
    alto_free(alto);
    _exit(0);
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    closefrom(3); /* whatever was inherited */
    int before = descriptors(), first = 3;
    alto_discovery *alto = opened(argv[1]);
    uint8_t torrent[20] = {0}, record[6] = {192, 0, 2, 1, 0, 1}, out[6];
    IS(alto_swarm_add(alto, torrent, record, 6, 0, 1), ALTO_OK);
    CHECK(threads() == 1 && descriptors() == before);

    /* Forked before the start: the child starts what it has inherited. */
    pid_t child = fork();
    if (child == 0) {
        struct someone one;
        alto_answer answer = nothing();
        IS(alto_start(alto), ALTO_OK);
        IS(alto_lookup_wait(alto, someone(&one, "203.0.113.5", 1), 5000, &answer), ALTO_OK);
        alto_free(alto);
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);

    sigset_t mask, after;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    IS(alto_start(alto), ALTO_OK);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    CHECK(sigismember(&after, SIGUSR1) == 1 && sigismember(&after, SIGINT) == 0);
    CHECK(threads() > 1);
    signals_are_blocked();
    descriptors_close_on_exec(first);

    struct someone one;
    alto_answer answer = nothing();
    const alto_peer *peer = someone(&one, "203.0.113.5", 1);
    IS(alto_lookup_wait(alto, peer, 5000, &answer), ALTO_OK);
    signals_are_blocked();
    for (int round = 0; round < 2; round++) { /* the second one never starts */
        child = fork();
        if (child == 0 && round == 0) in_child(alto, argv[1]);
        if (child == 0) {
            alto_free(alto);
            _exit(0);
        }
        CHECK(waitpid(child, &status, 0) == child && status == 0);
    }
    /* The parent has not noticed. */
    IS(alto_lookup(alto, peer, &answer), ALTO_OK);
    IS(alto_swarm_select(alto, torrent, peer, out, 6, 1, NULL, 1), 1);
    IS(alto_lookup_async(alto, peer, 3), ALTO_OK);
    CHECK(completion(alto).token == 3);

    IS(alto_stop(alto, 10000), ALTO_OK);
    CHECK(threads() == 1);
    for (int round = 0; round < 20; round++) {
        IS(alto_start(alto), ALTO_OK);
        IS(alto_lookup(alto, peer, &answer), ALTO_OK);
        IS(alto_stop(alto, round % 2 ? 10000 : 0), ALTO_OK);
    }
    alto_free(alto);
    CHECK(threads() == 1 && descriptors() == before);
    return 0;
}

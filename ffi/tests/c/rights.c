/* Opened as root, then chroot and setuid, then started. Arguments: a resolver, an empty folder. */
#include "check.h"

#include <grp.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
    CHECK(argc == 3);
    int is_root = geteuid() == 0;
    if (!is_root) CHECK(unshare(CLONE_NEWUSER) == 0); /* all rights over an empty folder */
    alto_discovery *alto = opened(argv[1]);
    CHECK(chroot(argv[2]) == 0 && chdir("/") == 0);
    if (is_root) CHECK(setgroups(0, NULL) == 0 && setgid(65534) == 0 && setuid(65534) == 0);
    CHECK(access("/etc", F_OK) != 0);

    IS(alto_start(alto), ALTO_OK);
    struct someone one;
    alto_answer answer = nothing();
    IS(alto_lookup_wait(alto, someone(&one, "203.0.113.5", 1), 5000, &answer), ALTO_OK);

    /* A child begins anew, and needs no file for it either. */
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit = {3, 1024}, enough = {1024, 1024};
        CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
        IS(alto_start(alto), ALTO_E_UNAVAILABLE);
        IS(alto_lookup(alto, &one.peer, &answer), ALTO_E_NOT_STARTED);
        CHECK(setrlimit(RLIMIT_NOFILE, &enough) == 0);
        IS(alto_start(alto), ALTO_OK);
        IS(alto_lookup_wait(alto, &one.peer, 5000, &answer), ALTO_OK);
        alto_free(alto);
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    alto_free(alto);
    return 0;
}

/* dlopen and dlclose, 50 times, with threads that run. Arguments: a resolver, the library. Not linked
 * with it. */
#define _GNU_SOURCE 1
#include <alto_discovery.h>
#include <dlfcn.h>
#include <stdio.h>

#define CHECK(wanted)                                                     \
    if (!(wanted)) {                                                      \
        fprintf(stderr, "%d: not so: %s\n", __LINE__, #wanted);           \
        return 1;                                                         \
    }

int main(int argc, char **argv) {
    CHECK(argc == 3);
    for (int round = 0; round < 50; round++) {
        void *library = dlopen(argv[2], RTLD_NOW | RTLD_LOCAL);
        CHECK(library != NULL);
        int (*config_new)(uint32_t, alto_config **);
        int (*config_set)(alto_config *, const char *, const char *);
        void (*config_free)(alto_config *);
        int (*open)(const alto_config *, alto_discovery **);
        int (*start)(alto_discovery *);
        void (*free)(alto_discovery *);
        *(void **)&config_new = dlsym(library, "alto_config_new");
        *(void **)&config_set = dlsym(library, "alto_config_set");
        *(void **)&config_free = dlsym(library, "alto_config_free");
        *(void **)&open = dlsym(library, "alto_open");
        *(void **)&start = dlsym(library, "alto_start");
        *(void **)&free = dlsym(library, "alto_free");
        CHECK(config_new && config_set && config_free && open && start && free);
        alto_config *config;
        alto_discovery *alto;
        CHECK(config_new(ALTO_VERSION_NUMBER, &config) == ALTO_OK);
        CHECK(config_set(config, "dns.resolver", argv[1]) == ALTO_OK);
        CHECK(open(config, &alto) == ALTO_OK);
        config_free(config);
        CHECK(start(alto) == ALTO_OK);
        if (round % 2) free(alto); /* every second one goes on */
        CHECK(dlclose(library) == 0);
    }
    return 0;
}

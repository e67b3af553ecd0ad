/* What goes on while a tracker works, for who reads the log. Argument: a configuration file with
 * "discovery.calls" 1. Lookups and choices until standard input ends. */
#include "check.h"

#include <unistd.h>

int main(int argc, char **argv) {
    CHECK(argc == 2);
    static const uint8_t list[3][6] = {{203, 0, 113, 9}, {198, 51, 100, 9}, {192, 0, 2, 9}};
    struct someone one;
    uint8_t out[6];
    alto_config *config = NULL;
    alto_discovery *alto = NULL;
    struct pollfd end;
    end.fd = 0;
    end.events = POLLIN;
    IS(alto_config_new(ALTO_VERSION_NUMBER, &config), ALTO_OK);
    IS(alto_config_load(config, argv[1]), ALTO_OK);
    IS(alto_open(config, &alto), ALTO_OK);
    alto_config_free(config);
    IS(alto_start(alto), ALTO_OK);
    for (unsigned turn = 0; poll(&end, 1, 5) == 0; turn++) {
        IS(alto_select(alto, someone(&one, "203.0.113.5", 1), list, 3, 6, 6, out, 1, NULL), 1);
        /* More at once than may be: all but one of them are turned away. */
        for (unsigned more = 0; more < 10; more++) {
            alto_answer answer = nothing();
            one.v4.sin_addr.s_addr = htonl(0xCB007100u + (turn * 10 + more) % 256);
            int status = alto_lookup(alto, &one.peer, &answer);
            CHECK(status >= 0 || status == ALTO_E_UNAVAILABLE);
        }
    }
    IS(alto_stop(alto, 10000), ALTO_OK);
    alto_free(alto);
    return 0;
}

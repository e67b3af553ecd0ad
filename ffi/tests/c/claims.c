/* What one peer claims with its announce is nobody else's answer. Argument: a resolver. */
#include "check.h"

static const char own[] = "https://alto.example/ird";
static const char evil[] = "https://evil.example/ird";

static alto_discovery *trusting(const char *resolver, const char *trust) {
    alto_config *config = NULL;
    alto_discovery *alto = NULL;
    IS(alto_config_new(ALTO_VERSION_NUMBER, &config), ALTO_OK);
    IS(alto_config_set(config, "dns.resolver", resolver), ALTO_OK);
    IS(alto_config_set(config, "policy.allow_documentation", "true"), ALTO_OK);
    IS(alto_config_set(config, "peerinfo.trust", trust), ALTO_OK);
    IS(alto_config_set(config, "peerinfo.trust", "always"), ALTO_E_CONFIG);
    IS(alto_open(config, &alto), ALTO_OK);
    alto_config_free(config);
    IS(alto_start(alto), ALTO_OK);
    return alto;
}

static const alto_peer *saying(struct someone *one, const char *address, uint32_t kind,
                               const void *raw, size_t length) {
    someone(one, address, 6881);
    one->peer.raw_kind = kind;
    one->peer.raw = raw;
    one->peer.raw_len = length;
    return &one->peer;
}

static const alto_peer *query(struct someone *one, const char *address, const char *text) {
    return saying(one, address, ALTO_RAW_HTTP_QUERY, text, strlen(text));
}

/* Asks for a peer and wants this server on this word. */
static void told(alto_discovery *alto, const alto_peer *peer, int waits, const char *uri,
                 uint32_t trust) {
    char text[300] = "";
    alto_answer answer = nothing();
    answer.text = text;
    answer.text_len = sizeof text;
    IS(waits ? alto_lookup_wait(alto, peer, 5000, &answer) : alto_lookup(alto, peer, &answer),
       ALTO_OK);
    CHECK(strcmp(text, uri) == 0 && answer.trust == trust);
    CHECK(strcmp(answer.backend, trust == ALTO_TRUST_PEER_CLAIM ? "peerinfo" : "dns") == 0);
}

static void nobody(alto_discovery *alto, const char *address) {
    struct someone one;
    alto_answer answer = nothing();
    IS(alto_lookup(alto, someone(&one, address, 1), &answer), ALTO_NONE);
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    struct someone honest, liar;
    const char *here = "203.0.113.5", *there = "198.51.100.9";
    const char lie[] = "info_hash=%01&port=1&alto=https%3A%2F%2Fevil.example%2Fird";
    alto_discovery *alto = trusting(arguments[1], "open");

    /* First the lie, then the truth about the same address. */
    for (int waits = 1; waits >= 0; waits--) {
        told(alto, query(&liar, here, lie), waits, evil, ALTO_TRUST_PEER_CLAIM);
        told(alto, someone(&honest, here, 1), waits, own, ALTO_TRUST_NETWORK);
    }
    alto_answer answer = nothing();
    IS(alto_lookup_wait(alto, someone(&honest, there, 1), 5000, &answer), ALTO_NONE);
    told(alto, query(&liar, there, lie), 0, evil, ALTO_TRUST_PEER_CLAIM);
    nobody(alto, there);
    IS(alto_lookup_async(alto, query(&liar, there, lie), 7), ALTO_OK);
    CHECK(completion(alto).status == ALTO_OK);
    nobody(alto, there);

    unsigned char option[2 + sizeof evil] = {0xA5, sizeof evil - 1};
    memcpy(option + 2, evil, sizeof evil - 1);
    size_t length = sizeof evil + 1;
    told(alto, saying(&liar, here, ALTO_RAW_UDP_OPTIONS, option, length), 0, evil,
         ALTO_TRUST_PEER_CLAIM);

    /* What is no good costs nothing. */
    const char *bad[] = {"alto=%", "alto=https://127.0.0.1/", "altog=AQ", "alto=a&alto=b", ""};
    for (size_t at = 0; at < sizeof bad / sizeof *bad; at++) {
        told(alto, query(&liar, here, bad[at]), 0, own, ALTO_TRUST_NETWORK);
        told(alto, query(&liar, here, bad[at]), 1, own, ALTO_TRUST_NETWORK);
    }

    /* Any announce at all: never a word of it in another one's answer. */
    srand(1);
    for (int round = 0; round < 20000; round++) {
        char text[sizeof lie];
        memcpy(text, lie, sizeof lie);
        for (int changes = rand() % 4; changes > 0; changes--)
            text[rand() % (sizeof lie - 1)] = (char)(rand() % 256);
        const char *address = rand() % 2 ? here : there;
        answer = nothing();
        alto_lookup(alto, saying(&liar, address, ALTO_RAW_HTTP_QUERY, text, sizeof lie - 1), &answer);
        option[rand() % 4] ^= (unsigned char)(1 << rand() % 8);
        answer = nothing();
        alto_lookup(alto, saying(&liar, address, ALTO_RAW_UDP_OPTIONS, option, length), &answer);
        told(alto, someone(&honest, here, 1), 0, own, ALTO_TRUST_NETWORK);
        nobody(alto, there);
    }
    alto_free(alto);

    /* Confirmed only where the network names the same host; off is off. */
    const char *trust[] = {"confirm", "off"};
    for (int at = 0; at < 2; at++) {
        alto = trusting(arguments[1], trust[at]);
        told(alto, query(&liar, here, lie), 1, own, ALTO_TRUST_NETWORK);
        told(alto, query(&liar, here, lie), 0, own, ALTO_TRUST_NETWORK);
        const char *truth = "alto=https://alto.example/regional";
        if (at == 0)
            told(alto, query(&liar, here, truth), 0, "https://alto.example/regional",
                 ALTO_TRUST_PEER_CLAIM);
        else
            told(alto, query(&liar, here, truth), 0, own, ALTO_TRUST_NETWORK);
        alto_free(alto);
    }
    return 0;
}

// C++17: handles that free themselves, errors as exceptions, answers as values.
//
//     raii CONFIG.toml PEER...
#include <alto_discovery.h>
#include <arpa/inet.h>
#include <netinet/in.h>

#include <chrono>
#include <cstring>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace alto {

struct Error : std::runtime_error {
    int status;
    explicit Error(int code) : std::runtime_error(sentence(code)), status(code) {}

  private:
    static std::string sentence(int code) {
        std::string text(alto_last_error(nullptr, 0), '\0');
        if (text.empty()) return alto_strerror(code);
        alto_last_error(text.data(), text.size());
        text.pop_back(); // the NUL
        return text;
    }
};

inline int checked(int status) {
    return status < 0 ? throw Error(status) : status;
}

class Peer {
    sockaddr_storage room{};

  public:
    explicit Peer(const std::string &text) {
        auto &v4 = reinterpret_cast<sockaddr_in &>(room);
        auto &v6 = reinterpret_cast<sockaddr_in6 &>(room);
        if (inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) room.ss_family = AF_INET;
        else if (inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1) room.ss_family = AF_INET6;
        else throw std::invalid_argument(text + " is no address");
    }
    alto_peer raw() const {
        alto_peer peer{};
        peer.struct_size = sizeof peer;
        peer.addr = reinterpret_cast<const sockaddr *>(&room);
        peer.addr_len = sizeof room;
        return peer;
    }
};

struct Answer {
    std::vector<std::string> servers; // best first; empty: surely none
    std::chrono::milliseconds ttl;
};

class Discovery {
    struct Free {
        void operator()(alto_discovery *handle) const { alto_free(handle); }
        void operator()(alto_config *config) const { alto_config_free(config); }
    };
    std::unique_ptr<alto_discovery, Free> handle;

  public:
    explicit Discovery(const std::string &file) {
        alto_config *made = nullptr;
        checked(alto_config_new(ALTO_VERSION_NUMBER, &made));
        std::unique_ptr<alto_config, Free> config(made);
        checked(alto_config_load(made, file.c_str()));
        alto_discovery *opened = nullptr;
        checked(alto_open(made, &opened));
        handle.reset(opened);
    }
    void start() { checked(alto_start(handle.get())); }

    Answer find(const Peer &who, std::chrono::milliseconds most) const {
        std::string text(256, '\0');
        alto_answer answer{};
        answer.struct_size = sizeof answer;
        auto peer = who.raw();
        auto timeout = static_cast<uint32_t>(most.count());
        for (;;) {
            answer.text = text.data();
            answer.text_len = text.size();
            int status = alto_lookup_wait(handle.get(), &peer, timeout, &answer);
            if (status != ALTO_E_FULL) { checked(status); break; }
            text.resize(answer.text_needed);
        }
        Answer found{{}, std::chrono::milliseconds(answer.ttl_ms)};
        const char *uri = text.data();
        for (uint32_t at = 0; at < answer.server_count; at++, uri += std::strlen(uri) + 1)
            found.servers.emplace_back(uri);
        return found;
    }
};

} // namespace alto

int main(int argc, char **argv) try {
    if (argc < 3) throw std::invalid_argument("usage: raii CONFIG.toml PEER...");
    alto::Discovery discovery(argv[1]);
    discovery.start();
    for (int at = 2; at < argc; at++) {
        std::cout << argv[at];
        auto answer = discovery.find(alto::Peer(argv[at]), std::chrono::seconds(5));
        for (const auto &uri : answer.servers) std::cout << ' ' << uri;
        std::cout << (answer.servers.empty() ? " (none)\n" : "\n");
    }
} catch (const std::exception &fault) {
    std::cerr << fault.what() << '\n';
    return 1;
}

// Which ALTO server speaks for these peers? With cgo:
//
//	alto-go CONFIG.toml PEER...
package main

/*
#include <alto_discovery.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

// A peer from the octets of an address: C fills in what points to C.
static int find(const alto_discovery *alto, const void *octets, size_t size, uint32_t timeout,
                char *text, size_t text_len, uint32_t *count) {
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	alto_peer peer = {.struct_size = sizeof peer};
	alto_answer answer = {.struct_size = sizeof answer, .text = text, .text_len = text_len};
	if (size == 4) {
		memcpy(&v4.sin_addr, octets, 4);
		peer.addr = (struct sockaddr *)&v4;
		peer.addr_len = sizeof v4;
	} else {
		memcpy(&v6.sin6_addr, octets, 16);
		peer.addr = (struct sockaddr *)&v6;
		peer.addr_len = sizeof v6;
	}
	int status = alto_lookup_wait(alto, &peer, timeout, &answer);
	*count = answer.server_count;
	return status;
}
*/
import "C"

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"time"
	"unsafe"
)

// Discovery finds servers; it may be used by many goroutines at once.
type Discovery struct{ handle *C.alto_discovery }

// Open makes a Discovery from a configuration file, and starts it.
func Open(path string) (*Discovery, error) {
	runtime.LockOSThread() // alto_last_error is this thread's
	defer runtime.UnlockOSThread()
	var config *C.alto_config
	if err := checked(C.alto_config_new(C.ALTO_VERSION_NUMBER, &config)); err != nil {
		return nil, err
	}
	defer C.alto_config_free(config)
	file := C.CString(path)
	defer C.free(unsafe.Pointer(file))
	if err := checked(C.alto_config_load(config, file)); err != nil {
		return nil, err
	}
	discovery := &Discovery{}
	if err := checked(C.alto_open(config, &discovery.handle)); err != nil {
		return nil, err
	}
	return discovery, checked(C.alto_start(discovery.handle))
}

// Close stops it.
func (discovery *Discovery) Close() { C.alto_free(discovery.handle) }

// Servers tells the URIs for a peer, best first; none and no error: there surely is no server.
func (discovery *Discovery) Servers(peer netip.Addr, most time.Duration) ([]string, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	octets := peer.AsSlice()
	text := make([]byte, 4096)
	var count C.uint32_t
	status := C.find(discovery.handle, unsafe.Pointer(&octets[0]), C.size_t(len(octets)),
		C.uint32_t(most.Milliseconds()), (*C.char)(unsafe.Pointer(&text[0])), C.size_t(len(text)), &count)
	if err := checked(status); err != nil {
		return nil, err
	}
	return strings.Split(string(text), "\x00")[:count], nil
}

func checked(status C.int) error {
	if status >= 0 {
		return nil
	}
	var text [512]C.char
	C.alto_last_error(&text[0], C.size_t(len(text)))
	return errors.New(C.GoString(&text[0]))
}

func main() {
	discovery, err := Open(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer discovery.Close()
	for _, text := range os.Args[2:] {
		servers, err := discovery.Servers(netip.MustParseAddr(text), 5*time.Second)
		if err != nil {
			fmt.Println(text, err)
			continue
		}
		if len(servers) == 0 {
			servers = []string{"(none)"}
		}
		fmt.Println(text, strings.Join(servers, " "))
	}
}

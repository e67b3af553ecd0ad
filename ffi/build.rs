//! What the linker must know of the shared library.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // The number changes when programs built against an older header can no longer run.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libalto_discovery.so.0");
    // Threads and thread-local data outlive dlclose: the code must, too.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,relro,-z,now");
}

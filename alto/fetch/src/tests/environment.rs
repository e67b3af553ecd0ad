//! Environment variables change nothing.

use std::process::Command;

use super::server::Server;

/// The test of a blameless TLS server, run again in an environment that points to a proxy, a key
/// log and another resolver configuration: it passes there too, the proxy is not contacted, and no
/// key is written.
#[tokio::test(flavor = "multi_thread")]
async fn the_environment_is_ignored() {
    let proxy = Server::canary("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", proxy.address);
    let key_log = std::env::temp_dir().join(format!("alto-fetch-keys-{}", std::process::id()));
    let mut run = Command::new(std::env::current_exe().unwrap());
    run.args(["--exact", "tests::tls_grid::a_blameless_server_is_trusted"]);
    run.arg("tests::bodies::connections_are_reused");
    for name in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]
    {
        run.env(name, &address);
    }
    run.env("SSLKEYLOGFILE", &key_log);
    run.env("RES_OPTIONS", "ndots:15").env("LOCALDOMAIN", "evil.example");
    let output = tokio::task::spawn_blocking(move || run.output().unwrap()).await.unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && told.contains("2 passed"), "{told}");
    assert_eq!(proxy.accepted(), 0);
    assert!(!key_log.exists());
}

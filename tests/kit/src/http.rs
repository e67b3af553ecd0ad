//! A scripted HTTP server: says exactly what a test wants, also what no real server would.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// A request as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// `GET`, `POST`, ...
    pub method: String,
    /// The path, with query.
    pub path: String,
    /// Headers, names in lower case.
    pub headers: HashMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

/// What to say.
#[derive(Clone, Debug)]
pub struct HttpReply {
    /// The status code.
    pub status: u16,
    /// Headers beside the length of the body.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl HttpReply {
    /// Status 200 with a body of that media type.
    pub fn ok(media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, headers: Vec::new(), body: body.into() }
            .with("content-type", media_type)
    }

    /// A status without a body.
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// The same with another header; with `content-length` or `transfer-encoding` the body is sent as
    /// it is, whether that is so or not.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

type Script = dyn Fn(&HttpRequest) -> HttpReply + Send + Sync;

/// A server on a free port of loopback, which ends with this handle. Paths without a script get
/// status 404.
pub struct HttpServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    listening: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    scripts: Mutex<HashMap<String, Arc<Script>>>,
    log: Mutex<Vec<HttpRequest>>,
    ended: AtomicBool,
}

impl HttpServer {
    /// Starts it; it listens when this returns.
    ///
    /// # Panics
    /// If there is no free port.
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        let listening = std::thread::spawn(move || own.listen(&listener));
        Self { address, shared, listening: Some(listening) }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URI of a path on it.
    pub fn uri(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Says this to whoever asks for `path`, from now on.
    pub fn on(
        &self,
        path: &str,
        script: impl Fn(&HttpRequest) -> HttpReply + Send + Sync + 'static,
    ) {
        locked(&self.shared.scripts).insert(path.into(), Arc::new(script));
    }

    /// Says always the same.
    pub fn says(&self, path: &str, reply: HttpReply) {
        self.on(path, move |_| reply.clone());
    }

    /// What was asked so far.
    pub fn log(&self) -> Vec<HttpRequest> {
        locked(&self.shared.log).clone()
    }

    /// How often `path` was asked for so far.
    pub fn count(&self, path: &str) -> usize {
        locked(&self.shared.log).iter().filter(|request| request.path == path).count()
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // Wakes the listener, which then sees that it has ended.
        drop(TcpStream::connect(self.address));
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
        }
    }
}

impl Shared {
    fn listen(self: &Arc<Self>, listener: &TcpListener) {
        for stream in listener.incoming().map_while(Result::ok) {
            if self.ended.load(Ordering::SeqCst) {
                return;
            }
            let shared = Arc::clone(self);
            std::thread::spawn(move || shared.serve(&stream));
        }
    }

    /// One request, one reply, and the connection is closed.
    fn serve(&self, mut stream: &TcpStream) -> Option<()> {
        let request = read(&mut BufReader::new(stream))?;
        let script = locked(&self.scripts).get(&request.path).cloned();
        locked(&self.log).push(request.clone());
        let reply = script.map_or_else(|| HttpReply::status(404), |script| script(&request));
        let mut head = format!("HTTP/1.1 {} Scripted\r\nconnection: close\r\n", reply.status);
        for (name, value) in &reply.headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        let framing = ["content-length", "transfer-encoding"];
        let is_framed = reply.headers.iter().any(|(name, _)| framing.contains(&&**name));
        if reply.status != 304 && !is_framed {
            head.extend(["content-length: ", &reply.body.len().to_string(), "\r\n"]);
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(&reply.body).ok()
    }
}

fn read(stream: &mut impl BufRead) -> Option<HttpRequest> {
    let mut lines = stream.by_ref().lines();
    let first = lines.next()?.ok()?;
    let mut words = first.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = HashMap::new();
    for line in lines.map_while(Result::ok).take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).ok()?;
    Some(HttpRequest { method, path, headers, body })
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! A model server in the test's own process, and a running `harness serve`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{mpsc, Arc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{json, Value};
use tiny_http::{Response, Server};

const DEADLINE: Duration = Duration::from_secs(30);

/// Answers `/v1/chat/completions` until dropped. Each answer repeats the question: `You said: …`.
pub(crate) struct ModelServer {
    server: Arc<Server>,
    worker: Option<JoinHandle<()>>,
    /// Dropped to end the wait of a delayed answer.
    hold: Option<mpsc::Sender<()>>,
    asked: mpsc::Receiver<Value>,
}

impl ModelServer {
    /// Answers every request after `delay`, with `status`.
    pub(crate) fn start(status: u16, delay: Duration) -> Self {
        let server = Arc::new(Server::http("127.0.0.1:0").unwrap());
        let (sender, asked) = mpsc::channel();
        let (hold, released) = mpsc::channel();
        let listener = Arc::clone(&server);
        let worker = thread::spawn(move || {
            for mut request in listener.incoming_requests() {
                let body: Value = serde_json::from_reader(request.as_reader()).unwrap();
                sender.send(body.clone()).unwrap();
                let _ = released.recv_timeout(delay);
                let said = format!("You said: {}", body["messages"][0]["content"].as_str().unwrap());
                let answer = json!({
                    "model": body["model"],
                    "choices": [{"index": 0, "message": {"role": "assistant", "content": said}}],
                    "usage": {"prompt_tokens": 3, "completion_tokens": 5},
                });
                // The harness may have been stopped while it waited.
                drop(request.respond(Response::from_string(answer.to_string()).with_status_code(status)));
            }
        });
        Self {
            server,
            worker: Some(worker),
            hold: Some(hold),
            asked,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.server.server_addr())
    }

    /// The next request's body; waits for it.
    pub(crate) fn asked(&self) -> Value {
        self.asked
            .recv_timeout(DEADLINE)
            .expect("the model server was asked")
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        drop(self.hold.take());
        self.server.unblock();
        if let Some(worker) = self.worker.take() {
            drop(worker.join());
        }
    }
}

/// The built program, which nothing of the caller's environment configures.
pub(crate) fn harness() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
    command.stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("HARNESS_") {
            command.env_remove(name);
        }
    }
    command
}

/// A `harness serve` on a free port; killed when dropped.
pub(crate) struct Running {
    child: Child,
    stderr: BufReader<ChildStderr>,
    address: String,
}

impl Running {
    pub(crate) fn start(model_url: &str) -> Self {
        Self::spawn(harness().args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--model-url",
            model_url,
            "--model",
            "tiny",
        ]))
    }

    /// Starts `command` and waits for the line that names its address.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        let address = line
            .trim()
            .rsplit_once("listening on ")
            .expect(&line)
            .1
            .to_owned();
        Self {
            child,
            stderr,
            address,
        }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream
    }

    /// One request; returns the status and the JSON body.
    pub(crate) fn request(&self, method: &str, path: &str, body: &[u8]) -> (u16, Value) {
        let mut stream = self.connect();
        send(&mut stream, method, path, body);
        receive(&mut stream)
    }

    pub(crate) fn ask(&self, prompt: &str) -> (u16, Value) {
        self.request("POST", "/ask", json!({ "prompt": prompt }).to_string().as_bytes())
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end; returns how it ended and the rest of its log.
    pub(crate) fn wait(&mut self) -> (ExitStatus, String) {
        let start = Instant::now();
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None if start.elapsed() > DEADLINE => panic!("harness did not end"),
                None => thread::sleep(Duration::from_millis(5)),
            }
        };
        let mut log = String::new();
        self.stderr.read_to_string(&mut log).unwrap();
        (status, log)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub(crate) fn send(stream: &mut TcpStream, method: &str, path: &str, body: &[u8]) {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // A server that refuses a large body may hang up before all of it is sent.
    drop(stream.write_all(body));
}

pub(crate) fn receive(stream: &mut TcpStream) -> (u16, Value) {
    try_receive(stream).expect("an answer within the stream's time limit")
}

/// The status and JSON body, once the server has closed the connection; `None` where it does not in time, or says
/// nothing.
pub(crate) fn try_receive(stream: &mut TcpStream) -> Option<(u16, Value)> {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Some((status, serde_json::from_str(body).unwrap_or(Value::Null)))
}

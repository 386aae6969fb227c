//! The client against a server that says exactly what each test tells it to, byte by byte.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use model::chat::{ChatRequest, Message, Role};
use model::{Client, Completion, ModelError, RetryPolicy};

const ANSWER: &str = r#"{"model":"tiny","choices":[{"index":0,"message":{"role":"assistant","content":"Four."},
    "finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}}"#;
const QUICK: RetryPolicy = RetryPolicy {
    attempts: 3,
    first_delay: Duration::from_millis(5),
    longest_delay: Duration::from_millis(20),
};

fn with_status(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// Reads one request; returns its start line and body.
fn read_request(stream: &TcpStream) -> (String, String) {
    let mut reader = BufReader::new(stream);
    let mut start = String::new();
    reader.read_line(&mut start).unwrap();
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (start.trim().to_owned(), String::from_utf8(body).unwrap())
}

/// Answers one connection per reply, in order; joins to the requests it saw.
fn serve(replies: Vec<String>) -> (String, JoinHandle<Vec<(String, String)>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let mut seen = Vec::new();
        for reply in replies {
            let (mut stream, _) = listener.accept().unwrap();
            seen.push(read_request(&stream));
            stream.write_all(reply.as_bytes()).unwrap();
        }
        seen
    });
    (url, server)
}

fn ask(url: &str, retry: RetryPolicy, limit: Duration) -> Result<Completion, ModelError> {
    let request = ChatRequest::new("tiny", vec![Message::new(Role::User, "Two and two?")]);
    Client::new(url.parse().unwrap(), retry, limit).complete(&request)
}

#[test]
fn a_question_is_posted_and_its_answer_read() {
    let (url, server) = serve(vec![with_status("200 OK", "", ANSWER)]);
    let completion = ask(&url, RetryPolicy::NONE, Duration::from_secs(10)).unwrap();
    assert_eq!(completion.text, "Four.");
    assert_eq!(completion.attempts, 1);
    assert_eq!(completion.response.usage.unwrap().completion_tokens, 2);

    let seen = server.join().unwrap();
    assert_eq!(seen[0].0, "POST /v1/chat/completions HTTP/1.1");
    let sent: ChatRequest = serde_json::from_str(&seen[0].1).unwrap();
    assert_eq!(sent.messages, [Message::new(Role::User, "Two and two?")]);
}

#[test]
fn an_overloaded_server_is_asked_again() {
    let busy = with_status(
        "503 Service Unavailable",
        "retry-after: 0\r\n",
        r#"{"error":{"message":"loading"}}"#,
    );
    let (url, server) = serve(vec![busy.clone(), busy, with_status("200 OK", "", ANSWER)]);
    assert_eq!(ask(&url, QUICK, Duration::from_secs(10)).unwrap().attempts, 3);
    assert_eq!(server.join().unwrap().len(), 3);
}

#[test]
fn the_last_failure_is_reported_when_attempts_run_out() {
    let busy = with_status("429 Too Many Requests", "retry-after: 99999999\r\n", "slow down");
    let (url, server) = serve(vec![busy.clone(), busy.clone(), busy]);
    let error = ask(&url, QUICK, Duration::from_secs(10)).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{url}/v1/chat/completions: status 429: slow down")
    );
    assert_eq!(server.join().unwrap().len(), 3);
}

#[test]
fn a_refusal_is_final() {
    let missing = with_status("404 Not Found", "", r#"{"error":"model \"tiny\" not found"}"#);
    let (url, server) = serve(vec![missing]);
    let error = ask(&url, QUICK, Duration::from_secs(10)).unwrap_err();
    assert!(
        matches!(&error, ModelError::Status { status: 404, message, .. } if message.contains("not found"))
    );
    assert_eq!(server.join().unwrap().len(), 1);
}

#[test]
fn a_redirect_is_not_followed() {
    let (url, _server) = serve(vec![with_status(
        "302 Found",
        "location: http://127.0.0.1:1/\r\n",
        "",
    )]);
    let error = ask(&url, RetryPolicy::NONE, Duration::from_secs(10)).unwrap_err();
    assert!(matches!(error, ModelError::Status { status: 302, .. }), "{error}");
}

#[test]
fn a_page_instead_of_json_is_malformed() {
    let (url, _server) = serve(vec![with_status(
        "200 OK",
        "content-type: text/html\r\n",
        "<html></html>",
    )]);
    let error = ask(&url, QUICK, Duration::from_secs(10)).unwrap_err();
    assert!(matches!(error, ModelError::Malformed { .. }), "{error}");
}

#[test]
fn an_empty_answer_is_an_error() {
    let body = ANSWER.replace("Four.", "");
    let (url, _server) = serve(vec![with_status("200 OK", "", &body)]);
    let error = ask(&url, QUICK, Duration::from_secs(10)).unwrap_err();
    assert!(matches!(error, ModelError::NoAnswer { .. }), "{error}");
}

#[test]
fn a_body_cut_short_is_never_taken_for_an_answer() {
    let cut = with_status("200 OK", "", ANSWER);
    let (url, _server) = serve(vec![cut[..cut.len() - 20].to_owned()]);
    let error = ask(&url, RetryPolicy::NONE, Duration::from_secs(10)).unwrap_err();
    assert!(matches!(error, ModelError::Unreachable { .. }), "{error}");
}

#[test]
fn a_body_over_the_limit_is_refused() {
    let padded = ANSWER.replace("Four.", &"x".repeat(5 << 20));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        read_request(&stream);
        // The client hangs up half way, so the rest cannot be written.
        drop(stream.write_all(with_status("200 OK", "", &padded).as_bytes()));
    });
    let error = ask(&url, RetryPolicy::NONE, Duration::from_secs(10)).unwrap_err();
    assert!(matches!(error, ModelError::Malformed { .. }), "{error}");
}

#[test]
fn a_silent_server_times_out_and_is_not_asked_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let start = Instant::now();
    let error = ask(&url, QUICK, Duration::from_millis(200)).unwrap_err();
    assert!(matches!(error, ModelError::TimedOut { .. }), "{error}");
    assert!(start.elapsed() >= Duration::from_millis(200));
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_ok(), "it connected once");
    assert!(listener.accept().is_err(), "and only once");
}

#[test]
fn nobody_there_is_unreachable_after_all_attempts() {
    // No service listens on port 1, and no program without privileges can.
    let error = ask("http://127.0.0.1:1", QUICK, Duration::from_secs(10)).unwrap_err();
    assert!(matches!(error, ModelError::Unreachable { .. }), "{error}");
    assert!(error.is_transient());
}

use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::support::{harness, send, try_receive, ModelServer, Running};

#[test]
fn health_is_ok_without_any_model_server() {
    let running = Running::start("http://127.0.0.1:1");
    let (status, body) = running.request("GET", "/health", b"");
    assert_eq!(status, 200);
    assert_eq!(
        body,
        json!({"status": "ok", "version": env!("CARGO_PKG_VERSION"), "model": "tiny"})
    );
    assert_eq!(running.request("HEAD", "/health?from=probe", b"").0, 200);
}

#[test]
fn a_question_is_forwarded_and_the_answer_returned() {
    let model = ModelServer::start(200, Duration::ZERO);
    let running = Running::start(&model.url());
    let (status, body) = running.ask("Why?");
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["answer"], "You said: Why?");
    assert_eq!(body["model"], "tiny");
    assert_eq!(body["attempts"], 1);
    assert_eq!(body["usage"]["completion_tokens"], 5);
    assert_eq!(
        model.asked()["messages"],
        json!([{"role": "user", "content": "Why?"}])
    );
}

#[test]
fn questions_do_not_see_each_other() {
    let model = ModelServer::start(200, Duration::ZERO);
    let running = Running::start(&model.url());
    thread::scope(|scope| {
        for number in 0..8 {
            let running = &running;
            scope.spawn(move || {
                let (status, body) = running.ask(&format!("Question {number}"));
                assert_eq!(
                    (status, &body["answer"]),
                    (200, &json!(format!("You said: Question {number}")))
                );
            });
        }
    });
    for _ in 0..8 {
        assert_eq!(model.asked()["messages"].as_array().map(Vec::len), Some(1));
    }
}

#[test]
fn health_answers_while_questions_wait_and_too_many_are_refused() {
    let model = ModelServer::start(200, Duration::from_secs(20));
    let running = Running::start(&model.url());
    let mut waiting: Vec<_> = (0..100).map(|_| running.connect()).collect();
    for stream in &mut waiting {
        send(stream, "POST", "/ask", br#"{"prompt": "Why?"}"#);
    }
    model.asked();
    assert_eq!(running.request("GET", "/health", b"").0, 200);

    // Four are being answered and 64 wait; the first answers of all say that there is no room for more.
    let (sender, answers) = mpsc::channel();
    thread::scope(|scope| {
        for mut stream in waiting {
            let sender = sender.clone();
            scope.spawn(move || sender.send(try_receive(&mut stream)));
        }
        let (status, body) = answers.recv().unwrap().expect("an answer");
        drop(running);
        assert_eq!(status, 503, "{body}");
    });
}

#[test]
fn what_is_no_question_is_refused() {
    let running = Running::start("http://127.0.0.1:1");
    let bodies: [&[u8]; 6] = [
        b"",
        b"Why?",
        b"{}",
        br#"{"prompt": 1}"#,
        br#"{"prompt": "  "}"#,
        br#"{"prompt": "a", "modle": "b"}"#,
    ];
    for body in bodies {
        let (status, answer) = running.request("POST", "/ask", body);
        assert_eq!(status, 400, "{answer}");
        assert!(answer["error"].is_string(), "{answer}");
    }
    let long = json!({ "prompt": "x".repeat(300 << 10) }).to_string();
    assert_eq!(running.request("POST", "/ask", long.as_bytes()).0, 413);
    assert_eq!(running.request("GET", "/ask", b"").0, 405);
    assert_eq!(running.request("GET", "/metrics", b"").0, 404);
    assert_eq!(
        running.request("GET", "/health", b"").0,
        200,
        "and it is still well"
    );
}

#[test]
fn a_model_server_that_fails_is_a_bad_gateway() {
    let model = ModelServer::start(404, Duration::ZERO);
    let running = Running::start(&model.url());
    let (status, body) = running.ask("Why?");
    assert_eq!(status, 502);
    assert!(body["error"].as_str().unwrap().contains("status 404"), "{body}");
}

#[test]
fn a_model_server_that_is_too_slow_is_a_gateway_timeout() {
    let model = ModelServer::start(200, Duration::from_millis(400));
    let running = Running::spawn(
        harness()
            .args(["serve", "--listen", "127.0.0.1:0", "--model-url", &model.url()])
            .env("HARNESS_TIMEOUT", "0.05"),
    );
    assert_eq!(running.ask("Why?").0, 504);
}

#[test]
fn a_taken_address_is_an_error_that_names_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = harness().args(["serve", "--listen", &address]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.starts_with(&format!("harness: error: cannot listen on {address}: ")),
        "{stderr}"
    );
}

#[test]
fn the_listening_address_may_come_from_the_environment() {
    let running = Running::spawn(harness().arg("serve").env("HARNESS_LISTEN", "127.0.0.1:0"));
    assert_eq!(running.request("GET", "/health", b"").1["model"], "qwen3:0.6b");
}

#[cfg(unix)]
mod signals {
    use std::net::TcpStream;
    use std::os::unix::process::ExitStatusExt;

    use rustix::process::Signal;

    use super::*;
    use crate::support::receive;

    #[test]
    fn an_idle_service_ends_with_success_on_sigterm_and_on_sigint() {
        for signal in [Signal::TERM, Signal::INT] {
            let mut running = Running::start("http://127.0.0.1:1");
            running.signal(signal);
            let (status, log) = running.wait();
            assert_eq!(status.code(), Some(0), "{log}");
            assert!(log.ends_with("harness stopped\n"), "{log}");
        }
    }

    #[test]
    fn sigterm_lets_a_running_question_finish_but_takes_no_new_one() {
        let model = ModelServer::start(200, Duration::from_millis(700));
        let mut running = Running::start(&model.url());
        let mut waiting = running.connect();
        send(&mut waiting, "POST", "/ask", br#"{"prompt": "Why?"}"#);
        model.asked();

        running.signal(Signal::TERM);
        let refused = (0..60).any(|_| {
            thread::sleep(Duration::from_millis(10));
            TcpStream::connect(running.address()).is_err()
        });
        assert!(refused, "it still takes connections after SIGTERM");

        assert_eq!(receive(&mut waiting).1["answer"], "You said: Why?");
        let (status, log) = running.wait();
        assert_eq!(status.code(), Some(0), "{log}");
    }

    #[test]
    fn a_second_signal_ends_it_at_once() {
        let model = ModelServer::start(200, Duration::from_secs(20));
        let mut running = Running::start(&model.url());
        let mut waiting = running.connect();
        send(&mut waiting, "POST", "/ask", br#"{"prompt": "Why?"}"#);
        model.asked();

        running.signal(Signal::TERM);
        // Two signals that are pending at the same time count as one.
        while TcpStream::connect(running.address()).is_ok() {
            thread::sleep(Duration::from_millis(5));
        }
        running.signal(Signal::TERM);
        let (status, log) = running.wait();
        assert_eq!((status.code(), status.signal()), (Some(143), None), "{log}");
    }

    #[test]
    fn it_starts_again_on_the_same_address() {
        let mut running = Running::start("http://127.0.0.1:1");
        let address = running.address().to_owned();
        assert_eq!(running.request("GET", "/health", b"").0, 200);
        running.signal(Signal::TERM);
        running.wait();

        let again = Running::spawn(harness().args(["serve", "--listen", &address]));
        assert_eq!(again.request("GET", "/health", b"").0, 200);
    }
}

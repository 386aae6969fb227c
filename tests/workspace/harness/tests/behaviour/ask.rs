use std::fs;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::json;

use crate::support::{harness, ModelServer};

fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    (
        status.code(),
        String::from_utf8(stdout).unwrap(),
        String::from_utf8(stderr).unwrap(),
    )
}

#[test]
fn version_is_printed() {
    let (code, stdout, _) = run(harness().arg("--version"));
    assert_eq!(code, Some(0));
    assert_eq!(stdout, format!("harness {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn no_command_is_a_usage_error() {
    let (code, _, stderr) = run(&mut harness());
    assert_eq!(code, Some(2));
    assert!(stderr.contains("Usage:"), "{stderr}");
}

#[test]
fn the_answer_goes_to_standard_output_alone() {
    let model = ModelServer::start(200, Duration::ZERO);
    let (code, stdout, stderr) =
        run(harness().args(["ask", "Why?", "--model-url", &model.url(), "--model", "tiny"]));
    assert_eq!(
        (code, stdout.as_str(), stderr.as_str()),
        (Some(0), "You said: Why?\n", "")
    );
    let expected =
        json!({"model": "tiny", "messages": [{"role": "user", "content": "Why?"}], "stream": false});
    assert_eq!(model.asked(), expected);
}

#[test]
fn the_environment_configures_and_arguments_win() {
    let model = ModelServer::start(200, Duration::ZERO);
    let (code, _, stderr) = run(harness()
        .args(["ask", "Why?", "--model", "argument"])
        .env("HARNESS_MODEL_URL", model.url())
        .env("HARNESS_MODEL", "environment")
        .env("HARNESS_MAX_TOKENS", "8"));
    assert_eq!(code, Some(0), "{stderr}");
    let asked = model.asked();
    assert_eq!(asked["model"], "argument");
    assert_eq!(asked["max_tokens"], 8);
}

#[test]
fn a_proxy_in_the_environment_is_not_used() {
    let model = ModelServer::start(200, Duration::ZERO);
    let (code, _, stderr) = run(harness()
        .args(["ask", "Why?", "--model-url", &model.url()])
        .env("http_proxy", "http://127.0.0.1:1")
        .env("HTTP_PROXY", "http://127.0.0.1:1")
        .env("ALL_PROXY", "http://127.0.0.1:1"));
    assert_eq!(code, Some(0), "{stderr}");
}

#[test]
fn files_become_context_within_the_budget() {
    let model = ModelServer::start(200, Duration::ZERO);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    fs::write(&path, "first\nsecond\n").unwrap();
    let (code, _, stderr) = run(harness()
        .args([
            "ask",
            "Why?",
            "--budget",
            "10",
            "--model-url",
            &model.url(),
            "--file",
        ])
        .arg(&path));
    assert_eq!(code, Some(0), "{stderr}");
    let expected = format!(
        "{}:\n```\nfirst\n```\n(1 more lines left out)\n\nWhy?",
        path.display()
    );
    assert_eq!(model.asked()["messages"][0]["content"], expected);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("absent.txt");
    let (code, stdout, stderr) = run(harness().args(["ask", "Why?", "--file"]).arg(&path));
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(stderr.contains(&path.display().to_string()), "{stderr}");
}

#[test]
fn a_question_over_the_budget_is_refused() {
    let (code, _, stderr) = run(harness().args(["ask", "Why?", "--budget", "3"]));
    assert_eq!(code, Some(1));
    assert_eq!(
        stderr,
        "harness: error: the question has 4 bytes, the budget is 3\n"
    );
}

#[test]
fn a_model_servers_refusal_is_reported_with_its_address() {
    let model = ModelServer::start(404, Duration::ZERO);
    let (code, stdout, stderr) = run(harness().args(["ask", "Why?", "--model-url", &model.url()]));
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(
        stderr.contains(&format!("{}/v1/chat/completions: status 404", model.url())),
        "{stderr}"
    );
}

#[test]
fn a_slow_model_server_is_given_up() {
    let model = ModelServer::start(200, Duration::from_millis(400));
    let (code, _, stderr) =
        run(harness().args(["ask", "Why?", "--timeout", "0.05", "--model-url", &model.url()]));
    assert_eq!(code, Some(1));
    assert!(stderr.contains("no answer within 0.05 s"), "{stderr}");
}

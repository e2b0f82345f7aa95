//! Faults as text: added to a server, replayed by their seed, and given to the server program.

use std::io::{BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use testkit::Server;

use crate::client::BUCKET;

/// Sends these requests for keys, in this order, each on a connection of its own, and tells which were refused.
async fn refused(rules: &str, seed: u64, keys: impl Iterator<Item = u32>) -> Vec<u32> {
    let server = Server::builder().bucket(BUCKET).start().await.unwrap();
    server.faults().add_rules(rules, seed).unwrap();
    let mut refused = Vec::new();
    for key in keys {
        let answer = crate::faults::raw_get(&server, &format!("/{BUCKET}/{key}"))
            .await
            .0;
        // Requests that pass are refused too, but for want of a signature.
        if answer.starts_with(b"HTTP/1.1 599") {
            refused.push(key);
        }
    }
    refused
}

#[tokio::test]
async fn one_seed_and_one_text_hit_the_same_requests_in_whatever_order_they_come() {
    let rules = "op=GetObject,chance=20% -> status:599:Other; op=GetObject,key=7 -> status:599:Seven";
    let first = refused(rules, 42, 0..80).await;
    assert!((5..40).contains(&first.len()) && first.contains(&7), "{first:?}");
    let mut backwards = refused(rules, 42, (0..80).rev()).await;
    backwards.reverse();
    assert_eq!(backwards, first);
    assert_ne!(refused(rules, 43, 0..80).await, first);
}

#[tokio::test]
async fn the_repetition_of_a_request_is_decided_anew() {
    let again = refused(
        "op=*,chance=50% -> status:599:Other",
        1,
        std::iter::repeat_n(5, 40),
    )
    .await;
    assert!((5..35).contains(&again.len()), "{again:?}");
}

#[tokio::test]
async fn requests_are_counted_as_the_rule_says() {
    for (rule, expected) in [
        ("nth=3", vec![3]),
        ("every=4", vec![4, 8]),
        ("skip=2,every=4,times=1", vec![6]),
        ("skip=7", vec![8, 9, 10]),
        ("chance=100%,times=2", vec![1, 2]),
    ] {
        let rule = format!("op=GetObject,{rule} -> status:599:Other");
        assert_eq!(refused(&rule, 0, 1..=10).await, expected, "{rule}");
    }
}

/// The server program with these options, what it says, and where it can be told something.
fn serve(options: &[&str]) -> (Child, ChildStdin, BufReader<ChildStdout>, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_testkit"))
        .args(["serve", "--bucket", BUCKET, "--exit-with-stdin"])
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let address = line(&mut stdout);
    let address = address.strip_prefix("listening on http://").unwrap().to_owned();
    (child, stdin, stdout, address)
}

fn line(stdout: &mut impl std::io::BufRead) -> String {
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

fn request(address: &str, target: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!("GET /{BUCKET}/{target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

fn status(address: &str, target: &str) -> String {
    let mut answer = String::new();
    request(address, target).read_to_string(&mut answer).unwrap();
    answer.get(9..12).unwrap_or_default().to_owned()
}

#[test]
fn a_server_program_throws_its_faults_and_says_so() {
    let rules = "op=GetObject,key~=a -> status:503:SlowDown; op=GetObject,nth=2 -> kill";
    let (mut child, stdin, mut stdout, address) = serve(&["--faults", rules, "--seed", "7"]);
    assert_eq!(status(&address, "a%20%0A"), "503");
    assert_eq!(line(&mut stdout), "fault status:503:SlowDown GetObject a%20%0A");
    assert_eq!(status(&address, "b"), "403");
    let unanswered = request(&address, "b");
    assert_eq!(line(&mut stdout), "fault kill GetObject b");
    drop((unanswered, stdin));
    assert!(child.wait().unwrap().success());
}

#[test]
fn faults_come_and_go_by_command() {
    let (mut child, mut stdin, mut stdout, address) = serve(&["--commands"]);
    let mut tell = |command: &str| writeln!(stdin, "{command}").unwrap();
    tell("add op=* -> status:503:SlowDown");
    assert_eq!(line(&mut stdout), "ok");
    assert_eq!(status(&address, "k"), "503");
    tell("clear");
    assert_eq!(line(&mut stdout), "fault status:503:SlowDown GetObject k");
    assert_eq!(line(&mut stdout), "ok");
    assert_eq!(status(&address, "k"), "403");
    tell("nonsense");
    assert_eq!(
        line(&mut stdout),
        "refused: 'nonsense' is neither 'add RULES' nor 'clear'"
    );
    tell("add op=* -> rest");
    assert!(line(&mut stdout).starts_with("refused: character 9, 'rest': no such action"));
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn rules_that_cannot_be_read_are_a_wrong_usage() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_testkit"));
    let output = program
        .args(["serve", "--faults", "op=* -> rest"])
        .output()
        .unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.contains("character 9, 'rest': no such action; allowed are status,"),
        "{text}"
    );
}

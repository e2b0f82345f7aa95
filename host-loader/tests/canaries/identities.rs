//! Secrets of those who provide credentials, and the credentials that they give out.

use testkit::{Action, Fault, InstanceMetadata, Role, Server, ServerBuilder};

use crate::talk::Talk;

const ARN: &str = "arn:aws:iam::123456789012:role/canary";

fn server(kind: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Server {
    let server = kind(Server::builder().bucket("bucket")).start_blocking().unwrap();
    server.store().put("bucket", "there", "content");
    server
}

/// Looks for the secrets of all sessions, too, of which there are some.
fn add_sessions(talk: &mut Talk, server: &Server) {
    let sessions = server.session_secrets();
    assert!(!sessions.is_empty());
    // One of each kind for each session, which count as one.
    for (secret, token) in sessions {
        talk.canaries.add("secret key of a session", secret);
        talk.canaries.add("token of a session", token);
    }
}

/// Answers of STS that are damaged on the way, so that the credentials in them cannot be read.
fn damage(server: &Server, operation: &'static str) {
    for bytes in [300, 330, 360, 400, 440, 480] {
        let fault = Fault::on(operation).times(1).action(Action::Truncate(bytes));
        server.faults().add(fault);
    }
    server
        .faults()
        .add(Fault::on(operation).times(1).action(Action::CutBodyAfter(420)));
}

#[test]
fn a_role_its_external_id_and_its_sessions_show_up_nowhere() {
    let mut talk = Talk::new();
    let (secret, external_id) = (
        talk.canaries.plant("secret key"),
        talk.canaries.plant("external id"),
    );
    let wrong = talk.canaries.plant("external id that is wrong");
    let server = server(|server| {
        server
            .credentials("AKIDCANARY", &secret)
            .role(Role::new(ARN).external_id(&external_id))
    });
    let endpoint = server.endpoint();
    let environment = [
        ("FSPLUG_S3_ENDPOINT", endpoint.as_str()),
        ("FSPLUG_S3_ASSUME_ROLE_STS_ENDPOINT", &endpoint),
        ("FSPLUG_S3_ACCESS_KEY", "AKIDCANARY"),
        ("FSPLUG_S3_SECRET_KEY", &secret),
        ("FSPLUG_S3_ASSUME_ROLE_ARN", ARN),
        ("FSPLUG_S3_ASSUME_ROLE_EXTERNAL_ID", &external_id),
    ];
    talk.all_succeeds(&environment, &[]);
    talk.fails(
        &environment,
        &["-D", &format!("s3.assume-role.external-id={wrong}")],
    );

    // The session as static keys: while it lasts, and when it is over.
    let (session_secret, token) = server.session_secrets().remove(0);
    let access_key = server.sessions()[0].access_key.clone();
    let session = [
        ("FSPLUG_S3_ENDPOINT", endpoint.as_str()),
        ("FSPLUG_S3_ACCESS_KEY", &access_key),
        ("FSPLUG_S3_SECRET_KEY", &session_secret),
        ("FSPLUG_S3_SESSION_TOKEN", &token),
    ];
    talk.all_succeeds(&session, &[]);
    server.expire_sessions();
    talk.fails(&session, &[]);

    for _ in 0..3 {
        damage(&server, "AssumeRole");
        talk.run(&environment, &["stat", "s3://bucket/there"]);
    }
    server.faults().clear();
    server.faults().add(Fault::on("AssumeRole").action(Action::Reset));
    talk.fails(&environment, &[]);
    let planted = talk.canaries.len();
    add_sessions(&mut talk, &server);
    talk.assert_silent(planted + 2 * server.sessions().len());
}

#[test]
fn a_web_identity_token_and_its_sessions_show_up_nowhere() {
    let mut talk = Talk::new();
    let token = talk.canaries.plant("web identity token");
    let expired = talk.canaries.plant("web identity token that has expired");
    let unknown = talk.canaries.plant("web identity token that is wrong");
    let server = server(|server| {
        let role = Role::new(ARN).web_identity_token(&token);
        server.role(role.expired_web_identity_token(&expired))
    });
    for (name, token) in [("token", &token), ("expired", &expired), ("unknown", &unknown)] {
        talk.fsplug.write(&format!("given/{name}"), token);
    }
    let endpoint = server.endpoint();
    let environment = |file| {
        [
            ("FSPLUG_S3_ENDPOINT", endpoint.as_str()),
            ("AWS_ENDPOINT_URL_STS", &endpoint),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", file),
            ("AWS_ROLE_ARN", ARN),
            ("AWS_ROLE_SESSION_NAME", "pod"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]
    };
    talk.all_succeeds(&environment("given/token"), &[]);
    talk.fails(&environment("given/expired"), &[]);
    talk.fails(&environment("given/unknown"), &[]);
    talk.fails(&environment("given/missing"), &[]);
    for _ in 0..3 {
        damage(&server, "AssumeRoleWithWebIdentity");
        talk.run(&environment("given/token"), &["stat", "s3://bucket/there"]);
    }
    let planted = talk.canaries.len();
    add_sessions(&mut talk, &server);
    talk.assert_silent(planted + 2 * server.sessions().len());
}

#[test]
fn tokens_and_credentials_of_instances_and_containers_show_up_nowhere() {
    let mut talk = Talk::new();
    let server = server(|server| server);
    let authorization = talk.canaries.plant("authorization token of a container");
    let wrong = talk.canaries.plant("authorization token that is wrong");
    let agent = InstanceMetadata::builder(&server)
        .container_token(&authorization)
        .start()
        .unwrap();
    let (endpoint, uri) = (server.endpoint(), agent.container_credentials_uri());
    let metadata_endpoint = agent.endpoint();
    let container = |token| {
        [
            ("FSPLUG_S3_ENDPOINT", endpoint.as_str()),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri.as_str()),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", token),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]
    };
    talk.all_succeeds(&container(&authorization), &[]);
    talk.fails(&container(&wrong), &[]);
    let instance = [
        ("FSPLUG_S3_ENDPOINT", endpoint.as_str()),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &metadata_endpoint),
    ];
    talk.all_succeeds(&instance, &[]);
    let tokens = agent.tokens();
    assert!(!tokens.is_empty());
    let planted = talk.canaries.len() + tokens.len();
    for token in tokens {
        talk.canaries.add("session token of the instance metadata", token);
    }
    add_sessions(&mut talk, &server);
    talk.assert_silent(planted + 2 * server.sessions().len());
}

#[test]
fn secrets_in_profiles_and_in_the_urls_of_proxies_show_up_nowhere() {
    let mut talk = Talk::new();
    let secret = talk.canaries.plant("secret key of a profile");
    let earlier = talk.canaries.plant("secret key that stands before");
    let lost = talk.canaries.plant("secret key on a line of its own");
    let server = server(|server| server.credentials("AKIDCANARY", &secret));
    talk.fsplug.write(
        "given/credentials",
        format!(
            "[default]\naws_access_key_id = AKIDCANARY\naws_secret_access_key = {earlier}\n\
             aws_secret_access_key = {secret}\n"
        ),
    );
    talk.fsplug.write(
        "given/broken",
        format!("[default]\naws_access_key_id = AKIDCANARY\naws_secret_access_key =\n  {lost}\n"),
    );
    let endpoint = server.endpoint();
    let environment = |file| {
        [
            ("FSPLUG_S3_ENDPOINT", endpoint.as_str()),
            ("AWS_SHARED_CREDENTIALS_FILE", file),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]
    };
    talk.all_succeeds(&environment("given/credentials"), &[]);
    talk.fails(&environment("given/broken"), &[]);

    let password = talk
        .canaries
        .plant("password in the URL of a proxy")
        .replace('/', "%2F");
    let proxy = format!(
        "http://somebody:{password}@{}",
        endpoint.trim_start_matches("http://")
    );
    for (variable, store) in [
        ("HTTPS_PROXY", "https://store.invalid"),
        ("HTTP_PROXY", "http://store.invalid"),
    ] {
        let environment = [
            ("FSPLUG_S3_ENDPOINT", store),
            (variable, &proxy),
            ("FSPLUG_S3_ACCESS_KEY", "AKIDCANARY"),
            ("FSPLUG_S3_SECRET_KEY", &secret),
        ];
        // The server takes what would be for a proxy, and so some of it succeeds.
        talk.run(&environment, &["stat", "s3://bucket/there"]);
        talk.run(&environment, &["--json", "ls", "s3://bucket/"]);
    }
    talk.assert_silent(4);
}

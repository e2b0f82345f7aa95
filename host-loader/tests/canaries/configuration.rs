//! Secrets in all sources of configuration.

use testkit::Server;

use crate::talk::Talk;

#[test]
fn keys_in_files_variables_and_properties_show_up_nowhere() {
    let mut talk = Talk::new();
    let secret = talk.canaries.plant("secret key in a variable");
    let other_secret = talk.canaries.plant("secret key of a bucket in a file");
    let server = Server::builder()
        .bucket("bucket")
        .bucket("other")
        .credentials("AKIDCANARY", &secret)
        .credentials("AKIDOTHER", &other_secret)
        .start_blocking()
        .unwrap();
    server.store().put("bucket", "there", "content");
    let endpoint = server.endpoint();
    let properties_secret = talk.canaries.plant("password in FSPLUG_PROPERTIES");
    let flink_secret = talk.canaries.plant("secret in FLINK_PROPERTIES");
    talk.fsplug.write(
        "given/config.yaml",
        format!(
            "s3.bucket.other:\n  access-key: AKIDOTHER\n  secret-key: {other_secret}\n\
             s3.endpoint: {endpoint}\nrest.password: {properties_secret}\nrest.password: {properties_secret}\n"
        ),
    );
    let properties = format!("s3.sekret-key: {properties_secret}\nfs.s3a.secret.key: {properties_secret}");
    let flink = format!("fs.s3a.session.tokn: \"{flink_secret}\",");
    let environment = [
        ("FSPLUG_S3_ACCESS_KEY", "AKIDCANARY"),
        ("FSPLUG_S3_SECRET_KEY", &secret),
        ("FSPLUG_PROPERTIES", &properties),
        ("FLINK_PROPERTIES", &flink),
    ];
    let config = ["--config", "given/config.yaml"];
    talk.all_succeeds(&environment, &config);
    let (code, stderr) = talk.run(&environment, &[&config[..], &["ls", "s3://other/"]].concat());
    assert_eq!(code, 0, "{stderr}");

    let unknown = talk.canaries.plant("value of an unknown key");
    let unknown = format!("s3.secrets-key={unknown}");
    talk.run(
        &environment,
        &[&config[..], &["-D", &unknown, "config", "explain"]].concat(),
    );
    talk.run(
        &environment,
        &[&config[..], &["-D", &unknown, "ls", "s3://bucket/"]].concat(),
    );
    let strict = [&config[..], &["-D", "fs.strict-config=true", "-D", &unknown]].concat();
    talk.fails(&environment, &strict);
    let wrong = talk.canaries.plant("secret key that is wrong");
    let environment = [
        ("FSPLUG_S3_ACCESS_KEY", "AKIDCANARY"),
        ("FSPLUG_S3_SECRET_KEY", &wrong),
    ];
    talk.fails(&environment, &config);
    let nobody = ["-D", "s3.endpoint=http://127.0.0.1:1"];
    talk.fails(&environment, &nobody);
    let no_tls = format!("s3.endpoint={}", endpoint.replace("http:", "https:"));
    talk.fails(&environment, &["-D", &no_tls]);
    talk.assert_silent(6);
}

#[test]
fn secrets_in_the_wrong_place_show_up_nowhere() {
    let mut talk = Talk::new();
    let password = talk
        .canaries
        .plant("password in the endpoint")
        .replace('/', "%2F");
    let syntax = talk.canaries.plant("value on a line that is no YAML");
    let keyless = talk.canaries.plant("secret without its key");
    let token = talk.canaries.plant("token without its keys");
    for key in [
        "s3.endpoint",
        "fs.s3a.endpoint",
        "s3.assume-role.sts.endpoint",
        "s3.bucket.bucket.endpoint",
    ] {
        let url = format!("{key}=http://somebody:{password}@127.0.0.1:1");
        talk.fails(
            &[],
            &["-D", &url, "-D", "s3.access-key=a", "-D", "s3.secret-key=b"],
        );
        talk.run(&[], &["-D", &url, "config", "explain"]);
    }
    for (name, text) in [
        ("quote", format!("s3.secret-key: \"{syntax}\n")),
        ("behind", format!("s3.secret-key: 'x' {syntax}\n")),
        (
            "indent",
            format!("s3:\n   secret-key: {syntax}\n  access-key: {syntax}\n"),
        ),
        ("alone", format!("s3.region: x\n{syntax}\n")),
        ("tab", format!("s3:\n\tsecret-key: {syntax}\n")),
        ("anchor", format!("s3.secret-key: *{syntax}\n")),
    ] {
        let file = format!("given/{name}.yaml");
        talk.fsplug.write(&file, &text);
        talk.run(&[], &["--config", &file, "--json", "config", "explain"]);
        talk.run(&[], &["--config", &file, "ls", "s3://bucket/"]);
        talk.run(&[("FSPLUG_PROPERTIES", &text)], &["ls", "s3://bucket/"]);
    }
    talk.run(&[], &["-D", &keyless, "ls", "s3://bucket/"]);
    talk.fails(&[], &["-D", &format!("s3.session-token={token}")]);
    talk.run(&[("FSPLUG_S3_SESION_TOKEN", &token)], &["ls", "s3://bucket/"]);
    talk.run(&[], &["ls", &format!("s3://somebody:{password}@bucket/")]);
    talk.assert_silent(4);
}

//! Buckets of other regions than that of the endpoint.

use aws_sdk_s3::error::SdkError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use testkit::{Action, Fault, Rules, Server, ServerBuilder, WrongRegion};

use crate::client::{BUCKET, client, refusal, start};

const FAR: &str = "far-bucket";

async fn with_far_bucket(builder: ServerBuilder) -> (Server, aws_sdk_s3::Client, aws_sdk_s3::Client) {
    let (server, here) = start(builder.bucket_in(FAR, "eu-west-1")).await;
    let there = client(&server, server.access_key(), server.secret_key(), "eu-west-1");
    (server, here, there)
}

/// Status, `x-amz-bucket-region`, whether there is a `Location`, and the body.
fn answer<T, E: std::fmt::Debug>(
    result: Result<T, SdkError<E, HttpResponse>>,
) -> (u16, Option<String>, bool, String) {
    let Err(error) = result else {
        panic!("the request has to be refused");
    };
    let response = error.raw_response().unwrap();
    let header = |name| response.headers().get(name).map(str::to_owned);
    let body = response.body().bytes().unwrap_or_default();
    (
        response.status().as_u16(),
        header("x-amz-bucket-region"),
        header("location").is_some(),
        String::from_utf8_lossy(body).into_owned(),
    )
}

#[tokio::test]
async fn a_bucket_of_another_region_redirects_without_a_location() {
    let (server, here, there) = with_far_bucket(Server::builder()).await;
    let listed = here.list_objects_v2().bucket(FAR).send().await;
    let (status, region, has_location, body) = answer(listed);
    assert_eq!((status, region.as_deref()), (301, Some("eu-west-1")));
    assert!(!has_location);
    assert!(body.contains("<Code>PermanentRedirect</Code>"), "{body}");
    assert!(
        body.contains("<Endpoint>far-bucket.s3.eu-west-1.amazonaws.com</Endpoint>"),
        "{body}"
    );
    let headed = here.head_bucket().bucket(FAR).send().await;
    let expected = (301, Some("eu-west-1".to_owned()), false, String::new());
    assert_eq!(answer(headed), expected);
    let headed = here.head_object().bucket(FAR).key("k").send().await;
    assert_eq!(answer(headed), expected);

    server.store().put(FAR, "k", "v");
    there.head_object().bucket(FAR).key("k").send().await.unwrap();
    let head = there.head_bucket().bucket(FAR).send().await.unwrap();
    assert_eq!(head.bucket_region(), Some("eu-west-1"));
    let location = there.get_bucket_location().bucket(FAR).send().await.unwrap();
    assert_eq!(location.location_constraint().unwrap().as_str(), "eu-west-1");
    let listed = here.list_buckets().send().await.unwrap();
    let regions: Vec<_> = listed
        .buckets()
        .iter()
        .filter_map(|b| b.bucket_region())
        .collect();
    assert_eq!(regions, ["us-east-1", "eu-west-1"]);
}

#[tokio::test]
async fn a_signature_for_another_region_than_that_of_the_endpoint_is_malformed() {
    let (_server, _, there) = with_far_bucket(Server::builder()).await;
    let listed = there.list_objects_v2().bucket(BUCKET).send().await;
    let (status, region, _, body) = answer(listed);
    assert_eq!((status, region.as_deref()), (400, Some("us-east-1")));
    assert!(
        body.contains("<Code>AuthorizationHeaderMalformed</Code>"),
        "{body}"
    );
    assert!(body.contains("<Region>us-east-1</Region>"), "{body}");
    let headed = there.head_bucket().bucket(BUCKET).send().await;
    let expected = (400, Some("us-east-1".to_owned()), false, String::new());
    assert_eq!(answer(headed), expected);
    let buckets = there.list_buckets().send().await;
    assert_eq!(refusal(buckets), (400, "AuthorizationHeaderMalformed".into()));
}

#[tokio::test]
async fn the_answer_to_a_wrong_region_can_be_chosen() {
    let malformed = Server::builder().wrong_region(WrongRegion::Malformed);
    let (_server, here, _) = with_far_bucket(malformed).await;
    let listed = here.list_objects_v2().bucket(FAR).send().await;
    assert_eq!(answer(listed).0, 400);

    let redirect = Server::builder().wrong_region(WrongRegion::Redirect);
    let (_server, _, there) = with_far_bucket(redirect).await;
    let listed = there.list_objects_v2().bucket(BUCKET).send().await;
    let (status, region, has_location, _) = answer(listed);
    assert_eq!((status, region.as_deref()), (301, Some("us-east-1")));
    assert!(!has_location);
}

#[tokio::test]
async fn a_fault_can_redirect_to_where_no_signature_should_go() {
    let (server, here, _) = with_far_bucket(Server::builder()).await;
    for location in [
        "http://foreign.example/bucket",
        "http://169.254.169.254/latest/meta-data/",
        "https://127.0.0.1.foreign.example/",
    ] {
        let headers = [("Location", location), ("x-amz-bucket-region", "eu-west-1")];
        let action = Action::status_with_headers(307, "TemporaryRedirect", &headers);
        let fault = Fault::on("ListObjectsV2").times(1).action(action);
        // As a line of text as well.
        let text = Rules::from(vec![fault]).to_string();
        server.faults().add_rules(&text, 0).unwrap();
        let listed = here.list_objects_v2().bucket(BUCKET).send().await;
        let error = listed.unwrap_err();
        let response = error.raw_response().unwrap();
        assert_eq!(response.status().as_u16(), 307, "{text}");
        assert_eq!(response.headers().get("location"), Some(location), "{text}");
        assert_eq!(
            response.headers().get("x-amz-bucket-region"),
            Some("eu-west-1"),
            "{text}"
        );
    }
}

//! Tokens that an issuer signs: which are accepted, and how the others are refused.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    harness::{Answer, Api, completed},
    issuer::{Key, TestIssuer},
};

const PATH: &str = "/api/v1/sagas";
const INTERNAL: &str = "/internal/nowhere";

async fn get_with(api: &Api, path: &str, token: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    api.request(Method::GET, path, &[("authorization", &bearer)])
        .await
}

/// The message of a call that must be unauthorized.
async fn unauthorized(api: &Api, token: &str) -> String {
    let answer = get_with(api, PATH, token).await;
    let error = answer.is_error(401, "UNAUTHORIZED", PATH);
    assert_eq!(answer.header("www-authenticate"), "Bearer");
    error["message"].as_str().unwrap().to_owned()
}

async fn is_taken(api: &Api, token: &str) {
    let answer = get_with(api, PATH, token).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
}

fn with(mut claims: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            value => claims
                .as_object_mut()
                .unwrap()
                .insert(name.clone(), value.clone()),
        };
    }
    claims
}

#[tokio::test]
async fn a_token_of_the_issuer_is_taken_whatever_kind_of_key_signed_it() {
    let mut keys = vec![Key::elliptic("e"), Key::edwards("d")];
    let rsa = Key::rsa("r");
    for algorithm in [Algorithm::RS256, Algorithm::RS512, Algorithm::PS256] {
        let id = format!("{algorithm:?}");
        keys.push(Key {
            id,
            algorithm,
            ..rsa.clone()
        });
    }
    let issuer = TestIssuer::showing(&keys.iter().collect::<Vec<_>>()).await;
    let api = Api::open_to(issuer.access()).await;
    for key in &keys {
        is_taken(&api, &key.sign(&issuer.claims())).await;
    }
    assert_eq!(issuer.times_asked(), 1);
    is_taken(&api, "board's").await;
    assert_eq!(
        unauthorized(&api, "nobody's").await,
        "the token is not known here"
    );
}

#[tokio::test]
async fn roles_and_the_name_in_history_are_what_the_token_says() {
    let key = Key::elliptic("1");
    let issuer = TestIssuer::showing(&[&key]).await;
    let api = Api::open_to(issuer.access()).await;
    api.record(completed("saga-1", 0)).await;
    let roles = |roles: Value| key.sign(&with(issuer.claims(), json!({"realm_access": {"roles": roles}})));

    let viewer = roles(json!(["saga-viewer"]));
    is_taken(&api, &viewer).await;
    let refused = get_with(&api, INTERNAL, &viewer).await;
    let error = refused.is_error(403, "FORBIDDEN", INTERNAL);
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("\"dana\" has the role viewer")
    );

    let without_role = get_with(&api, PATH, &roles(json!(["admin"]))).await;
    without_role.is_error(403, "FORBIDDEN", PATH);

    let bearer = format!("Bearer {}", key.sign(&issuer.claims()));
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
    ];
    let body = br#"{"status": "FAILED", "reason": "by hand"}"#.to_vec();
    let path = "/internal/v1/sagas/saga-1/status";
    let answer = api.request_with(Method::PATCH, path, &headers, body).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    let stored = api.store.steps("saga-1", None, 10).await.unwrap().unwrap();
    let correction = stored.steps.last().unwrap().metadata.as_ref().unwrap().as_str();
    assert!(correction.contains("\"dana\""), "{correction}");
}

#[tokio::test]
async fn the_claims_that_a_token_needs_are_checked_and_named() {
    let key = Key::elliptic("1");
    let issuer = TestIssuer::showing(&[&key]).await;
    let api = Api::open_to(issuer.access()).await;
    let now = get_current_timestamp();
    for (changes, message) in [
        (json!({"exp": now - 10}), "the token has expired"),
        (json!({"exp": "soon"}), "the token must say exp, iss, aud and sub"),
        (json!({"exp": null}), "the token must say exp, iss, aud and sub"),
        (json!({"nbf": now + 60}), "the token is not valid yet"),
        (json!({"aud": "others"}), "the token is meant for others"),
        (json!({"aud": []}), "the token is meant for others"),
        (json!({"aud": null}), "the token must say exp, iss, aud and sub"),
        (
            json!({"iss": "https://evil.example"}),
            "the token is of another issuer",
        ),
        (json!({"iss": null}), "the token must say exp, iss, aud and sub"),
        (json!({"sub": null}), "the token must say exp, iss, aud and sub"),
    ] {
        let token = key.sign(&with(issuer.claims(), changes.clone()));
        assert_eq!(unauthorized(&api, &token).await, message, "{changes}");
    }
    for taken in [
        json!({"exp": now - 2}),
        json!({"nbf": now + 2}),
        json!({"aud": "saga-tracker"}),
    ] {
        is_taken(&api, &key.sign(&with(issuer.claims(), taken))).await;
    }
}

/// A token with this header and these claims, and whatever signature.
fn token(header: &Value, claims: &Value, signature: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{signature}", part(header), part(claims))
}

#[tokio::test]
async fn no_token_chooses_how_it_is_checked() {
    let (key, stranger) = (Key::elliptic("1"), Key::elliptic("1"));
    let rsa = Key::rsa("r");
    let secret = json!({"kty": "oct", "kid": "s", "k": URL_SAFE_NO_PAD.encode("known")});
    let issuer = TestIssuer::showing(&[]).await;
    let mut encrypting = Key::elliptic("x");
    let mut public = encrypting.public();
    public["use"] = json!("enc");
    issuer.show(vec![
        key.public(),
        rsa.public(),
        secret,
        public,
        json!({"kty": "new kind", "kid": "n"}),
    ]);
    let api = Api::open_to(issuer.access()).await;
    let claims = issuer.claims();
    is_taken(&api, &key.sign(&claims)).await;

    let good = key.sign(&claims);
    let (unsigned, signature) = good.rsplit_once('.').unwrap();
    let (header, _) = unsigned.split_once('.').unwrap();
    let hmac = |id: &str, secret: &[u8]| {
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(id.to_owned());
        encode(&header, &claims, &EncodingKey::from_secret(secret)).unwrap()
    };
    let public_text = key.public().to_string();
    let operator = URL_SAFE_NO_PAD.encode(with(claims.clone(), json!({"sub": "root"})).to_string());
    encrypting.id = "x".to_owned();
    let mut own_key = Header::new(Algorithm::ES256);
    own_key.jwk = serde_json::from_value(stranger.public()).ok();
    own_key.kid = Some("unheard of".to_owned());
    let mut critical = Header::new(Algorithm::ES256);
    critical.kid = Some("1".to_owned());
    critical.crit = Some(vec!["b64".to_owned()]);
    for (what, token) in [
        ("in need of an extension", key.sign_as(&critical, &claims)),
        (
            "not signed",
            token(&json!({"alg": "none", "kid": "1"}), &claims, ""),
        ),
        (
            "not signed, in capitals",
            token(&json!({"alg": "NONE", "kid": "1"}), &claims, ""),
        ),
        (
            "signed by the public key as a secret",
            hmac("1", public_text.as_bytes()),
        ),
        ("signed by a secret that is shown", hmac("s", b"known")),
        ("signed by another", stranger.sign(&claims)),
        (
            "signed by a key that it brings along",
            encode(&own_key, &claims, &stranger.private).unwrap(),
        ),
        (
            "another kind of key",
            token(&json!({"alg": "RS256", "kid": "1"}), &claims, signature),
        ),
        (
            "another curve",
            token(&json!({"alg": "ES384", "kid": "1"}), &claims, signature),
        ),
        (
            "another algorithm than the key's",
            Key {
                algorithm: Algorithm::PS256,
                ..rsa.clone()
            }
            .sign(&claims),
        ),
        ("a key that does not sign", encrypting.sign(&claims)),
        ("no signature", format!("{unsigned}.")),
        ("other claims", format!("{header}.{operator}.{signature}")),
    ] {
        let message = unauthorized(&api, &token).await;
        assert!(message.starts_with("the token "), "{what}: {message}");
    }
}

#[tokio::test]
async fn garbage_is_refused_and_nothing_of_it_is_repeated() {
    let key = Key::elliptic("1");
    let issuer = TestIssuer::showing(&[&key]).await;
    let api = Api::open_to(issuer.access()).await;
    let good = key.sign(&issuer.claims());
    let huge = key.sign(&with(issuer.claims(), json!({"groups": "x".repeat(20_000)})));
    let deep = format!("{}1{}", "[".repeat(2_000), "]".repeat(2_000));
    for token in [
        ".",
        "..",
        "...",
        "a.b.c",
        "e30.e30.e30",
        &format!("{good}x"),
        &format!("{good}.x"),
        &good[1..],
        &format!(
            "{}.{}.x",
            URL_SAFE_NO_PAD.encode(&deep),
            URL_SAFE_NO_PAD.encode(&deep)
        ),
        &huge,
    ] {
        let message = unauthorized(&api, token).await;
        assert!(
            message.len() < 100 && message.starts_with("the token "),
            "{message}"
        );
    }
    assert!(issuer.times_asked() <= 1);
}

#[tokio::test]
async fn a_new_key_is_learnt_when_it_first_signs_and_an_old_one_forgotten() {
    let (old, new) = (Key::elliptic("old"), Key::elliptic("new"));
    let issuer = TestIssuer::showing(&[&old]).await;
    let api = Api::open_to(issuer.access()).await;
    is_taken(&api, &old.sign(&issuer.claims())).await;
    issuer.show(vec![new.public()]);
    let started = std::time::Instant::now();
    crate::harness::eventually(async || {
        get_with(&api, PATH, &new.sign(&issuer.claims()))
            .await
            .status
            .as_u16()
            == 200
    })
    .await;
    assert!(
        unauthorized(&api, &old.sign(&issuer.claims()))
            .await
            .starts_with("the token ")
    );
    let most = 2 + usize::try_from(started.elapsed().as_secs() / 10).unwrap();
    assert!(
        issuer.times_asked() <= most,
        "asked {} times",
        issuer.times_asked()
    );
}

#[tokio::test]
async fn keys_that_nobody_has_do_not_make_the_issuer_be_asked_for_each() {
    let key = Key::elliptic("1");
    let issuer = TestIssuer::showing(&[&key]).await;
    let api = Api::open_to(issuer.access()).await;
    is_taken(&api, &key.sign(&issuer.claims())).await;
    let started = std::time::Instant::now();
    for n in 0..100 {
        let unknown = Key {
            id: format!("made up {n}"),
            ..key.clone()
        };
        unauthorized(&api, &unknown.sign(&issuer.claims())).await;
    }
    let most = 1 + usize::try_from(started.elapsed().as_secs() / 10 + 1).unwrap();
    assert!(
        issuer.times_asked() <= most,
        "asked {} times",
        issuer.times_asked()
    );
}

#[tokio::test]
async fn while_the_issuer_is_unavailable_its_known_keys_count() {
    let key = Key::elliptic("1");
    let issuer = TestIssuer::showing(&[&key]).await;
    let api = Api::open_to(issuer.access()).await;
    is_taken(&api, &key.sign(&issuer.claims())).await;
    issuer.is_away(true);
    is_taken(&api, &key.sign(&issuer.claims())).await;
    unauthorized(&api, &Key::elliptic("2").sign(&issuer.claims())).await;
}

#[tokio::test]
async fn while_no_key_was_ever_fetched_callers_are_asked_to_retry() {
    let key = Key::elliptic("1");
    let issuer = TestIssuer::showing(&[&key]).await;
    issuer.is_away(true);
    let api = Api::open_to(issuer.access()).await;
    let answer = get_with(&api, PATH, &key.sign(&issuer.claims())).await;
    answer.is_error(503, "SERVICE_UNAVAILABLE", PATH);
    assert_eq!(answer.header("retry-after"), "2");
    is_taken(&api, "board's").await;
}

#[tokio::test]
async fn a_claim_binds_the_rights_of_a_token_to_saga_types() {
    let key = Key::elliptic("1");
    let issuer = TestIssuer::showing(&[&key]).await;
    let api = Api::open_to(issuer.access()).await;
    api.record(completed("order", 0)).await;
    let refund = completed("refund", 0)
        .into_iter()
        .map(|event| event.of_type("REFUND"));
    api.record(refund).await;
    let ids = async |types: Value| {
        let token = key.sign(&with(issuer.claims(), json!({"saga_types": types})));
        let answer = get_with(&api, "/api/v1/sagas?sort=startedAt,asc", &token).await;
        let content = answer.json()["content"].clone();
        let ids = content.as_array().cloned().unwrap_or_default();
        let ids = ids
            .iter()
            .map(|saga| saga["sagaId"].as_str().unwrap_or_default().to_owned());
        ids.collect::<Vec<_>>()
    };
    // Without the claim a token is for all types.
    assert_eq!(ids(Value::Null).await, ["order", "refund"]);
    assert_eq!(ids(json!(["REFUND"])).await, ["refund"]);
    assert_eq!(ids(json!("REFUND ORDER_CREATION")).await, ["order", "refund"]);
    assert_eq!(ids(json!([])).await, [""; 0]);
    for odd in [
        json!(7),
        json!({"REFUND": true}),
        json!(["REFUND", 7]),
        json!([""]),
    ] {
        let token = key.sign(&with(issuer.claims(), json!({"saga_types": odd})));
        let answer = get_with(&api, PATH, &token).await;
        let error = answer.is_error(403, "FORBIDDEN", PATH);
        assert_eq!(
            error["message"],
            r#"the token of "dana" does not say which saga types it is for"#
        );
    }
    api.get("/metrics")
        .await
        .is_error(401, "UNAUTHORIZED", "/metrics");
}

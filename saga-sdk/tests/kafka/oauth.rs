//! OAUTHBEARER with tokens of the program's, on a listener of real Kafka that takes unsigned ones.
#![cfg(any(feature = "ssl", feature = "ssl-vendored"))]

use std::{
    env,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, SystemTime},
};

use saga_sdk::{OAuthToken, PublishMode, SagaConfig, SagaType, SecurityProtocol, steps};

use crate::support::{CLOSE, Topic};

fn config(topic: &Topic) -> SagaConfig {
    let servers = env::var("SAGA_TEST_KAFKA_OAUTH").expect("scripts/parts gives Kafka a listener for it");
    let mut config = topic.config().bootstrap_servers(servers);
    config.security.protocol = SecurityProtocol::SaslPlaintext;
    config.security.sasl_mechanism = Some("OAUTHBEARER".to_owned());
    config
}

/// A token that is not signed: `{"alg":"none"}`, and the claims that Kafka asks for.
fn unsigned(lifetime: Duration) -> OAuthToken {
    let seconds = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let now = SystemTime::now();
    let claims = format!(
        r#"{{"sub":"order-service","iat":{},"exp":{}}}"#,
        seconds(now),
        seconds(now + lifetime)
    );
    let token = format!("eyJhbGciOiJub25lIn0.{}.", base64_url(claims.as_bytes()));
    OAuthToken::new(token, "order-service", now + lifetime)
}

fn base64_url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let number = chunk
            .iter()
            .fold(0u32, |number, byte| (number << 8) | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for digit in 0..=chunk.len() {
            let six_bits = (number >> (18 - 6 * digit)) & 63;
            text.push(char::from(DIGITS[six_bits as usize]));
        }
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_the_program_lets_the_service_in() {
    let topic = Topic::create().await;
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let config = config(&topic)
        .mode(PublishMode::Synchronous)
        .oauth_token(move || {
            // The first request fails, as when the cloud does not answer.
            match counted.fetch_add(1, Ordering::Relaxed) {
                0 => Err("the identity provider does not respond".into()),
                _ => Ok(unsigned(Duration::from_secs(3_600))),
            }
        });
    let mut config = config;
    config.sync_timeout = Duration::from_secs(60);
    let tracker = saga_sdk::connect(&config).unwrap();
    let saga = tracker.order("order-1").saga(SagaType::ORDER_CREATION, "saga-1");
    saga.start(steps::ORDER_CREATED).record().await.unwrap();
    assert!(calls.load(Ordering::Relaxed) >= 2);
    assert!(tracker.close(CLOSE).await.is_complete());

    let found = tokio::task::spawn_blocking(move || {
        let config = config.oauth_token(|| Ok(unsigned(Duration::from_secs(3_600))));
        saga_sdk::doctor(&config).to_string()
    });
    let found = found.await.unwrap();
    assert!(!found.contains("no broker responds"), "{found}");
}

#[tokio::test]
async fn without_tokens_connect_says_what_is_missing() {
    let topic = Topic::create().await;
    let error = saga_sdk::connect(&config(&topic)).err().unwrap();
    assert_eq!(
        error.to_string(),
        "platform.saga.security.saslMechanism: OAUTHBEARER needs tokens: give SagaConfig::oauth_token a function that gets them"
    );
}

//! An OpenID Connect issuer on loopback, with keys of its own.

use std::{
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp, jwk::Jwk};
use rcgen::KeyPair;
use saga_web::auth::{
    Access, Role,
    oidc::{ClaimsConfig, Issuer, OidcConfig, SagaTypesClaim},
};
use serde_json::{Value, json};

use crate::harness::token;

/// A key, and the name that the issuer gives it.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) algorithm: Algorithm,
    pub(crate) private: EncodingKey,
}

impl Key {
    /// An elliptic one, for ES256.
    pub(crate) fn elliptic(id: &str) -> Self {
        let pair = KeyPair::generate().unwrap();
        Self::of(
            id,
            Algorithm::ES256,
            EncodingKey::from_ec_der(pair.serialized_der()),
        )
    }

    /// For EdDSA.
    pub(crate) fn edwards(id: &str) -> Self {
        let private = EncodingKey::from_ed_pem(&openssl_key(&["ED25519"])).unwrap();
        Self::of(id, Algorithm::EdDSA, private)
    }

    /// For RS256 and its kin.
    pub(crate) fn rsa(id: &str) -> Self {
        let made = openssl_key(&["RSA", "-pkeyopt", "rsa_keygen_bits:2048"]);
        Self::of(id, Algorithm::RS256, EncodingKey::from_rsa_pem(&made).unwrap())
    }

    fn of(id: &str, algorithm: Algorithm, private: EncodingKey) -> Self {
        Self {
            id: id.to_owned(),
            algorithm,
            private,
        }
    }

    /// As the issuer shows it to everybody.
    pub(crate) fn public(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.private, self.algorithm).unwrap();
        jwk.common.key_id = Some(self.id.clone());
        serde_json::to_value(jwk).unwrap()
    }

    /// A token with these claims, as its header says it is signed.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(self.algorithm);
        header.kid = Some(self.id.clone());
        self.sign_as(&header, claims)
    }

    /// A token with this header.
    pub(crate) fn sign_as(&self, header: &Header, claims: &Value) -> String {
        encode(header, claims, &self.private).unwrap()
    }
}

/// A private key (PEM) of a kind that no library of the tests makes.
fn openssl_key(kind: &[&str]) -> Vec<u8> {
    Command::new("openssl")
        .args(["genpkey", "-algorithm"])
        .args(kind)
        .output()
        .expect("the command openssl is installed (Debian: apt-get install openssl)")
        .stdout
}

/// What the issuer shows, and how often it was asked for it.
#[derive(Default)]
struct Shown {
    keys: Mutex<Vec<Value>>,
    is_away: AtomicBool,
    asked: AtomicUsize,
}

pub(crate) struct TestIssuer {
    pub(crate) url: String,
    shown: Arc<Shown>,
}

impl TestIssuer {
    pub(crate) async fn showing(keys: &[&Key]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let issuer = Self {
            url: url.clone(),
            shown: Arc::default(),
        };
        issuer.show(keys.iter().map(|key| key.public()).collect());
        let discovery = json!({"issuer": url, "jwks_uri": format!("{url}/keys")});
        let router = Router::new()
            .route(
                "/.well-known/openid-configuration",
                get(|| async { Json(discovery) }),
            )
            .route("/keys", get(keys_shown))
            .with_state(issuer.shown.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        issuer
    }

    /// From now on these, and no others.
    pub(crate) fn show(&self, keys: Vec<Value>) {
        *self.shown.keys.lock().unwrap() = keys;
    }

    pub(crate) fn is_away(&self, is_away: bool) {
        self.shown.is_away.store(is_away, Ordering::SeqCst);
    }

    pub(crate) fn times_asked(&self) -> usize {
        self.shown.asked.load(Ordering::SeqCst)
    }

    /// Claims that are taken, of an operator called `dana`.
    pub(crate) fn claims(&self) -> Value {
        let now = get_current_timestamp();
        json!({
            "iss": self.url, "aud": ["other", "saga-tracker"], "sub": "4711", "preferred_username": "dana",
            "iat": now, "nbf": now, "exp": now + 60, "realm_access": {"roles": ["saga-operator"]},
        })
    }

    /// For the holders of its tokens, and of the token `board's` (viewer).
    pub(crate) fn access(&self) -> Access {
        let issuer = Issuer::new(OidcConfig {
            issuer: self.url.clone(),
            audience: "saga-tracker".to_owned(),
            jwks_uri: None,
            ca_file: None,
            leeway: Duration::from_secs(5),
            claims: ClaimsConfig {
                name: "preferred_username".to_owned(),
                roles: "realm_access.roles".to_owned(),
                viewer_role: "saga-viewer".to_owned(),
                operator_role: "saga-operator".to_owned(),
                recorder_role: "saga-recorder".to_owned(),
                services: Some("services".to_owned()),
                saga_types: Some(SagaTypesClaim {
                    claim: "saga_types".to_owned(),
                    is_required: false,
                }),
            },
        });
        Access::Issued {
            issuer: issuer.unwrap().into(),
            tokens: vec![token("board", Role::Viewer, saga_store::Scope::All)],
        }
    }
}

async fn keys_shown(State(shown): State<Arc<Shown>>) -> (StatusCode, Json<Value>) {
    shown.asked.fetch_add(1, Ordering::SeqCst);
    if shown.is_away.load(Ordering::SeqCst) {
        return (StatusCode::SERVICE_UNAVAILABLE, Json(Value::Null));
    }
    let keys = shown.keys.lock().unwrap().clone();
    (StatusCode::OK, Json(json!({ "keys": keys })))
}

//! From what a true token says to a caller.

use saga_store::Scope;
use saga_types::{MAX_NAME_CHARS, SagaType, Timestamp};
use serde_json::{Map, Value};

use super::{ClaimsConfig, Refusal, SagaTypesClaim};
use crate::auth::{ANONYMOUS, Caller, MAX_SERVICES, MAX_TYPES, Role, Services};

impl ClaimsConfig {
    pub(super) fn caller(&self, claims: &Map<String, Value>) -> Result<Caller, Refusal> {
        let name = [self.name.as_str(), "sub"]
            .into_iter()
            .find_map(|claim| claims.get(claim)?.as_str().filter(|name| is_name(name)))
            .ok_or(Refusal::Untrue("the token does not name its holder"))?;
        let roles = roles(claims, &self.roles);
        let role = [
            (&self.operator_role, Role::Operator),
            (&self.viewer_role, Role::Viewer),
            (&self.recorder_role, Role::Recorder),
        ]
        .into_iter()
        .find(|(wanted, _)| roles.contains(&wanted.as_str()));
        match role {
            Some((_, role)) => {
                let expires = claims.get("exp").and_then(seconds);
                let scope = self.scope(claims);
                let scope = scope.ok_or_else(|| Refusal::NoTypes(name.to_owned()))?;
                Ok(Caller::of_token(name.to_owned(), role, scope, expires)
                    .for_services(self.services(claims)))
            }
            None => Err(Refusal::NoRole(name.to_owned())),
        }
    }

    /// Whose events a token may record: nobody's when it does not say so and should.
    fn services(&self, claims: &Map<String, Value>) -> Services {
        match &self.services {
            None => Services::All,
            Some(claim) => Services::of(
                roles(claims, claim)
                    .into_iter()
                    .take(MAX_SERVICES)
                    .map(str::to_owned),
            ),
        }
    }

    /// Which saga types a token is for. None when it must say so and does not, or says it in a form that is not understood.
    fn scope(&self, claims: &Map<String, Value>) -> Option<Scope> {
        let Some(SagaTypesClaim { claim, is_required }) = &self.saga_types else {
            return Some(Scope::All);
        };
        let names: Vec<&str> = match at(claims, claim) {
            None if *is_required => return None,
            None => return Some(Scope::All),
            Some(Value::Array(names)) => names.iter().map(Value::as_str).collect::<Option<_>>()?,
            Some(Value::String(names)) => names.split_whitespace().collect(),
            Some(_) => return None,
        };
        if names.len() > MAX_TYPES {
            return None;
        }
        let types = names
            .into_iter()
            .map(|name| SagaType::try_from(name.to_owned()).ok());
        types.collect::<Option<Vec<_>>>().map(Scope::of)
    }
}

/// A claim that is a time, in seconds since 1970, whole or not.
fn seconds(claim: &Value) -> Option<Timestamp> {
    let seconds = claim.as_f64()?.floor();
    Timestamp::from_millis(format!("{seconds:.0}").parse::<i64>().ok()?.checked_mul(1000)?).ok()
}

/// It will stand in the history of sagas.
fn is_name(name: &str) -> bool {
    (1..=MAX_NAME_CHARS).contains(&name.chars().count())
        && !name.chars().any(char::is_control)
        && name != ANONYMOUS
}

/// A list of texts, or one text with spaces between, as scopes are written.
fn roles<'a>(claims: &'a Map<String, Value>, path: &str) -> Vec<&'a str> {
    match at(claims, path) {
        Some(Value::Array(roles)) => roles.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(roles)) => roles.split_whitespace().collect(),
        _ => Vec::new(),
    }
}

/// Names may hold dots themselves, so the whole is tried as a name first.
fn at<'a>(claims: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(path) {
        return Some(value);
    }
    let (name, rest) = path.split_once('.')?;
    at(claims.get(name)?.as_object()?, rest)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn caller(claims: &Value, roles: &str) -> Result<Caller, Refusal> {
        let config = ClaimsConfig {
            name: "preferred_username".to_owned(),
            roles: roles.to_owned(),
            viewer_role: "look".to_owned(),
            operator_role: "act".to_owned(),
            recorder_role: "record".to_owned(),
            saga_types: None,
            services: Some("services".to_owned()),
        };
        config.caller(claims.as_object().unwrap_or(&Map::new()))
    }

    #[test]
    fn the_higher_role_counts_wherever_roles_stand() {
        for (claims, path, role) in [
            (
                json!({"sub": "a", "roles": ["look", "act"]}),
                "roles",
                Role::Operator,
            ),
            (
                json!({"sub": "a", "realm_access": {"roles": ["look"]}}),
                "realm_access.roles",
                Role::Viewer,
            ),
            (json!({"sub": "a", "scope": "openid look"}), "scope", Role::Viewer),
            (
                json!({"sub": "a", "https://x.example/roles": ["act"]}),
                "https://x.example/roles",
                Role::Operator,
            ),
        ] {
            assert_eq!(
                caller(&claims, path).map(|caller| caller.role),
                Ok(role),
                "{claims}"
            );
        }
    }

    #[test]
    fn nothing_else_gives_a_role() {
        for roles in [
            json!(null),
            json!([]),
            json!(["ACT", " act", "actor"]),
            json!({"act": true}),
            json!(["x", 1]),
        ] {
            let claims = json!({"sub": "a", "roles": roles});
            assert_eq!(
                caller(&claims, "roles"),
                Err(Refusal::NoRole("a".to_owned())),
                "{claims}"
            );
        }
        assert!(caller(&json!({"sub": "a", "x": 1}), "x.y.z").is_err());
    }

    #[test]
    fn a_claim_says_whose_events_a_token_may_record() {
        let services = |claims: Value| caller(&claims, "roles").map(|caller| (caller.role, caller.services));
        let named = json!({"sub": "a", "roles": ["record"], "services": ["order-service"]});
        let one = Services::of(["order-service".to_owned()]);
        assert_eq!(services(named), Ok((Role::Recorder, one)));
        let silent = json!({"sub": "a", "roles": ["record"]});
        assert_eq!(services(silent), Ok((Role::Recorder, Services::of([]))));
        let both = json!({"sub": "a", "roles": ["record", "look"]});
        assert_eq!(services(both).map(|(role, _)| role), Ok(Role::Viewer));
    }

    #[test]
    fn a_claim_says_which_saga_types_a_token_is_for() {
        let scope = |claims: Value, is_required| {
            let config = ClaimsConfig {
                name: "sub".to_owned(),
                roles: "roles".to_owned(),
                viewer_role: "look".to_owned(),
                operator_role: "act".to_owned(),
                recorder_role: "record".to_owned(),
                services: None,
                saga_types: Some(SagaTypesClaim {
                    claim: "tracker.types".to_owned(),
                    is_required,
                }),
            };
            let mut all = json!({"sub": "a", "roles": ["look"]});
            all["tracker"] = claims;
            let caller = config.caller(all.as_object().unwrap_or(&Map::new()));
            caller.map(|caller| caller.scope)
        };
        let refused = || Err(Refusal::NoTypes("a".to_owned()));
        let two = Scope::of([SagaType::REFUND, SagaType::ORDER_CREATION]);
        assert_eq!(
            scope(json!({"types": ["REFUND", "ORDER_CREATION"]}), true),
            Ok(two.clone())
        );
        assert_eq!(scope(json!({"types": " ORDER_CREATION  REFUND"}), false), Ok(two));
        assert_eq!(scope(json!({"types": []}), false), Ok(Scope::of([])));
        assert_eq!(scope(json!({}), false), Ok(Scope::All));
        assert_eq!(scope(json!({}), true), refused());
        let many: Vec<String> = (0..=MAX_TYPES).map(|number| format!("TYPE_{number}")).collect();
        for types in [
            json!(null),
            json!(7),
            json!(true),
            json!({"REFUND": true}),
            json!(["REFUND", 7]),
            json!([""]),
            json!(many),
        ] {
            assert_eq!(
                scope(json!({"types": types.clone()}), false),
                refused(),
                "{types}"
            );
        }
    }

    #[test]
    fn the_name_is_one_that_history_can_hold() {
        let name = |name: Value| {
            let claims = json!({"sub": "subject", "preferred_username": name, "roles": ["look"]});
            caller(&claims, "roles").map(|caller| caller.name)
        };
        assert_eq!(name(json!("dana")), Ok("dana".to_owned()));
        for other in [
            json!(null),
            json!(""),
            json!(7),
            json!("a\nb"),
            json!("anonymous"),
            json!("x".repeat(101)),
        ] {
            assert_eq!(name(other), Ok("subject".to_owned()));
        }
        let unnamed = json!({"sub": "anonymous", "roles": ["act"]});
        assert!(matches!(caller(&unnamed, "roles"), Err(Refusal::Untrue(_))));
    }
}

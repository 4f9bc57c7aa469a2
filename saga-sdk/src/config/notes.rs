//! What in a configuration is not read, and was probably meant to be.

use serde_json::Value;

use super::{KEYS, spelling::nearest, tree::PREFIX};

/// Which profiles are active; the first variable that is set counts.
pub(super) const PROFILE_VARIABLES: [&str; 2] = ["PLATFORM_PROFILE", "SPRING_PROFILES_ACTIVE"];

/// A profile without a file, where others have one.
pub(super) fn unknown_profiles(profiles: &[String], known: &[String]) -> Vec<String> {
    let missing = profiles.iter().filter(|profile| !known.contains(profile));
    let note = |profile: &String| {
        let meant = nearest(profile, known.iter().map(String::as_str));
        let meant = meant.map_or_else(String::new, |meant| format!(", did you mean {meant:?}?"));
        format!(
            "the profile {profile:?} has no file application-{profile}.yml, there are {}{meant}",
            known.join(", ")
        )
    };
    missing.filter(|_| !known.is_empty()).map(note).collect()
}

/// Variables that begin like ours or look like one of them, and are none.
pub(super) fn unknown_variables(names: Vec<String>) -> Vec<String> {
    let known: Vec<&str> = KEYS.iter().map(|key| key.variable).collect();
    let known = || {
        known
            .iter()
            .copied()
            .chain(PROFILE_VARIABLES)
            .filter(|name| !name.is_empty())
    };
    let note = |name: String| match nearest(&name, known()) {
        Some(meant) => Some(format!("the variable {name} is not read, did you mean {meant}?")),
        None if name.starts_with("PLATFORM_SAGA_") && !known().any(|known| known == name) => {
            Some(format!("the variable {name} is not read: there is no such key"))
        }
        None => None,
    };
    let mut notes: Vec<_> = names.into_iter().filter_map(note).collect();
    notes.sort();
    notes
}

/// Keys that are probably meant to lead to ours.
pub(super) fn misspelt_keys(tree: &Value, origin: &str) -> Vec<String> {
    let keys = |tree: Option<&Value>| -> Vec<String> {
        let map = tree.and_then(Value::as_object);
        map.into_iter().flatten().map(|(key, _)| key.clone()).collect()
    };
    let [platform, saga] = PREFIX;
    let of_top = keys(Some(tree)).into_iter().map(|key| (key, platform));
    let below = keys(tree.get(platform)).into_iter().map(|key| (key, saga));
    let misspelt = of_top
        .chain(below)
        .filter(|(key, meant)| nearest(key, [*meant]).is_some());
    misspelt
        .map(|(key, meant)| format!("{origin}: the key {key:?} is not read, did you mean {meant:?}?"))
        .collect()
}

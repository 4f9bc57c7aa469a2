//! The TLS parameters of the database's URL, checked before anything connects.

use std::path::Path;

use reqwest::Url;

/// The modes in which the database must prove who it is.
const VERIFYING: [&str; 2] = ["verify-ca", "verify-full"];

/// Names of the parameters as the driver takes them.
const MODE: [&str; 2] = ["sslmode", "ssl-mode"];
const ROOT: [&str; 3] = ["sslrootcert", "ssl-root-cert", "ssl-ca"];
const CERTIFICATE: [&str; 2] = ["sslcert", "ssl-cert"];
const KEY: [&str; 2] = ["sslkey", "ssl-key"];

/// Files must be there; and a root certificate must be of use: in the other modes the driver takes any certificate.
pub(super) fn check_tls(url: &str) -> Result<(), String> {
    // The driver refuses what is malformed, and the path of a file has no parameters.
    let Some(url) = Url::parse(url).ok().filter(|url| url.scheme() != "sqlite") else {
        return Ok(());
    };
    let given = |names: &[&str]| {
        let mut pairs = url.query_pairs();
        pairs
            .find(|(name, _)| names.contains(&name.as_ref()))
            .map(|(_, value)| value.into_owned())
    };
    for names in [&ROOT[..], &CERTIFICATE, &KEY] {
        let file = given(names).filter(|file| !is_pem(file) && !Path::new(file).is_file());
        if let Some(file) = file {
            return Err(format!("{}: {file} is not a file", names[0]));
        }
    }
    let mode = given(&MODE).unwrap_or_default();
    if given(&ROOT).is_some() && !VERIFYING.contains(&mode.as_str()) {
        return Err("sslrootcert is of use only with sslmode=verify-full (or verify-ca)".to_owned());
    }
    if given(&CERTIFICATE).is_some() != given(&KEY).is_some() {
        return Err("sslcert and sslkey must be given together".to_owned());
    }
    Ok(())
}

/// The driver takes the certificate itself in place of its file.
fn is_pem(text: &str) -> bool {
    text.trim_start().starts_with("-----BEGIN")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_certificate_that_would_not_be_looked_at_is_refused() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        for mode in ["", "&sslmode=require", "&sslmode=prefer"] {
            let refused = check_tls(&format!("postgres://u:p@db/n?sslrootcert={file}{mode}"));
            assert!(
                refused.is_err_and(|reason| reason.contains("verify-full")),
                "{mode}"
            );
        }
        for mode in VERIFYING {
            let url = format!("postgres://u:p@db/n?sslrootcert={file}&sslmode={mode}");
            assert_eq!(check_tls(&url), Ok(()));
        }
        assert_eq!(check_tls("postgres://u:p@db/n"), Ok(()));
        assert_eq!(check_tls("sqlite:some/where.db?sslrootcert=x"), Ok(()));
    }

    #[test]
    fn files_must_be_there_and_in_pairs() {
        let refused = check_tls("postgres://u:p@db/n?sslmode=verify-full&sslrootcert=/nowhere.pem");
        assert_eq!(refused, Err("sslrootcert: /nowhere.pem is not a file".to_owned()));
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        assert!(check_tls(&format!("postgres://u:p@db/n?sslcert={file}")).is_err());
    }
}

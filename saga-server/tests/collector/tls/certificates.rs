//! An authority, and the certificates it makes, for one test run.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair,
    date_time_ymd,
};

/// The only address that the servers' certificate is for.
pub(crate) const SERVER: &str = "127.0.0.1";

/// A folder with everything that servers and clients need, as PEM files.
pub(crate) struct Certificates {
    folder: tempfile::TempDir,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Certificates {
    /// Makes `ca`, `server`, and the client `by_certificate`; `stranger`, an authority that knows none of them; and
    /// `expired`, the authority as it was long ago.
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let expired = in_the_past(authority("authority")).self_signed(&key).unwrap();
        let made = Self {
            folder: tempfile::tempdir().unwrap(),
            authority: CertifiedIssuer::self_signed(authority("authority"), key).unwrap(),
        };
        let stranger = authority("stranger").self_signed(&KeyPair::generate().unwrap());
        made.write("ca.pem", &made.authority.pem());
        made.write("stranger.pem", &stranger.unwrap().pem());
        made.write("expired.pem", &expired.pem());
        made.issue("server", named("server", &[SERVER]));
        made.issue("by_certificate", named("by_certificate", &[]));
        made
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// The certificate that the servers have, for their key, but of long ago.
    pub(crate) fn expired_server(&self) -> String {
        let key = KeyPair::from_pem(&std::fs::read_to_string(self.file("server.key")).unwrap()).unwrap();
        let params = in_the_past(named("server", &[SERVER]));
        params.signed_by(&key, &self.authority).unwrap().pem()
    }

    fn issue(&self, name: &str, params: CertificateParams) {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.authority).unwrap();
        self.write(&format!("{name}.pem"), &certificate.pem());
        self.write(&format!("{name}.key"), &key.serialize_pem());
    }

    fn write(&self, name: &str, pem: &str) {
        std::fs::write(self.file(name), pem).unwrap();
    }
}

fn named(name: &str, addresses: &[&str]) -> CertificateParams {
    let addresses: Vec<String> = addresses.iter().map(|address| (*address).to_owned()).collect();
    let mut params = CertificateParams::new(addresses).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn authority(name: &str) -> CertificateParams {
    let mut params = named(name, &[]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn in_the_past(mut params: CertificateParams) -> CertificateParams {
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2020, 12, 31);
    params
}

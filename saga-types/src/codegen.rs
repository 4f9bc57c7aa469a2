//! Constants of saga types and steps from definition files, for a program's `build.rs`: a step that no definition knows does
//! not compile then.
//!
//! ```no_run
//! // build.rs
//! fn main() -> Result<(), saga_types::codegen::CodegenError> {
//!     saga_types::codegen::write("definitions")
//! }
//! ```
//!
//! The program has them by `mod sagas { include!(concat!(env!("OUT_DIR"), "/sagas.rs")); }`, as an enum of each type:
//! `sagas::Loyalty::POINTS_GRANTED` is a `saga_sdk::StepOf<sagas::Loyalty>`.

use std::{collections::BTreeMap, env, fmt::Write as _, fs, io, path::Path};

use thiserror::Error;

use crate::definition::{Definitions, LoadError, SagaDefinition};

/// Why no code was generated.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CodegenError {
    /// A file is not a definition.
    #[error(transparent)]
    Definition(#[from] LoadError),
    /// The folder defines no saga type.
    #[error("{0} has no definition: name the folder with the files, relative to Cargo.toml")]
    Empty(String),
    /// Two saga types have one name in Rust.
    #[error("saga types {first} and {second} are both called {name} in Rust: rename one")]
    Clash {
        /// The name in Rust.
        name: String,
        /// The one saga type.
        first: String,
        /// The other saga type.
        second: String,
    },
    /// It does not run in a build script.
    #[error("OUT_DIR is not set: call it in build.rs")]
    NoBuildScript,
    /// The file was not written.
    #[error("{path} cannot be written: {error}")]
    Write {
        /// The file.
        path: String,
        /// Why.
        error: io::Error,
    },
}

/// Writes `sagas.rs` into `OUT_DIR`, from the definitions in a folder, and has Cargo do so again when they change.
///
/// # Errors
///
/// [`CodegenError`], with file and line of what is wrong.
pub fn write(folder: impl AsRef<Path>) -> Result<(), CodegenError> {
    let folder = folder.as_ref();
    println!("cargo::rerun-if-changed={}", folder.display());
    let out = env::var_os("OUT_DIR").ok_or(CodegenError::NoBuildScript)?;
    let mut definitions = Definitions::none();
    definitions.load_dir(folder)?;
    let code = code_of(&definitions)?;
    if code.is_empty() {
        return Err(CodegenError::Empty(folder.display().to_string()));
    }
    let path = Path::new(&out).join("sagas.rs");
    fs::write(&path, code).map_err(|error| CodegenError::Write {
        path: path.display().to_string(),
        error,
    })
}

/// The code, for those who write it elsewhere. A type with several definitions has the steps of all.
///
/// # Errors
///
/// [`CodegenError::Clash`] when two saga types have one name in Rust.
pub fn code_of(definitions: &Definitions) -> Result<String, CodegenError> {
    let mut types: BTreeMap<String, Vec<&SagaDefinition>> = BTreeMap::new();
    for definition in definitions.iter() {
        let same = types
            .entry(camel_case(definition.saga_type.as_str()))
            .or_default();
        if let Some(first) = same
            .first()
            .filter(|first| first.saga_type != definition.saga_type)
        {
            return Err(CodegenError::Clash {
                name: camel_case(definition.saga_type.as_str()),
                first: first.saga_type.to_string(),
                second: definition.saga_type.to_string(),
            });
        }
        same.push(definition);
    }
    Ok(types
        .iter()
        .map(|(name, definitions)| code_of_type(name, definitions))
        .collect())
}

fn code_of_type(name: &str, definitions: &[&SagaDefinition]) -> String {
    let saga_type = &definitions[0].saga_type;
    let mut steps = BTreeMap::new();
    for definition in definitions {
        for step in definition.steps() {
            let owner = definition.owner(step).map(|owner| format!(", by {owner}"));
            steps.entry(step.as_str()).or_insert(owner.unwrap_or_default());
        }
    }
    let mut constants = String::new();
    for (step, owner) in &steps {
        let _ = writeln!(
            constants,
            "    /// `{step}`{owner}.\n    pub const {step}: ::saga_sdk::StepOf<Self> = ::saga_sdk::StepOf::new(\"{step}\");"
        );
    }
    // Names all, so that a service that records some of the steps is not warned of the others.
    let all: Vec<String> = steps.keys().map(|step| format!("Self::{step}.name()")).collect();
    let all = all.join(", ");
    format!(
        "/// The saga type `{saga_type}`.\n#[derive(Debug)]\npub enum {name} {{}}\n\n\
         impl ::saga_sdk::DefinedSaga for {name} {{\n    \
         const TYPE: ::saga_sdk::SagaTypeName = ::saga_sdk::SagaTypeName::new(\"{saga_type}\");\n    \
         const STEPS: &'static [::saga_sdk::StepName] = &[{all}];\n}}\n\nimpl {name} {{\n{constants}}}\n\n"
    )
}

/// `LOYALTY_SIGN_UP` is called `LoyaltySignUp`.
fn camel_case(name: &str) -> String {
    let word = |word: &str| word[..1].to_owned() + &word[1..].to_ascii_lowercase();
    let name: String = name
        .split('_')
        .filter(|word| !word.is_empty())
        .map(word)
        .collect();
    match name.as_str() {
        "Self" => "SelfSaga".to_owned(),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definitions(yaml: &[&str]) -> Definitions {
        let mut definitions = Definitions::none();
        for yaml in yaml {
            definitions.insert(SagaDefinition::from_yaml(yaml).unwrap());
        }
        definitions
    }

    const LOYALTY: &str = "
sagaType: LOYALTY_SIGN_UP
startsWith: [SIGNED_UP]
forward:
  - { step: SIGNED_UP, service: loyalty-service }
  - { step: POINTS_GRANTED, service: loyalty-service }
completesWith: [POINTS_GRANTED]
failsWith: [SIGN_UP_REFUSED]
";

    #[test]
    fn each_step_of_a_definition_is_a_constant() {
        let code = code_of(&definitions(&[LOYALTY])).unwrap();
        assert!(code.contains("pub enum LoyaltySignUp {}"), "{code}");
        for step in ["SIGNED_UP", "POINTS_GRANTED", "SIGN_UP_REFUSED"] {
            let constant =
                format!("pub const {step}: ::saga_sdk::StepOf<Self> = ::saga_sdk::StepOf::new(\"{step}\");");
            assert_eq!(code.matches(&constant).count(), 1, "{code}");
        }
        assert!(
            code.contains("/// `POINTS_GRANTED`, by loyalty-service."),
            "{code}"
        );
    }

    #[test]
    fn a_type_with_several_definitions_has_the_steps_of_all() {
        let later = LOYALTY
            .replace("SIGN_UP_REFUSED", "SIGN_UP_BLOCKED")
            .replace("startsWith", "validFrom: 2026-01-01\nstartsWith");
        let code = code_of(&definitions(&[LOYALTY, &later])).unwrap();
        assert_eq!(code.matches("pub enum").count(), 1, "{code}");
        for step in ["SIGN_UP_REFUSED", "SIGN_UP_BLOCKED"] {
            assert!(code.contains(&format!("pub const {step}:")), "{code}");
        }
    }

    #[test]
    fn types_with_one_name_in_rust_are_refused() {
        let second = LOYALTY.replace("LOYALTY_SIGN_UP", "A_1");
        let first = LOYALTY.replace("LOYALTY_SIGN_UP", "A1");
        let error = code_of(&definitions(&[&first, &second])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "saga types A1 and A_1 are both called A1 in Rust: rename one"
        );
    }

    #[test]
    fn the_name_of_a_type_is_no_keyword() {
        assert_eq!(camel_case("SELF"), "SelfSaga");
        assert_eq!(camel_case("TYPE"), "Type");
    }
}

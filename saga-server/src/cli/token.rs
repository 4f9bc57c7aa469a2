//! `token`: a fresh token, and what to write into the configuration for it.

use clap::Args;

use super::{CliError, output};
use crate::config::check_token;
use saga_types::SagaType;
use saga_web::auth::{Role, TokenHash, check_name, fresh_token};

#[derive(Debug, Args)]
pub(super) struct TokenArgs {
    /// Who will hold it; recorded as the actor of their changes
    #[arg(long, value_name = "NAME")]
    name: String,

    /// What they may do: viewer, operator or recorder
    #[arg(long, value_name = "ROLE", default_value_t = Role::Viewer)]
    role: Role,

    /// A saga type that they may see and change, and no others; may be repeated
    #[arg(long = "saga-type", value_name = "TYPE")]
    saga_types: Vec<SagaType>,

    /// A service whose events they may record, and no others; may be repeated
    #[arg(long = "service", value_name = "SERVICE")]
    services: Vec<String>,
}

impl TokenArgs {
    pub(super) fn run(self) -> Result<(), CliError> {
        let Self {
            name,
            role,
            saga_types,
            services,
        } = self;
        check_name(&name).map_err(|reason| CliError::usage(format_args!("--name: {reason}")))?;
        let token = fresh_token().map_err(CliError::failed)?;
        let hash = TokenHash::of(&token).to_hex();
        let types: Vec<&str> = saga_types.iter().map(SagaType::as_str).collect();
        if let Some(service) = services.iter().find(|name| name.contains([':', ';', ','])) {
            return Err(CliError::usage(format_args!(
                "--service: {service:?} cannot stand in an entry; write it as a list under services in the file"
            )));
        }
        let bounds = match (types.is_empty(), services.is_empty()) {
            (true, true) => String::new(),
            (_, true) => format!(":{}", types.join(",")),
            (_, false) => format!(":{}:{}", types.join(","), services.join(",")),
        };
        let entry = format!("{name}:{role}:{hash}{bounds}");
        check_token(&entry)
            .map_err(|reason| CliError::usage(format_args!("as an entry of auth.tokens {reason}")))?;
        output::print(&format!("token: {token}\nentry: {entry}\n"))
    }
}

//! `token`: a fresh token, and what to write into the configuration for it.

use clap::Args;

use super::{CliError, output};
use saga_types::SagaType;
use saga_web::auth::{Role, TokenHash, check_name, fresh_token};

#[derive(Debug, Args)]
pub(super) struct TokenArgs {
    /// Who will hold it; stands as the actor in what they change
    #[arg(long, value_name = "NAME")]
    name: String,

    /// What they may do: viewer or operator
    #[arg(long, value_name = "ROLE", default_value_t = Role::Viewer)]
    role: Role,

    /// A saga type that they may see and change, and no others; may be repeated
    #[arg(long = "saga-type", value_name = "TYPE")]
    saga_types: Vec<SagaType>,
}

impl TokenArgs {
    pub(super) fn run(self) -> Result<(), CliError> {
        let Self {
            name,
            role,
            saga_types,
        } = self;
        check_name(&name).map_err(|reason| CliError::usage(format_args!("--name: {reason}")))?;
        let token = fresh_token().map_err(CliError::failed)?;
        let hash = TokenHash::of(&token).to_hex();
        let types: Vec<&str> = saga_types.iter().map(SagaType::as_str).collect();
        let types = match types.is_empty() {
            true => String::new(),
            false => format!(":{}", types.join(",")),
        };
        output::print(&format!("token: {token}\nentry: {name}:{role}:{hash}{types}\n"))
    }
}

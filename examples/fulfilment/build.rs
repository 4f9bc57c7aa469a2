//! Constants of types and steps, from the definitions.

fn main() -> Result<(), saga_types::codegen::CodegenError> {
    saga_types::codegen::write("definitions")
}

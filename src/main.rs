//! The `hyperslab` program. Everything is in the library's `cli` module.

fn main() -> std::process::ExitCode {
    hyperslab::cli::main()
}

//! The contract from TOML to permit: an honest study passes, and each crime against it is refused by name.

#[cfg(test)]
mod authorise;
#[cfg(test)]
mod compile_fail;
#[cfg(test)]
mod compiled;
#[cfg(test)]
mod hardware;
#[cfg(test)]
mod manifest;
#[cfg(test)]
mod parse;
#[cfg(test)]
mod peers;
#[cfg(test)]
mod permit;
#[cfg(test)]
mod signed;
#[cfg(test)]
mod statement;
#[cfg(test)]
mod study;
#[cfg(test)]
mod template;
#[cfg(test)]
mod wasm;
#[cfg(test)]
mod wasm_run;

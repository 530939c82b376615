//! The `casemate` command as its users meet it: the built program, one process for each verb, nothing called inside.

#[cfg(test)]
mod admission;
#[cfg(test)]
mod again;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod bad_study;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod domain;
#[cfg(test)]
mod examples;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod hostile_machine;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod paper;
#[cfg(test)]
mod party;
#[cfg(test)]
mod plaintext;
#[cfg(test)]
mod programs;
#[cfg(test)]
mod retail;
#[cfg(test)]
mod runners;
#[cfg(test)]
mod signing;
#[cfg(test)]
mod strangers;
#[cfg(test)]
mod study;
#[cfg(test)]
mod verify;
#[cfg(test)]
mod walkthrough;

//! Why composite evidence is refused.

use crate::{Format, flaw::flaws, wire::WireError};

flaws! {
    /// Why `composite` evidence was refused by a step of its own. What a part is refused for, it is refused for by the rules of its
    /// format. Exhaustive, so that a new reason breaks every consumer at compile time.
    {
        /// There are too few parts, or too many.
        Count { actual: usize } at 1, "composite-count":
            "the evidence has {actual} parts", expected "the CPU's and 1 to 15 devices'", actual "{actual} parts",
            remedy "send the CPU's evidence by itself if there is no device";
        /// The bytes are not what the format says.
        /// Fault: whoever sent it. Remedy: get it again.
        Layout { error: WireError } at 1, "composite-layout":
            "the evidence is malformed: {error}", expected "bytes as docs/formats/evidence-composite.md has them", actual "{error}",
            remedy "get the evidence again from where it was made";
        /// A part is of a format that this version doesn't know.
        UnknownFormat { actual: String } at 1, "composite-format":
            "a part is of the unknown format `{actual}`", expected "a format known here", actual "format `{actual}`",
            remedy "update Casemate";
        /// The first part is nothing that a keep runs in.
        Cpu { actual: Format } at 2, "composite-cpu":
            "the first part is `{actual}` evidence, which no keep can live in", expected "a CPU's or a VM's evidence first",
            actual "`{actual}`", remedy "put the CPU's evidence first";
        /// A part after the first is no device's.
        Device { place: usize, actual: Format } at 3, "composite-device":
            "device {place} has `{actual}` evidence", expected "`gpu` or `tpm` evidence", actual "`{actual}`",
            remedy "send one CPU's evidence, then devices'";
        /// A device answered for something else than this CPU's report data.
        Nonce { place: usize, expected: String, actual: String } at 4, "composite-nonce":
            "device {place} was not asked for this CPU", expected "nonce {expected}", actual "nonce {actual}",
            remedy "ask the device with the nonce that follows from the CPU's report data; if that was done, the parts are of two machines or two requests";
        /// Two parts are of one device.
        Duplicate { place: usize, first: usize } at 5, "composite-duplicate":
            "devices {first} and {place} are the same device", expected "each device once", actual "one device twice",
            remedy "send each device's evidence once";
    }
}

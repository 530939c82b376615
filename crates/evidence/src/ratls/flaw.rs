//! Why an RA-TLS certificate is refused.

use crate::{ChainFlaw, flaw::flaws, wire::WireError};

flaws! {
    /// Why `ratls` evidence was refused by a step of its own. What the quote inside is refused for, it is refused for by the rules of
    /// `dcap`. Exhaustive, so that a new reason breaks every consumer at compile time.
    {
        /// The bytes are no certificate.
        /// Fault: whoever sent it. Remedy: get it again.
        Layout { error: WireError } at 1, "ratls-layout":
            "the certificate is malformed: {error}", expected "one X.509 version 3 certificate in DER", actual "{error}",
            remedy "get the certificate again from the TLS server, by itself";
        /// It is not valid, or says something critical that means nothing here.
        Certificate { flaw: ChainFlaw } at 2, "ratls-certificate":
            "the certificate does not hold: {flaw}", expected "a valid certificate without unknown critical extensions", actual "{flaw}",
            remedy "get a new certificate from its maker";
        /// It names an issuer of whom nothing is known here.
        Issuer { issuer: String } at 2, "ratls-issuer":
            "the certificate is not signed by its own key, and no given certificate is of its issuer `{issuer}`",
            expected "a self-signed certificate, or one whose issuer's certificate is given", actual "issuer `{issuer}`",
            remedy "give the issuer's certificate with the endorsements; its word is not believed, only that nothing was changed";
        /// It names itself as issuer and is not signed by its key.
        Signature { certificate: String } at 2, "ratls-signature":
            "certificate `{certificate}` is not signed by its own key", expected "a self-signed certificate whose signature verifies",
            actual "a signature by another key, or over other bytes", remedy "get the certificate again; if it stays so, it was changed";
        /// What is wrapped is malformed.
        Evidence { error: WireError } at 3, "ratls-evidence":
            "the evidence in the certificate is malformed: {error}", expected "a tagged array of quote and claims", actual "{error}",
            remedy "get the certificate again from its maker";
        /// There is no quote.
        NoQuote {} at 3, "ratls-no-quote":
            "the certificate has no quote in it", expected "an extension with a quote", actual "none that is known here",
            remedy "none: this is no RA-TLS certificate";
        /// What is wrapped is no quote.
        Tag { actual: String } at 3, "ratls-tag":
            "the evidence in the certificate is `{actual}`, not a quote", expected "tag 60000, a TEE's quote", actual "{actual}",
            remedy "have the attester put in a quote that can be verified away from its own machine";
        /// Bytes follow the quote.
        QuoteTrailing { left: usize } at 3, "ratls-quote-trailing":
            "{left} bytes follow the quote in the certificate", expected "a quote and nothing after it", actual "{left} bytes more",
            remedy "have the attester put in the quote alone";
        /// Two quotes are there, and they are not of one enclave.
        TwoQuotes { actual: &'static str } at 3, "ratls-two-quotes":
            "the certificate has {actual}: which of them a reader looks at is chance",
            expected "one quote, or an older scheme's of the same enclave and the same key besides", actual "{actual}",
            remedy "none: whoever made it shows different readers different enclaves";
        /// The claims are malformed.
        Claims { error: WireError } at 4, "ratls-claims":
            "the claims in the certificate are malformed: {error}", expected "a map of claims", actual "{error}",
            remedy "get the certificate again from its maker";
        /// The quote is not over these claims.
        ClaimsDigest { expected: String, actual: String } at 4, "ratls-claims-digest":
            "the quote was made for other claims: theirs hash to {actual}", expected "report data {expected}", actual "claims of SHA-256 {actual}",
            remedy "none: the claims were changed, or belong to another quote";
        /// The hash of the key is of an unknown function.
        HashAlgorithm { actual: u64 } at 4, "ratls-hash-algorithm":
            "the key's hash is of the unknown function {actual}", expected "1 (SHA-256), 7 (SHA-384) or 8 (SHA-512)", actual "{actual}",
            remedy "have the attester hash its key with SHA-256, SHA-384 or SHA-512";
        /// The quote was made for another key.
        KeyBinding { scheme: super::Scheme, expected: String, actual: String } at 4, "ratls-key-binding":
            "the quote was made for another key than the certificate's", expected "a quote for the key of hash {expected}, by scheme {scheme}",
            actual "a quote for {actual}", remedy "none: whoever presents this certificate took the quote from another";
        /// The claims name no key.
        NoKeyHash {} at 4, "ratls-no-key-hash":
            "the claims have no `pubkey-hash`", expected "the hash of the certificate's key", actual "none",
            remedy "have the attester bind the quote to its key";
        /// The second half of the report data is in use.
        ReportDataTail { actual: String } at 4, "ratls-report-data-tail":
            "the second half of the quote's report data is {actual}", expected "32 zero bytes", actual "{actual}",
            remedy "none: no scheme that is known here uses it";
    }
}

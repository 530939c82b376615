//! Attestations as go-tpm-tools writes them: protocol buffers, with a CPU's statement taken apart into fields.
//!
//! Sources: `proto/attest.proto` of github.com/google/go-tpm-tools, `proto/sevsnp.proto` of github.com/google/go-sev-guest,
//! `proto/tdx.proto` of github.com/google/go-tdx-guest.

use super::tpm::Evidence;

/// A message in the making: fields in the order in which they are written.
#[derive(Clone, Debug, Default)]
pub struct Message(pub Vec<(u64, Vec<u8>)>);

impl Message {
    /// This with a field of bytes, or a message.
    #[must_use]
    pub fn bytes(mut self, number: u64, bytes: &[u8]) -> Self {
        self.0.push((number, [varint(number << 3 | 2), varint(bytes.len() as u64), bytes.to_vec()].concat()));
        self
    }

    /// This with a number, which isn't written if it is zero.
    #[must_use]
    pub fn number(mut self, number: u64, value: u64) -> Self {
        if value != 0 {
            self.0.push((number, [varint(number << 3), varint(value)].concat()));
        }
        self
    }

    /// This with the little-endian number that `bytes` are.
    #[must_use]
    pub fn little(self, number: u64, bytes: &[u8]) -> Self {
        let value = bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte));
        self.number(number, value)
    }

    /// This without a field.
    #[must_use]
    pub fn without(mut self, number: u64) -> Self {
        self.0.retain(|(other, _)| *other != number);
        self
    }

    /// The bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.0.iter().flat_map(|(_, bytes)| bytes.clone()).collect()
    }
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap());
    bytes
}

/// `attest.Attestation` of one quote of the bank of its PCRs, without a CPU's statement.
#[must_use]
pub fn attestation(tpm: &Evidence) -> Message {
    let bank = tpm.pcrs.first().map(|row| u64::from(row.0)).unwrap_or_default();
    let mut pcrs = Message::default().number(1, bank);
    for (_, index, value) in &tpm.pcrs {
        pcrs = pcrs.bytes(2, &Message::default().number(1, u64::from(*index)).bytes(2, value).encode());
    }
    let quote = Message::default().bytes(1, &tpm.attest).bytes(2, &tpm.signature).bytes(3, &pcrs.encode());
    let mut message = Message::default().bytes(1, &tpm.public).bytes(2, &quote.encode()).bytes(3, &tpm.log);
    if let Some((leaf, issuers)) = tpm.certificates.split_first() {
        message = message.bytes(6, leaf);
        message = issuers.iter().fold(message, |message, issuer| message.bytes(7, issuer));
    }
    message
}

/// `sevsnp.Report` of a report of 1184 bytes.
#[must_use]
pub fn snp_report(report: &[u8]) -> Message {
    let family = u64::from(report[0x188]);
    let (base, extended) = if family > 15 { (15, family - 15) } else { (family, 0) };
    let model = u64::from(report[0x189]);
    let eax = extended << 20 | (model >> 4) << 16 | base << 8 | (model & 15) << 4 | u64::from(report[0x18a]);
    let eax = if family == 0 { 0 } else { eax };
    Message::default()
        .little(1, &report[..4])
        .little(2, &report[4..8])
        .little(3, &report[8..0x10])
        .bytes(4, &report[0x10..0x20])
        .bytes(5, &report[0x20..0x30])
        .little(6, &report[0x30..0x34])
        .little(7, &report[0x34..0x38])
        .little(8, &report[0x38..0x40])
        .little(9, &report[0x40..0x48])
        .little(10, &report[0x48..0x4c])
        .bytes(11, &report[0x50..0x90])
        .bytes(12, &report[0x90..0xc0])
        .bytes(13, &report[0xc0..0xe0])
        .bytes(14, &report[0xe0..0x110])
        .bytes(15, &report[0x110..0x140])
        .bytes(16, &report[0x140..0x160])
        .bytes(17, &report[0x160..0x180])
        .little(18, &report[0x180..0x188])
        .bytes(19, &report[0x1a0..0x1e0])
        .little(20, &report[0x1e0..0x1e8])
        .little(21, &report[0x1e8..0x1e9])
        .little(22, &report[0x1e9..0x1ea])
        .little(23, &report[0x1ea..0x1eb])
        .little(24, &report[0x1ec..0x1ed])
        .little(25, &report[0x1ed..0x1ee])
        .little(26, &report[0x1ee..0x1ef])
        .little(27, &report[0x1f0..0x1f8])
        .bytes(28, &report[0x2a0..])
        .number(29, eax)
        .little(30, &report[0x1f8..0x200])
        .little(31, &report[0x200..0x208])
}

/// `sevsnp.Attestation`: a report, VCEK, ASK and ARK.
#[must_use]
pub fn snp(report: &Message, [vcek, ask, ark]: [&[u8]; 3]) -> Message {
    let chain = Message::default().bytes(1, vcek).bytes(2, ask).bytes(3, ark);
    Message::default().bytes(1, &report.encode()).bytes(2, &chain.encode())
}

/// `tdx.TDQuoteBody` of a TD report of 584 bytes.
#[must_use]
pub fn td_body(body: &[u8]) -> Message {
    let mut rest = body;
    let mut take = |length: usize| {
        let (taken, after) = rest.split_at(length);
        rest = after;
        taken
    };
    let mut message = Message::default();
    for (number, length) in [(1, 16), (2, 48), (3, 48), (4, 8), (5, 8), (6, 8), (7, 48), (8, 48), (9, 48), (10, 48)] {
        message = message.bytes(number, take(length));
    }
    for _ in 0..4 {
        message = message.bytes(11, take(48));
    }
    message.bytes(12, take(64))
}

/// `tdx.QuoteV4` of a version 4 quote.
#[must_use]
pub fn tdx(quote: &[u8]) -> Message {
    let header = Message::default()
        .little(1, &quote[..2])
        .little(2, &quote[2..4])
        .little(3, &quote[4..8])
        .bytes(5, &quote[8..10])
        .bytes(4, &quote[10..12])
        .bytes(6, &quote[12..28])
        .bytes(7, &quote[28..48]);
    let signed = &quote[636..];
    let certified = &signed[134..];
    let auth_length = usize::from(u16::from_le_bytes([certified[448], certified[449]]));
    let (auth, chain) = certified[450..].split_at(auth_length);
    let auth = Message::default().number(1, auth_length as u64).bytes(2, auth);
    let chain = Message::default().little(1, &chain[..2]).little(2, &chain[2..6]).bytes(3, &chain[6..]);
    let certified = Message::default()
        .bytes(1, &qe_report(&certified[..384]).encode())
        .bytes(2, &certified[384..448])
        .bytes(3, &auth.encode())
        .bytes(4, &chain.encode());
    let outer =
        Message::default().little(1, &signed[128..130]).little(2, &signed[130..134]).bytes(3, &certified.encode());
    let data = Message::default().bytes(1, &signed[..64]).bytes(2, &signed[64..128]).bytes(3, &outer.encode());
    Message::default()
        .bytes(1, &header.encode())
        .bytes(2, &td_body(&quote[48..632]).encode())
        .little(3, &quote[632..636])
        .bytes(4, &data.encode())
}

fn qe_report(report: &[u8]) -> Message {
    Message::default()
        .bytes(1, &report[..16])
        .little(2, &report[16..20])
        .bytes(3, &report[20..48])
        .bytes(4, &report[48..64])
        .bytes(5, &report[64..96])
        .bytes(6, &report[96..128])
        .bytes(7, &report[128..160])
        .bytes(8, &report[160..256])
        .little(9, &report[256..258])
        .little(10, &report[258..260])
        .bytes(11, &report[260..320])
        .bytes(12, &report[320..384])
}

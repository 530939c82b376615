//! A party's keys: round trips, and one test for each way in which a key file, a backup or a wrapped key can be wrong.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::type_complexity,
    reason = "keys of tests are drawn; a helper that fails fails its test; a table of crimes is its own type"
)]

use std::{
    io::{Read as _, Write as _},
    iter,
};

use age::{
    Decryptor, Encryptor,
    armor::{ArmoredReader, ArmoredWriter, Format},
    scrypt,
    secrecy::SecretString,
    x25519,
};
use casemate_keyring::{Backup, KeyringError, PartyKeys, WrappedKey, decrypt_with, encrypt_to};

/// scrypt's least work: these tests are not about its strength.
const WORK: u8 = 1;
const PASSPHRASE: &str = "correct horse battery staple";

fn party(first: u8) -> PartyKeys {
    PartyKeys::generate(&std::array::from_fn(|index| first.wrapping_add(u8::try_from(index).unwrap())))
}

fn same(one: &PartyKeys, two: &PartyKeys) -> bool {
    one.public() == two.public()
        && one.broker().public() == two.broker().public()
        && one.launcher().public() == two.launcher().public()
        && one.recipient_secret() == two.recipient_secret()
        && two.unwrap(&wrapped(one)).is_ok()
}

fn wrapped(keys: &PartyKeys) -> WrappedKey {
    keys.wrap(&[1; 16], &[2; 16], &[3; 32], [4; 12]).unwrap()
}

/// The plaintext inside a key file.
fn opened(text: &str) -> Vec<u8> {
    let decryptor = Decryptor::new_buffered(ArmoredReader::new(text.as_bytes())).unwrap();
    let identity = scrypt::Identity::new(SecretString::from(PASSPHRASE));
    let mut plaintext = Vec::new();
    decryptor.decrypt(iter::once(&identity as _)).unwrap().read_to_end(&mut plaintext).unwrap();
    plaintext
}

/// A key file around any plaintext.
fn locked(plaintext: &[u8], recipient: &dyn age::Recipient) -> String {
    let mut text = Vec::new();
    let armor = ArmoredWriter::wrap_output(&mut text, Format::AsciiArmor).unwrap();
    let mut writer = Encryptor::with_recipients(iter::once(recipient)).unwrap().wrap_output(armor).unwrap();
    writer.write_all(plaintext).unwrap();
    writer.finish().unwrap().finish().unwrap();
    String::from_utf8(text).unwrap()
}

fn under_passphrase(work: u8) -> scrypt::Recipient {
    let mut recipient = scrypt::Recipient::new(SecretString::from(PASSPHRASE));
    recipient.set_work_factor(work);
    recipient
}

#[test]
fn keys_come_back_as_they_went_in() {
    let keys = party(0);
    let text = keys.lock(PASSPHRASE, WORK).unwrap();
    assert!(text.starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n"));
    assert!(same(&keys, &PartyKeys::unlock(&text, PASSPHRASE).unwrap()));
}

#[test]
fn every_key_has_its_own_entropy() {
    let base = party(0);
    for (index, name) in ["identity", "broker", "launcher", "recipient", "wrap"].into_iter().enumerate() {
        let mut entropy: [u8; 160] = std::array::from_fn(|byte| u8::try_from(byte).unwrap());
        // X25519 ignores the lowest three bits of its secrets [RFC 7748 §5].
        entropy[index * 32] ^= 8;
        let other = PartyKeys::generate(&entropy);
        let changed = [
            base.public() != other.public(),
            base.broker().public() != other.broker().public(),
            base.launcher().public() != other.launcher().public(),
            base.recipient().unwrap() != other.recipient().unwrap(),
            other.unwrap(&wrapped(&base)).is_err(),
        ];
        assert_eq!(changed, std::array::from_fn(|key| key == index), "{name}");
    }
}

#[test]
fn refuses_wrong_and_empty_passphrases() {
    let keys = party(0);
    let text = keys.lock(PASSPHRASE, WORK).unwrap();
    for passphrase in ["", "Correct horse battery staple", "correct horse battery staple "] {
        assert_eq!(PartyKeys::unlock(&text, passphrase).unwrap_err(), KeyringError::WrongPassphrase);
    }
    assert_eq!(keys.lock("", WORK).unwrap_err(), KeyringError::EmptyPassphrase);
}

#[test]
fn refuses_work_factors_out_of_bounds() {
    for found in [0, 21, 64, 255] {
        let refused = KeyringError::WorkFactor { found, max: 20 };
        assert_eq!(party(0).lock(PASSPHRASE, found).unwrap_err(), refused);
    }
    // A file that asks for 2^21: the header is all that is needed to hang a reader that does not look first.
    let text = locked(b"", &under_passphrase(1));
    let binary = age_binary(&text).replace(" 1\n", " 21\n");
    let refused = PartyKeys::unlock(&binary, PASSPHRASE).unwrap_err();
    assert_eq!(refused, KeyringError::WorkFactor { found: 21, max: 20 });
}

/// The header of an armoured file as lossy text: enough for what only reads headers.
fn age_binary(text: &str) -> String {
    let mut bytes = Vec::new();
    ArmoredReader::new(text.as_bytes()).read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn names_a_newer_format() {
    let plaintext = opened(&party(0).lock(PASSPHRASE, WORK).unwrap());
    assert_eq!(plaintext[..3], [0xa3, 0x00, 0x01], "a map of three whose key 0 is format 1");
    let mut newer = plaintext.clone();
    newer[2] = 3;
    // With fields that this version does not know.
    newer[0] = 0xa4;
    newer.extend([0x09, 0x00]);
    let refused = PartyKeys::unlock(&locked(&newer, &under_passphrase(WORK)), PASSPHRASE).unwrap_err();
    assert_eq!(refused, KeyringError::NewerFormat { found: 3, known: 2 });
    assert_eq!(refused.to_string(), "key file format 3, but this version knows 2 at most; update casemate");
}

fn p256() -> Vec<u8> {
    let random = aws_lc_rs::rand::SystemRandom::new();
    let algorithm = &aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
    aws_lc_rs::signature::EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap().as_ref().to_vec()
}

#[test]
fn an_authority_is_locked_up_with_the_other_keys() {
    let keys = party(0).with_authority(&p256()).unwrap();
    let public = keys.authority().unwrap().unwrap().public();
    let text = keys.lock(PASSPHRASE, WORK).unwrap();
    assert_eq!(opened(&text)[..3], [0xa3, 0x00, 0x02], "format 2: older versions say that they know it not");
    let unlocked = PartyKeys::unlock(&text, PASSPHRASE).unwrap();
    assert!(same(&keys, &unlocked));
    assert_eq!(unlocked.authority().unwrap().unwrap().public(), public);
    // Whatever else changes, it stays.
    let (rotated, _) = unlocked.rotate(&[9; 32], &[], || [0; 12]).unwrap();
    let launched = rotated.with_launcher(&[8; 32]);
    let backup = Backup { keys: launched, wrapped: Vec::new() }.lock(PASSPHRASE, WORK).unwrap();
    let restored = Backup::unlock(&backup, PASSPHRASE).unwrap().keys;
    assert_eq!(restored.authority().unwrap().unwrap().public(), public);
    let other = restored.with_authority(&p256()).unwrap();
    assert_ne!(other.authority().unwrap().unwrap().public(), public);
    assert!(party(0).authority().unwrap().is_none());
    assert!(!format!("{keys:?}").contains("PKCS"));
}

#[test]
fn an_authority_is_a_p256_key_in_the_format_that_has_one() {
    for crime in [Vec::new(), vec![0; 138], [p256(), vec![0; 256]].concat()] {
        assert_eq!(party(0).with_authority(&crime).err(), Some(KeyringError::Authority));
    }
    // With the number of the other format, it is no key file.
    for keys in [party(0), party(0).with_authority(&p256()).unwrap()] {
        let mut plaintext = opened(&keys.lock(PASSPHRASE, WORK).unwrap());
        plaintext[2] = 3 - plaintext[2];
        let refused = PartyKeys::unlock(&locked(&plaintext, &under_passphrase(WORK)), PASSPHRASE).unwrap_err();
        assert!(matches!(refused, KeyringError::Damaged(_)), "{refused}");
    }
}

#[test]
fn refuses_key_files_of_every_other_shape() {
    let plaintext = opened(&party(0).lock(PASSPHRASE, WORK).unwrap());
    let changed = |change: fn(&mut Vec<u8>)| {
        let mut bytes = plaintext.clone();
        change(&mut bytes);
        bytes
    };
    let crimes = [
        ("nothing", vec![]),
        ("text", b"hello".to_vec()),
        ("older format", changed(|bytes| bytes[2] = 0)),
        (
            "unknown field",
            changed(|bytes| {
                bytes[0] = 0xa4;
                bytes.extend([0x09, 0x00]);
            }),
        ),
        ("trailing byte", changed(|bytes| bytes.push(0))),
        ("truncated", changed(|bytes| bytes.truncate(100))),
        (
            "short seed",
            changed(|bytes| {
                let at = bytes.windows(2).position(|pair| pair == [0x58, 0x20]).unwrap();
                bytes[at + 1] = 0x1f;
                bytes.remove(at + 2);
            }),
        ),
        (
            "keys with a list of wrapped keys",
            changed(|bytes| {
                bytes[0] = 0xa4;
                bytes.extend([0x03, 0x80]);
            }),
        ),
        ("a backup without a list", changed(|bytes| bytes[4] = 1)),
    ];
    for (crime, bytes) in crimes {
        let text = locked(&bytes, &under_passphrase(WORK));
        assert!(matches!(PartyKeys::unlock(&text, PASSPHRASE), Err(KeyringError::Damaged(_))), "{crime}");
    }
    let to_a_key = locked(&plaintext, &x25519::Identity::generate().to_public());
    assert!(matches!(PartyKeys::unlock(&to_a_key, PASSPHRASE), Err(KeyringError::Damaged(_))));
    assert!(matches!(PartyKeys::unlock(&"x".repeat(3 << 20), PASSPHRASE), Err(KeyringError::Damaged(_))));
    assert!(matches!(PartyKeys::unlock("", PASSPHRASE), Err(KeyringError::Damaged(_))));
}

#[test]
fn refuses_every_truncated_or_altered_line() {
    let text = party(0).lock(PASSPHRASE, WORK).unwrap();
    for length in (0..text.len() - 1).step_by(7) {
        assert!(PartyKeys::unlock(&text[..length], PASSPHRASE).is_err(), "{length} bytes");
    }
    for (index, byte) in text.bytes().enumerate().step_by(5) {
        let mut bytes = text.clone().into_bytes();
        bytes[index] = if byte == b'A' { b'B' } else { b'A' };
        if bytes == text.as_bytes() {
            continue;
        }
        let altered = String::from_utf8(bytes).unwrap();
        assert!(PartyKeys::unlock(&altered, PASSPHRASE).is_err(), "byte {index}");
    }
}

#[test]
fn wraps_for_one_party_one_dataset_and_one_version() {
    let keys = party(0);
    let good = wrapped(&keys);
    assert_eq!(*keys.unwrap(&good).unwrap(), [3; 32]);
    assert_eq!(party(1).unwrap(&good).unwrap_err(), KeyringError::WrongWrap);
    let crimes: [(&str, fn(&mut WrappedKey)); 5] = [
        ("another dataset", |wrapped| wrapped.dataset_id[0] ^= 1),
        ("an older version", |wrapped| wrapped.version[15] ^= 1),
        ("another nonce", |wrapped| wrapped.nonce[0] ^= 1),
        ("ciphertext", |wrapped| wrapped.ciphertext[0] ^= 1),
        ("tag", |wrapped| wrapped.ciphertext[47] ^= 1),
    ];
    for (crime, commit) in crimes {
        let mut bad = good.clone();
        commit(&mut bad);
        assert_eq!(keys.unwrap(&bad).unwrap_err(), KeyringError::WrongWrap, "{crime}");
    }
    assert!(!good.ciphertext.windows(32).any(|window| window == [3; 32]));
}

#[test]
fn rotation_rewraps_all_or_nothing() {
    let keys = party(0);
    let list: Vec<_> = (0..3).map(|id| keys.wrap(&[id; 16], &[2; 16], &[id; 32], [id; 12]).unwrap()).collect();
    let mut drawn = 100;
    let nonce = || {
        drawn += 1;
        [drawn; 12]
    };
    let (rotated, rewrapped) = keys.rotate(&[0xee; 32], &list, nonce).unwrap();
    for (id, (old, new)) in list.iter().zip(&rewrapped).enumerate() {
        assert_eq!(*rotated.unwrap(new).unwrap(), [u8::try_from(id).unwrap(); 32]);
        assert!(rotated.unwrap(old).is_err() && keys.unwrap(new).is_err());
        assert_ne!(old.nonce, new.nonce);
    }
    assert_eq!(rotated.public(), keys.public());
    assert_eq!(rotated.recipient_secret(), keys.recipient_secret());
    let mut damaged = list;
    damaged[2].ciphertext[0] ^= 1;
    assert_eq!(keys.rotate(&[0xee; 32], &damaged, || [9; 12]).unwrap_err(), KeyringError::WrongWrap);
}

#[test]
fn a_new_launcher_changes_nothing_else() {
    let keys = party(0);
    let list = [wrapped(&keys)];
    let moved = keys.with_launcher(&[0xdd; 32]);
    assert_eq!(moved.launcher().seed(), &[0xdd; 32]);
    assert_ne!(moved.launcher().public(), keys.launcher().public());
    assert!(same(&moved.with_launcher(keys.launcher().seed()), &keys));
    assert_eq!(*moved.unwrap(&list[0]).unwrap(), *keys.unwrap(&list[0]).unwrap());
    let locked = moved.lock(PASSPHRASE, WORK).unwrap();
    assert!(same(&PartyKeys::unlock(&locked, PASSPHRASE).unwrap(), &moved));
}

#[test]
fn a_backup_restores_keys_and_datasets() {
    let keys = party(0);
    let backup = Backup { wrapped: vec![wrapped(&keys)], keys };
    let text = backup.lock(PASSPHRASE, WORK).unwrap();
    let restored = Backup::unlock(&text, PASSPHRASE).unwrap();
    assert!(same(&backup.keys, &restored.keys));
    assert_eq!(restored.wrapped, backup.wrapped);
    assert_eq!(*restored.keys.unwrap(&restored.wrapped[0]).unwrap(), [3; 32]);
    assert_eq!(Backup::unlock(&text, "wrong").unwrap_err(), KeyringError::WrongPassphrase);
}

#[test]
fn a_backup_and_a_key_file_do_not_pass_for_each_other() {
    let keys = party(0).lock(PASSPHRASE, WORK).unwrap();
    let backup = Backup { keys: party(0), wrapped: vec![] }.lock(PASSPHRASE, WORK).unwrap();
    assert_eq!(
        PartyKeys::unlock(&backup, PASSPHRASE).unwrap_err().to_string(),
        "the file holds a backup; expected: the keys of a party"
    );
    assert!(matches!(Backup::unlock(&keys, PASSPHRASE), Err(KeyringError::WrongKind { .. })));
}

#[test]
fn a_backup_that_would_not_restore_is_not_made() {
    let foreign = Backup { keys: party(0), wrapped: vec![wrapped(&party(1))] };
    assert_eq!(foreign.lock(PASSPHRASE, WORK).unwrap_err(), KeyringError::WrongWrap);
}

#[test]
fn results_reach_their_recipients_only() {
    let (one, two, three) = (party(0), party(1), party(2));
    let sealed = encrypt_to(&[one.recipient().unwrap(), two.recipient().unwrap()], b"result").unwrap();
    assert_eq!(**one.decrypt(&sealed).unwrap(), *b"result");
    assert_eq!(**two.decrypt(&sealed).unwrap(), *b"result");
    assert_eq!(three.decrypt(&sealed).unwrap_err(), KeyringError::NotForThisKey);
    assert_eq!(**decrypt_with(one.recipient_secret(), &sealed).unwrap(), *b"result");
    assert!(matches!(one.decrypt(&sealed[..sealed.len() - 1]), Err(KeyringError::Damaged(_))));
    assert!(matches!(encrypt_to(&["age1nobody"], b"result"), Err(KeyringError::Recipient(_))));
    assert!(matches!(encrypt_to(&[] as &[&str], b"result"), Err(KeyringError::Recipient(_))));
}

#[test]
fn nothing_prints_a_secret() {
    let keys = party(0);
    let text = format!("{keys:?} {:?}", Backup { wrapped: vec![], keys: party(0) });
    let secret = format!("{:?}", &keys.recipient_secret()[..4]);
    assert!(!text.contains(secret.trim_matches(['[', ']'])), "{text}");
    assert!(text.contains("Secret"));
}

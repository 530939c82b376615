//! `composite` evidence: a CPU of our own AMD with GPUs and TPMs of our own, none of whom knows of the others.

use casemate_cose::Digest;
use casemate_evidence::{
    AllowDebug, Anchor, Authenticated, Binding, Bound, Cache, DangerouslyUnbound, Endorsement, Endorsements, Evidence,
    Field, Format, Isolation, Platform, Refusal, Role, Stated, Vendor, authenticate, authenticate_cached,
    composite::{self, Claims, PARTS_MAX, Tie},
    gpu,
};
use casemate_testkit::{
    NOW, cbor,
    pki::Algorithm,
    vendor::{
        amd::{self, Amd, Line, Report},
        azure::Azure,
        eventlog::{Log, SHA256},
        nvidia::{self, Nvidia, pem},
        tpm::{self, COMMAND_LINE, Quote, Tpm},
    },
};

use crate::{assert_refused, noise::Accepted, unbound};

/// A machine with a CPU, two GPUs and a TPM, and what is believed.
struct Case {
    amd: Amd,
    gpus: [Nvidia; 2],
    tpm: Tpm,
    endorsements: Endorsements,
}

type Part = (&'static str, Vec<u8>);

impl Case {
    fn new() -> Self {
        let (amd, gpus, tpm) =
            (Amd::new(Line::Genoa), [Nvidia::default(), Nvidia::default()], Tpm::new(Algorithm::P256));
        let anchor = |vendor, root: Vec<u8>| Endorsement::Anchor(Anchor::of_certificate(vendor, &root).unwrap());
        let report = Report::of(Line::Genoa);
        let endorsements = Endorsements::default().with_all([
            anchor(Vendor::Amd, amd.ark.root()),
            anchor(Vendor::NvidiaDevice, gpus[0].root.root()),
            anchor(Vendor::NvidiaDevice, gpus[1].root.root()),
            anchor(Vendor::Tpm, tpm.root.root()),
            Endorsement::Certificate(amd.ark.issue(&amd.ask_certificate())),
            Endorsement::Certificate(amd.vcek(&report).issue(&amd.ask)),
        ]);
        Self { amd, gpus, tpm, endorsements }
    }

    fn cpu(&self, report_data: &[u8; 64]) -> Part {
        let mut report = Report::of(Line::Genoa);
        report.put(amd::at::REPORT_DATA, report_data);
        ("snp", report.sign(&self.amd.vcek))
    }

    fn gpu(&self, place: usize, nonce: &[u8]) -> Part {
        let gpu = &self.gpus[place];
        let report = nvidia::Report { nonce: nonce.try_into().unwrap(), ..nvidia::Report::default() };
        ("gpu", gpu::evidence(&gpu.sign(&report), &pem(&gpu.chain(&gpu.device()))).bytes().to_vec())
    }

    fn tpm(&self, nonce: &[u8]) -> Part {
        let log = Log::boot(&[SHA256], COMMAND_LINE);
        let quote = Quote { qualifying_data: nonce.to_vec(), ..Quote::of(&log, SHA256, SHA256) };
        ("tpm", tpm::Evidence::of(&self.tpm, &quote, &log).encode())
    }

    /// A CPU, two GPUs and a TPM, asked for one binding.
    fn honest(&self) -> Vec<Part> {
        vec![
            self.cpu(&DATA),
            self.gpu(0, &Field::GpuNonce.of(&DATA)),
            self.gpu(1, &Field::GpuNonce.of(&DATA)),
            self.tpm(&Field::TpmQualifyingData.of(&DATA)),
        ]
    }

    fn judge(&self, parts: &[Part]) -> Result<Authenticated<DangerouslyUnbound>, Refusal> {
        unbound(Format::Composite, &encode(parts), &self.endorsements, NOW)
    }
}

const DATA: [u8; 64] = [7; 64];
const OTHER: [u8; 64] = [8; 64];

fn encode(parts: &[Part]) -> Vec<u8> {
    let part = |(format, bytes): &Part| cbor::array(&[cbor::text(format), cbor::bytes(bytes)]);
    cbor::array(&parts.iter().map(part).collect::<Vec<_>>())
}

fn claims(authentic: &Authenticated<impl std::fmt::Debug>) -> &Claims {
    let Platform::Composite(claims) = &authentic.claims().platform else { panic!("not composite: {authentic:?}") };
    claims
}

#[test]
fn devices_are_kept_apart_and_in_order() {
    let case = Case::new();
    let authentic = case.judge(&case.honest()).unwrap();
    let all = authentic.claims();
    assert_eq!((all.isolation, all.debug), (Some(Isolation::Snp), false));
    // Report data and manifest are the CPU's: its HOST_DATA, not the TPM's command line.
    assert_eq!((all.report_data.bytes.as_slice(), all.manifest), (&DATA[..], Some(Digest::from_bytes([0x40; 32]))));
    let claims = claims(&authentic);
    let formats: Vec<_> = claims.devices.iter().map(|device| device.claims.format()).collect();
    assert_eq!((claims.cpu.format(), formats), (Format::Snp, vec![Format::Gpu, Format::Gpu, Format::Tpm]));
    assert!(claims.devices.iter().all(|device| device.tie == Tie::Nonce));
    assert_ne!(claims.devices[0].claims, claims.devices[1].claims);
    let facts = all.facts();
    for name in ["cpu.vmpl", "device.0.device", "device.1.device", "device.2.ak"] {
        assert!(facts.rows().iter().any(|fact| fact.name == name), "{name}: {facts:?}");
    }
    let not: Vec<_> = all.not_compared().into_iter().map(|not| (not.step, not.what)).collect();
    assert_eq!(not, [0, 1].map(|place| (3, format!("device {place}: driver and VBIOS"))));
    // What it rests on is what all parts rest on.
    let mut used = 0;
    for (format, bytes) in case.honest() {
        used += unbound(format.parse().unwrap(), &bytes, &case.endorsements, NOW).unwrap().support().used.len();
    }
    assert_eq!(authentic.support().used.len(), used);
}

#[test]
fn one_binding_is_expected_of_all() {
    let case = Case::new();
    let binding = Binding {
        role: Role::Keep,
        nonce: [1; 32],
        manifest: Digest::from_bytes([0x40; 32]),
        exporter: [3; 32],
        own_key: Digest::from_bytes([4; 32]),
        peer_key: Digest::from_bytes([5; 32]),
    };
    let data = binding.report_data();
    let parts =
        [case.cpu(&data), case.gpu(0, &Field::GpuNonce.of(&data)), case.tpm(&Field::TpmQualifyingData.of(&data))];
    let evidence = Evidence::new(Format::Composite, encode(&parts));
    assert!(authenticate(&evidence, &case.endorsements, &Bound::new(binding.clone()), NOW).is_ok());
    let part = |(format, bytes): &Part| Evidence::new(format.parse().unwrap(), bytes.clone());
    assert_eq!(composite::evidence(&part(&parts[0]), &[part(&parts[1]), part(&parts[2])]), evidence);
    let other = Bound::new(Binding { nonce: [2; 32], ..binding });
    assert_refused("another_session", authenticate(&evidence, &case.endorsements, &other, NOW), "evidence-binding");
    let mut off = data.to_vec();
    off[63] ^= 1;
    let stated = authenticate(&evidence, &case.endorsements, &Stated::new(off), NOW);
    assert_refused("report_data_one_bit_off", stated, "evidence-binding");
}

#[test]
fn crimes_on_the_composition() {
    let case = Case::new();
    let honest = case.honest();
    let pick = |places: &[usize]| places.iter().map(|place| honest[*place].clone()).collect::<Vec<_>>();
    let with = |place: usize, part: Part| {
        let mut parts = honest.clone();
        parts[place] = part;
        parts
    };
    let relabelled = |place: usize, format: &'static str| with(place, (format, honest[place].1.clone()));
    let composite = ("composite", encode(&honest));
    for (crime, parts, rule) in [
        ("gpu_asked_for_another_cpu", with(1, case.gpu(0, &Field::GpuNonce.of(&OTHER))), "composite-nonce"),
        ("gpu_asked_as_a_tpm", with(1, case.gpu(0, &Field::TpmQualifyingData.of(&DATA))), "composite-nonce"),
        ("gpu_asked_with_the_report_data_s_half", with(1, case.gpu(0, &DATA[..32])), "composite-nonce"),
        ("gpu_nonce_one_bit_off", with(1, case.gpu(0, &flip(&Field::GpuNonce.of(&DATA)))), "composite-nonce"),
        ("tpm_asked_for_another_cpu", with(3, case.tpm(&Field::TpmQualifyingData.of(&OTHER))), "composite-nonce"),
        ("tpm_asked_as_a_gpu", with(3, case.tpm(&Field::GpuNonce.of(&DATA))), "composite-nonce"),
        ("tpm_asked_with_all_the_report_data", with(3, case.tpm(&DATA)), "composite-nonce"),
        ("tpm_nonce_cut", with(3, case.tpm(&Field::TpmQualifyingData.of(&DATA)[..31])), "composite-nonce"),
        ("tpm_not_asked_at_all", with(3, case.tpm(&[])), "tpm-qualifying-data-empty"),
        ("cpu_replaced_by_another_answer", with(0, case.cpu(&OTHER)), "composite-nonce"),
        ("gpu_twice", pick(&[0, 1, 1]), "composite-duplicate"),
        (
            "gpu_twice_with_different_evidence",
            vec![honest[0].clone(), honest[1].clone(), case.gpu(0, &Field::GpuNonce.of(&DATA))],
            "composite-duplicate",
        ),
        (
            "tpm_twice",
            vec![honest[0].clone(), honest[3].clone(), case.tpm(&Field::TpmQualifyingData.of(&DATA))],
            "composite-duplicate",
        ),
        ("cpu_alone", pick(&[0]), "composite-count"),
        ("nothing", vec![], "composite-count"),
        ("too_many", vec![honest[0].clone(); PARTS_MAX + 1], "composite-count"),
        ("gpu_first", pick(&[1, 2]), "composite-cpu"),
        ("cpu_last", pick(&[1, 0]), "composite-device"),
        ("two_cpus", pick(&[0, 0]), "composite-device"),
        ("composite_as_a_device", vec![honest[0].clone(), composite.clone()], "composite-device"),
        ("composite_as_the_cpu", vec![composite, honest[1].clone()], "composite-cpu"),
        ("unknown_format", relabelled(1, "gpu2"), "composite-format"),
        ("tpm_said_to_be_a_gpu", relabelled(3, "gpu"), "gpu-layout"),
        ("gpu_said_to_be_a_tpm", relabelled(1, "tpm"), "tpm-layout"),
        ("gpu_signed_by_another", with(1, ("gpu", mixed(&case))), "gpu-signature"),
        ("cpu_signature_changed", with(0, ("snp", flip_at(&honest[0].1, 0x2a0))), "snp-signature"),
    ] {
        assert_refused(crime, case.judge(&parts), rule);
    }
    let bytes = encode(&honest);
    for (crime, bytes) in [
        ("trailing_byte", [bytes.as_slice(), &[0]].concat()),
        ("truncated", bytes[..bytes.len() - 1].to_vec()),
        ("three_elements_in_a_part", cbor::array(&[part3(&honest[0]), part3(&honest[1])])),
        ("indefinite_length", [&[0x9f], &bytes[1..], &[0xff]].concat()),
    ] {
        assert_refused(crime, unbound(Format::Composite, &bytes, &case.endorsements, NOW), "composite-layout");
    }
}

/// GPU 0's report with GPU 1's certificates.
fn mixed(case: &Case) -> Vec<u8> {
    let nonce = Field::GpuNonce.of(&DATA).try_into().unwrap();
    let report = nvidia::Report { nonce, ..nvidia::Report::default() };
    let other = &case.gpus[1];
    gpu::evidence(&case.gpus[0].sign(&report), &pem(&other.chain(&other.device()))).bytes().to_vec()
}

fn part3((format, bytes): &Part) -> Vec<u8> {
    cbor::array(&[cbor::text(format), cbor::bytes(bytes), cbor::null()])
}

fn flip(bytes: &[u8]) -> Vec<u8> {
    flip_at(bytes, 0)
}

fn flip_at(bytes: &[u8], place: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[place] ^= 1;
    bytes
}

#[test]
fn debug_of_the_cpu_is_debug_of_all() {
    let case = Case::new();
    let mut report = Report::of(Line::Genoa);
    report.put(amd::at::REPORT_DATA, &DATA).put(amd::at::POLICY, &(0x3_001f_u64 | 1 << 19).to_le_bytes());
    let mut parts = case.honest();
    parts[0].1 = report.sign(&case.amd.vcek);
    assert_refused("debug_policy", case.judge(&parts), "evidence-debug");
    let evidence = Evidence::new(Format::Composite, encode(&parts));
    let allowed = authenticate(&evidence, &case.endorsements, &AllowDebug::new(DangerouslyUnbound), NOW).unwrap();
    assert!(allowed.claims().debug);
}

/// An Azure VM's report data is its quote's 32 bytes of qualifying data; a GPU in it answers for those.
#[test]
fn a_gpu_is_bound_to_an_azure_vm() {
    let (case, azure) = (Case::new(), Azure::default());
    let log = Log::boot(&[SHA256], COMMAND_LINE);
    let quote = Quote::of(&log, SHA256, SHA256);
    let anchor = Endorsement::Anchor(Anchor::of_certificate(Vendor::Amd, &azure.amd.ark.root()).unwrap());
    let endorsements = case.endorsements.clone().with(anchor);
    let cpu = ("azure", azure.evidence(&quote, &log, COMMAND_LINE).encode());
    let nonce = Digest::of_parts(&[b"casemate/binding/1/gpu", &quote.qualifying_data]);
    let judge =
        |nonce: &[u8]| unbound(Format::Composite, &encode(&[cpu.clone(), case.gpu(0, nonce)]), &endorsements, NOW);
    let authentic = judge(nonce.as_bytes()).unwrap();
    assert_eq!(authentic.claims().report_data.field, Field::TpmQualifyingData);
    assert_eq!(authentic.claims().manifest, Some(Digest::from_bytes([0x42; 32])));
    assert_refused("gpu_of_another_vm", judge(&flip(nonce.as_bytes())), "composite-nonce");
}

#[test]
fn cached_and_uncached_outcomes_are_equal() {
    let (case, cache) = (Case::new(), Cache::default());
    let evidence = Evidence::new(Format::Composite, encode(&case.honest()));
    let plain = authenticate(&evidence, &case.endorsements, &DangerouslyUnbound, NOW).unwrap();
    for _ in 0..2 {
        let cached = authenticate_cached(&evidence, &case.endorsements, &DangerouslyUnbound, NOW, &cache).unwrap();
        assert_eq!((cached.claims(), cached.support()), (plain.claims(), plain.support()));
    }
}

#[test]
fn noise_is_refused() {
    let case = Case::new();
    // Without what nobody signs: a log's data, the key's public area.
    let log = Log::boot(&[SHA256], COMMAND_LINE);
    let quote = Quote { qualifying_data: Field::TpmQualifyingData.of(&DATA), ..Quote::of(&log, SHA256, SHA256) };
    let tpm = tpm::Evidence::of(&case.tpm, &quote, &log);
    let tpm = tpm::Evidence { public: vec![], log: vec![], command_line: String::new(), ..tpm };
    let bytes = encode(&[case.cpu(&DATA), ("tpm", tpm.encode())]);
    let accepted = Accepted { format: Format::Composite, bytes: &bytes, endorsements: &case.endorsements, at: NOW };
    accepted.truncations_are_refused();
    accepted.mutations_never_panic();
}

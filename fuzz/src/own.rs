//! Evidence of vendors of our own, of every format and generation, and what vouches for it: seeds that are authentic.

use casemate_cose::Digest;
use casemate_evidence::{
    Anchor, Endorsement, Evidence, Field, Format, Isolation, KeyOwner, Lack, Vendor, composite, gpu,
    software::{self, Statement},
};
use casemate_testkit::{
    NOW, key,
    pki::{Algorithm, Authority, Certificate, Key},
    vendor::{
        amd::{self, Amd, Line, guid, table},
        arm::{Arm, Cca, INSTANCE_ID, Psa},
        aws::Aws,
        azure::Azure,
        dice,
        eventlog::{Log, SHA1, SHA256, SHA384, SHA512},
        intel::Made,
        keystone,
        nvidia::{self, EXCLUSIVE, Manifest, Nvidia, Ocsp, pem},
        ratls::{GRAMINE, INTEL_SDK, RaTls},
        tpm::{self, COMMAND_LINE, Quote, Tpm},
    },
};

/// What vendors of our own made.
#[derive(Debug, Default)]
pub struct Own {
    /// Evidence by name, each authentic at [`NOW`] by what is believed.
    pub evidence: Vec<(String, Evidence)>,
    /// What vouches for it.
    pub believed: Vec<Endorsement>,
    /// Event logs by name.
    pub logs: Vec<(&'static str, Vec<u8>)>,
}

impl Own {
    /// All of it, with new keys.
    #[must_use]
    pub fn new() -> Self {
        let mut own = Self::default();
        own.amd();
        own.arm();
        own.aws();
        own.azure();
        own.composite();
        own.dice();
        own.intel();
        own.keystone();
        own.launcher();
        own.nvidia();
        own.tpm();
        own
    }

    fn add(&mut self, name: &str, format: Format, bytes: Vec<u8>) {
        self.evidence.push((name.to_owned(), Evidence::new(format, bytes)));
    }

    fn believe(&mut self, vendor: Vendor, authority: &Authority) {
        self.believed.push(root(vendor, authority));
    }

    /// Reports of all lines, version 2 among them, by chips and by clouds, with their certificates and without.
    fn amd(&mut self) {
        for line in [Line::Genoa, Line::Milan, Line::Turin] {
            let amd = Amd::new(line);
            self.believe(Vendor::Amd, &amd.ark);
            if line == Line::Turin {
                // The other lines have roots of the same name elsewhere here, whose certificates this list would refuse.
                self.believed.push(Endorsement::Crl(amd.ark.crl_now(&[77])));
            }
            let (ask, asvk) = (amd.ark.issue(&amd.ask_certificate()), amd.ark.issue(&amd.asvk_certificate()));
            let report = amd::Report::of(line);
            let vcek = amd.vcek(&report).issue(&amd.ask);
            let signed = report.sign(&amd.vcek);
            let certificates = table(&[(guid::VCEK, &vcek), (guid::ASK, &ask), (guid::ARK, &amd.ark.root())]);
            let name = line.name();
            self.add(&format!("{name}-vcek-table"), Format::Snp, [signed.as_slice(), &certificates].concat());
            self.add(&format!("{name}-vcek"), Format::Snp, signed);
            let mut masked = report.clone();
            masked.put(amd::at::FLAGS, &[4]).put(amd::at::CHIP_ID, &[0; 64]);
            let vlek = amd.vlek(&masked).issue(&amd.asvk);
            let certificates = table(&[(guid::VLEK, &vlek), (guid::ASK, &asvk)]);
            self.add(&format!("{name}-vlek"), Format::Snp, [masked.sign(&amd.vlek), certificates].concat());
            if line != Line::Turin {
                let old = report.clone().version_2().sign(&amd.vcek);
                self.add(&format!("{name}-v2"), Format::Snp, old);
            }
            for der in [ask, asvk, vcek, vlek] {
                self.believed.push(Endorsement::Certificate(der));
            }
        }
    }

    /// Tokens of every profile and algorithm.
    fn arm(&mut self) {
        for algorithm in [Algorithm::P256, Algorithm::P384, Algorithm::P521, Algorithm::Ed25519] {
            let arm = Arm::new(algorithm);
            for profile in [Cca::Ssd1, Cca::Platform1] {
                let token = arm.sign_cca(&arm.cca(profile, algorithm));
                self.add(&format!("{profile:?}-{algorithm:?}"), Format::Cca, token);
            }
            // The last one has no Ed25519.
            let newest = (algorithm != Algorithm::Ed25519).then_some(Psa::Tfm);
            for profile in [Psa::Iot1, Psa::Psa2].into_iter().chain(newest) {
                let token = arm.sign_psa(&arm.psa(profile, algorithm));
                self.add(&format!("{profile:?}-{algorithm:?}"), Format::Psa, token);
            }
            for owner in [KeyOwner::Cca, KeyOwner::Psa] {
                self.believed.push(Endorsement::Key { owner, id: INSTANCE_ID.to_vec(), spki: arm.key.spki() });
            }
        }
    }

    fn aws(&mut self) {
        let aws = Aws::new();
        self.believe(Vendor::Aws, &aws.root);
        let mut document = aws.document();
        self.add("document", Format::Nitro, aws.sign(&document));
        document.is_indefinite = false;
        document.envelope.tag = Some(18);
        self.add("tagged", Format::Nitro, aws.sign(&document));
    }

    fn azure(&mut self) {
        let azure = Azure::default();
        self.believe(Vendor::Amd, &azure.amd.ark);
        let log = Log::boot(&[SHA256, SHA384], COMMAND_LINE);
        let full = azure.evidence(&Quote::of(&log, SHA256, SHA256), &log, COMMAND_LINE);
        self.add("snp", Format::Azure, full.encode());
        let mut bare = full;
        bare.log.clear();
        bare.command_line.clear();
        self.add("snp-bare", Format::Azure, bare.encode());
    }

    /// A CPU with two GPUs and a TPM that were asked for its report data.
    fn composite(&mut self) {
        const DATA: [u8; 64] = [7; 64];
        let (amd, maker) = (Amd::new(Line::Genoa), Tpm::new(Algorithm::P256));
        self.believe(Vendor::Amd, &amd.ark);
        self.believe(Vendor::Tpm, &maker.root);
        let report = amd::Report::of(amd.line);
        let (vcek, ask) = (amd.vcek(&report).issue(&amd.ask), amd.ark.issue(&amd.ask_certificate()));
        let certificates = table(&[(guid::VCEK, &vcek), (guid::ASK, &ask)]);
        let cpu = Evidence::new(Format::Snp, [report.sign(&amd.vcek), certificates].concat());
        let nonce: [u8; 32] = Field::GpuNonce.of(&DATA).try_into().expect("a GPU's nonce has 32 bytes");
        let answer = nvidia::Report { nonce, ..nvidia::Report::default() };
        let [one, other] = [Nvidia::default(), Nvidia::default()].map(|nvidia| {
            self.believe(Vendor::NvidiaDevice, &nvidia.root);
            gpu::evidence(&nvidia.sign(&answer), &pem(&nvidia.chain(&nvidia.device())))
        });
        let log = Log::boot(&[SHA256], COMMAND_LINE);
        let qualifying_data = Field::TpmQualifyingData.of(&DATA);
        let quote = Quote { qualifying_data, ..Quote::of(&log, SHA256, SHA256) };
        let vtpm = Evidence::new(Format::Tpm, tpm::Evidence::of(&maker, &quote, &log).encode());
        let groups = [("gpu", vec![one.clone()]), ("vtpm", vec![vtpm.clone()]), ("all", vec![one, other, vtpm])];
        for (name, devices) in groups {
            self.evidence.push((name.to_owned(), composite::evidence(&cpu, &devices)));
        }
    }

    /// A chain alone, and a chain with a signed nonce.
    fn dice(&mut self) {
        let device = dice::Device::default();
        self.believe(Vendor::Dice, &device.root);
        let issuers = [&device.fmc, &device.ldevid, &device.idevid, &device.root];
        let chain: Vec<u8> =
            issuers.iter().zip(&device.certificates()).flat_map(|(issuer, it)| issuer.issue(it)).collect();
        self.add("signed", Format::Dice, dice::frame(&chain, &[7; 64], &device.rt.key));
        self.add("chain", Format::Dice, chain);
    }

    /// Quotes of every version and body, and in certificates of every scheme.
    fn intel(&mut self) {
        let maker = RaTls::default();
        let intel = &maker.intel;
        self.believe(Vendor::Intel, &intel.root);
        let enclaves = [3, 4, 5].map(|version| (format!("sgx-{version}"), intel.make(&intel.sgx(version))));
        let domains = [(4, 2), (5, 2), (5, 3), (5, 4)]
            .map(|(version, body)| (format!("tdx-{version}-{body}"), intel.make(&intel.tdx(version, body))));
        self.believe_collateral(&enclaves[0].1);
        self.believe_collateral(&domains[0].1);
        for (name, made) in enclaves.into_iter().chain(domains) {
            self.add(&name, Format::Dcap, made.quote);
        }
        self.add("interoperable", Format::Ratls, maker.interoperable(&maker.claims()));
        let sgx = intel.sgx(3);
        for (name, scheme, over) in [("gramine", GRAMINE, maker.own.key.spki()), ("sdk", INTEL_SDK, maker.pem_of_key())]
        {
            let certificate = maker.certificate().with_extension(scheme, false, maker.quote(&sgx, &over));
            self.add(name, Format::Ratls, maker.own.issue(&certificate));
        }
    }

    fn believe_collateral(&mut self, made: &Made) {
        self.believed.push(Endorsement::Certificate(made.tcb_signer.clone()));
        self.believed.extend(made.crls.iter().cloned().map(Endorsement::Crl));
        self.believed.push(Endorsement::TcbInfo(made.tcb_info.clone().into_bytes()));
        self.believed.push(Endorsement::QeIdentity(made.qe_identity.clone().into_bytes()));
    }

    fn keystone(&mut self) {
        let report = keystone::Report::honest();
        let spki = report.device.spki();
        self.believed.push(Endorsement::Key { owner: KeyOwner::Keystone, id: Vec::new(), spki });
        self.add("report", Format::Keystone, report.sign());
        let full = keystone::Report { data: vec![9; 1024], data_len: 1024, ..report };
        self.add("full", Format::Keystone, full.sign());
    }

    fn launcher(&mut self) {
        let launcher = key(1);
        self.believed.push(Endorsement::Launcher(launcher.public()));
        for (name, statement) in statements() {
            self.evidence.push((name.to_owned(), software::sign(&statement, &launcher)));
        }
    }

    /// A device, its manifests and an answer about its certificates.
    fn nvidia(&mut self) {
        let nvidia = Nvidia::default();
        self.believe(Vendor::NvidiaDevice, &nvidia.root);
        self.believe(Vendor::NvidiaRim, &nvidia.rim_root);
        let certificates = pem(&nvidia.chain(&nvidia.device()));
        self.evidence
            .push(("report".to_owned(), gpu::evidence(&nvidia.sign(&nvidia::Report::default()), &certificates)));
        let signer = nvidia.rim_certificate();
        let exclusive = Manifest {
            canonicalisation: EXCLUSIVE,
            transforms: vec![nvidia::ENVELOPED, EXCLUSIVE],
            ..Manifest::default()
        };
        for manifest in [Manifest::default(), exclusive] {
            self.believed.push(Endorsement::Rim(nvidia.manifest(&manifest, &signer).into_bytes()));
        }
        let responder = Key::new(Algorithm::P384);
        self.believed.push(Endorsement::Ocsp(Ocsp::good(11).sign(&nvidia.root, &nvidia.root, &responder)));
    }

    /// Quotes by every kind of key, in several banks, with certificates and with a key that is known.
    fn tpm(&mut self) {
        let banks: [(&str, &[u16]); 4] =
            [("legacy", &[]), ("sha1", &[SHA1]), ("sha256", &[SHA256]), ("all", &[SHA1, SHA256, SHA384, SHA512])];
        self.logs = banks.map(|(name, banks)| (name, Log::boot(banks, COMMAND_LINE).encode())).to_vec();
        let log = Log::boot(&[SHA1, SHA256, SHA384, SHA512], COMMAND_LINE);
        for algorithm in [Algorithm::P256, Algorithm::P384, Algorithm::RsaPkcs1Sha256, Algorithm::RsaPssSha384] {
            let maker = Tpm::new(algorithm);
            self.believe(Vendor::Tpm, &maker.root);
            let evidence = tpm::Evidence::of(&maker, &Quote::of(&log, SHA256, maker.scheme().1), &log);
            self.add(&format!("{algorithm:?}"), Format::Tpm, evidence.encode());
            let spki = maker.ak.spki();
            self.believed.push(Endorsement::Key { owner: KeyOwner::Tpm, id: Vec::new(), spki: spki.clone() });
            let known = tpm::Evidence { certificates: Vec::new(), public: Vec::new(), spki, ..evidence };
            self.add(&format!("{algorithm:?}-known"), Format::Tpm, known.encode());
        }
    }
}

/// What a launcher states: of a keep that lacks nothing, and of one for looking into that lacks something.
pub(crate) fn statements() -> [(&'static str, Statement); 2] {
    let whole = Statement {
        isolation: Isolation::Process,
        runtime: Digest::from_bytes([6; 32]),
        libraries: Digest::from_bytes([10; 32]),
        program: Digest::from_bytes([7; 32]),
        manifest: Digest::from_bytes([2; 32]),
        report_data: [7; 64],
        lacks: std::collections::BTreeSet::new(),
        secret_bytes: 4096,
        debug: false,
        at: NOW,
    };
    let lacks = [Lack::SecretKeys, Lack::SecretPlaintext].into();
    let lacking = Statement { lacks, debug: true, ..whole.clone() };
    [("whole", whole), ("lacking", lacking)]
}

/// The root of an authority, believed.
pub(crate) fn root(vendor: Vendor, authority: &Authority) -> Endorsement {
    let certificate = Certificate::of_ca(&authority.name, 1, &authority.key);
    Endorsement::Anchor(Anchor::of_certificate(vendor, &authority.issue(&certificate)).expect("a root"))
}

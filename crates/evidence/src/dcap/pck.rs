//! What a PCK certificate says about its platform [Intel SGX PCK Certificate and CRL Profile, §1.3.5].
#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use crate::{
    Facts,
    wire::{
        WireError,
        der::{Der, ENUMERATED, OCTET_STRING, OID, SEQUENCE},
    },
    x509::Certificate,
};

/// 1.2.840.113741.1.13.1, as DER content.
pub(super) const SGX_EXTENSION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01];

/// A platform, as Intel certified its provisioning certification key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pck {
    /// Identity of the processor.
    pub ppid: [u8; 16],
    /// Security versions of the 16 components that TCB levels are compared with.
    pub components: [u8; 16],
    /// Security version of the provisioning certification enclave.
    pub pce_svn: u16,
    /// The processor's security version, whole.
    pub cpu_svn: [u8; 16],
    /// The provisioning certification enclave.
    pub pce_id: [u8; 2],
    /// Family, model, stepping, platform type and custom SKU.
    pub fmspc: [u8; 6],
    /// How memory is protected.
    pub sgx_type: SgxType,
    /// Identity of the platform, of several processors; in certificates of the platform CA.
    pub platform_instance_id: Option<[u8; 16]>,
    /// In certificates of the platform CA.
    pub configuration: PlatformConfiguration,
}

/// How memory is protected.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum SgxType {
    /// Encrypted, with integrity and protection against replay.
    Standard,
    /// Encrypted.
    Scalable,
    /// Encrypted, with integrity.
    ScalableWithIntegrity,
}

impl SgxType {
    /// Every one, in the order of the names.
    pub const ALL: &'static [Self] = &[Self::Scalable, Self::ScalableWithIntegrity, Self::Standard];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Scalable => "scalable",
            Self::ScalableWithIntegrity => "scalable-with-integrity",
        }
    }
}

/// How the platform is set up; `None` where the certificate doesn't say.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct PlatformConfiguration {
    /// Processors can be added.
    pub dynamic_platform: Option<bool>,
    /// Keys are cached by Intel's registration service.
    pub cached_keys: Option<bool>,
    /// Threads of one core may belong to others.
    pub smt_enabled: Option<bool>,
}

impl Pck {
    pub(super) fn facts(&self, facts: &mut Facts) {
        facts.hex("ppid", &self.ppid);
        facts.hex("fmspc", &self.fmspc);
        facts.hex("pce-id", &self.pce_id);
        facts.hex("pck-components", &self.components);
        facts.add("pck-pce-svn", self.pce_svn);
        facts.hex("pck-cpu-svn", &self.cpu_svn);
        facts.add("sgx-type", self.sgx_type.as_str());
        if let Some(id) = &self.platform_instance_id {
            facts.hex("platform-instance-id", id);
        }
        let PlatformConfiguration { dynamic_platform, cached_keys, smt_enabled } = self.configuration;
        for (name, value) in
            [("dynamic-platform", dynamic_platform), ("cached-keys", cached_keys), ("smt-enabled", smt_enabled)]
        {
            if let Some(value) = value {
                facts.add(name, value);
            }
        }
    }

    /// Reads the SGX extension of a PCK certificate.
    pub(super) fn of(certificate: &Certificate<'_>) -> Result<Self, WireError> {
        let extension = certificate.extension(SGX_EXTENSION).ok_or_else(|| missing("SGX extension"))?;
        let mut fields: [Option<Der<'_>>; 7] = [None; 7];
        each(Der::only(extension.value, "SGX extension", SEQUENCE)?, SGX_EXTENSION, |number, value| {
            set(&mut fields, number, value)
        })?;
        let [ppid, tcb, pce_id, fmspc, sgx_type, platform_instance_id, configuration] = fields;
        let (components, pce_svn, cpu_svn) = tcb_of(tcb.ok_or_else(|| missing("TCB"))?)?;
        Ok(Self {
            ppid: octets(ppid, "PPID")?,
            components,
            pce_svn,
            cpu_svn,
            pce_id: octets(pce_id, "PCEID")?,
            fmspc: octets(fmspc, "FMSPC")?,
            sgx_type: sgx_type_of(sgx_type)?,
            platform_instance_id: match platform_instance_id {
                Some(value) => Some(octets(Some(value), "PlatformInstanceID")?),
                None => None,
            },
            configuration: configuration.map_or(Ok(PlatformConfiguration::default()), configuration_of)?,
        })
    }
}

/// Calls `take` with the number of each pair whose name is `prefix` and one number more, and with what is left after the name.
/// Names outside `prefix` don't belong here.
fn each<'a>(
    mut der: Der<'a>,
    prefix: &[u8],
    mut take: impl FnMut(u8, Der<'a>) -> Result<(), WireError>,
) -> Result<(), WireError> {
    const FIELD: &str = "SGX extension";
    while !der.is_empty() {
        let mut pair = der.sequence(FIELD)?;
        let name = pair.expect(FIELD, OID)?;
        let Some([number]) = name.strip_prefix(prefix) else {
            let actual = hex::encode(name);
            return Err(WireError::Value { field: FIELD, expected: "names of Intel's profile", actual });
        };
        take(*number, pair)?;
    }
    Ok(())
}

/// Keeps a field; numbers above what is known here say more, and change nothing about what is.
fn set<'a>(fields: &mut [Option<Der<'a>>], number: u8, value: Der<'a>) -> Result<(), WireError> {
    let place = usize::from(number).checked_sub(1).and_then(|place| fields.get_mut(place));
    if let Some(place) = place
        && place.replace(value).is_some()
    {
        let actual = format!("number {number} twice");
        return Err(WireError::Value { field: "SGX extension", expected: "each field once", actual });
    }
    Ok(())
}

fn tcb_of(mut der: Der<'_>) -> Result<([u8; 16], u16, [u8; 16]), WireError> {
    let sequence = der.sequence("TCB")?;
    der.end("TCB")?;
    let mut fields: [Option<Der<'_>>; 18] = [None; 18];
    each(sequence, &[SGX_EXTENSION, &[2]].concat(), |number, value| set(&mut fields, number, value))?;
    let [components @ .., pce_svn, cpu_svn] = fields;
    let components: [Option<Der<'_>>; 16] = components;
    let mut svns = [0; 16];
    for (svn, component) in svns.iter_mut().zip(components) {
        *svn = number(component, "SGX TCB component SVN")?;
    }
    Ok((svns, number(pce_svn, "PCESVN")?, octets(cpu_svn, "CPUSVN")?))
}

fn configuration_of(mut der: Der<'_>) -> Result<PlatformConfiguration, WireError> {
    let sequence = der.sequence("Configuration")?;
    der.end("Configuration")?;
    let mut fields: [Option<Der<'_>>; 3] = [None; 3];
    each(sequence, &[SGX_EXTENSION, &[7]].concat(), |number, value| set(&mut fields, number, value))?;
    let [dynamic_platform, cached_keys, smt_enabled] = fields.map(|field| field.map(flag).transpose());
    Ok(PlatformConfiguration {
        dynamic_platform: dynamic_platform?,
        cached_keys: cached_keys?,
        smt_enabled: smt_enabled?,
    })
}

fn flag(mut der: Der<'_>) -> Result<bool, WireError> {
    const FIELD: &str = "Configuration";
    let value = der.boolean(FIELD)?;
    der.end(FIELD)?;
    Ok(value)
}

fn sgx_type_of(der: Option<Der<'_>>) -> Result<SgxType, WireError> {
    const FIELD: &str = "SGXType";
    let mut der = der.ok_or_else(|| missing(FIELD))?;
    let value = der.expect(FIELD, ENUMERATED)?;
    der.end(FIELD)?;
    match value {
        [0] => Ok(SgxType::Standard),
        [1] => Ok(SgxType::Scalable),
        [2] => Ok(SgxType::ScalableWithIntegrity),
        other => Err(WireError::Value { field: FIELD, expected: "0, 1 or 2", actual: hex::encode(other) }),
    }
}

fn octets<const N: usize>(der: Option<Der<'_>>, field: &'static str) -> Result<[u8; N], WireError> {
    let mut der = der.ok_or_else(|| missing(field))?;
    let content = der.expect(field, OCTET_STRING)?;
    der.end(field)?;
    content.try_into().map_err(|_| WireError::Value {
        field,
        expected: "its fixed length",
        actual: hex::encode(content),
    })
}

fn number<T: TryFrom<u64>>(der: Option<Der<'_>>, field: &'static str) -> Result<T, WireError> {
    let mut der = der.ok_or_else(|| missing(field))?;
    let value = der.unsigned(field)?;
    der.end(field)?;
    T::try_from(value).map_err(|_| WireError::Value { field, expected: "a smaller number", actual: value.to_string() })
}

fn missing(field: &'static str) -> WireError {
    WireError::Value { field, expected: "to be there", actual: "missing".to_owned() }
}

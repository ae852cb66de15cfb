//! Which addresses a request may reach. An address is judged as the kernel will use it,
//! and so are the IPv4 addresses that IPv6 ones carry inside.
//!
//! Never reached: what names this link, a cloud's metadata service, everybody or nobody.
//! Reached only when the caller names the range: private networks and this machine.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// What an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Routed on the internet.
    Public,
    /// Reached only when the caller names its range; the text says what it is.
    Private(&'static str),
    /// Reached never; the text says what it is.
    Never(&'static str),
}

/// Judges one address.
pub fn judge(address: IpAddr) -> Judgement {
    match address {
        IpAddr::V4(address) => judge_v4(address),
        IpAddr::V6(address) => judge_v6(address),
    }
}

/// The first entry that holds an address is its judgement; no entry is public.
const V4: &[(&str, Judgement)] = {
    use Judgement::{Never, Private};
    &[
        ("0.0.0.0/8", Never("an unspecified address")),
        ("100.100.100.200/32", Never("a cloud's metadata service")),
        ("168.63.129.16/32", Never("a cloud's metadata service")),
        ("192.0.0.0/24", Never("a reserved address")),
        (
            "169.254.0.0/16",
            Never("a link-local address, where clouds keep their metadata"),
        ),
        ("192.0.2.0/24", Never("an address for documentation")),
        ("198.51.100.0/24", Never("an address for documentation")),
        ("203.0.113.0/24", Never("an address for documentation")),
        ("192.88.99.0/24", Never("a reserved address")),
        ("224.0.0.0/4", Never("a multicast address")),
        ("240.0.0.0/4", Never("a reserved or broadcast address")),
        ("127.0.0.0/8", Private("this machine")),
        ("10.0.0.0/8", Private("a private address")),
        ("172.16.0.0/12", Private("a private address")),
        ("192.168.0.0/16", Private("a private address")),
        ("100.64.0.0/10", Private("a carrier's shared address")),
        ("198.18.0.0/15", Private("an address for benchmarks")),
    ]
};

/// As `V4`; no entry is never, for only `2000::/3` is routed on the internet.
const V6: &[(&str, Judgement)] = {
    use Judgement::{Never, Private, Public};
    &[
        ("::/128", Never("an unspecified address")),
        ("::1/128", Private("this machine")),
        ("fd00:ec2::254/128", Never("a cloud's metadata service")),
        ("fd20:ce::254/128", Never("a cloud's metadata service")),
        ("fc00::/7", Private("a private address")),
        ("fe80::/10", Never("a link-local address")),
        ("fec0::/10", Never("a site-local address")),
        ("ff00::/8", Never("a multicast address")),
        (
            "2001::/23",
            Never("a reserved address, such as a Teredo tunnel's"),
        ),
        ("2001:db8::/32", Never("an address for documentation")),
        ("3fff::/20", Never("an address for documentation")),
        // A translator to public IPv4 addresses: others inside it are judged before.
        ("64:ff9b::/96", Public),
        ("2000::/3", Public),
    ]
};

fn judge_v4(address: Ipv4Addr) -> Judgement {
    listed(V4, IpAddr::V4(address)).unwrap_or(Judgement::Public)
}

fn judge_v6(address: Ipv6Addr) -> Judgement {
    // The kernel connects to `::ffff:a.b.c.d` as to `a.b.c.d`.
    if let Some(inner) = address.to_ipv4_mapped() {
        return judge_v4(inner);
    }
    // A tunnel or a translator: what counts is where it leads to, and nobody who means an
    // inner address writes it so.
    match carried(address).map(judge_v4) {
        Some(Judgement::Private(what) | Judgement::Never(what)) => Judgement::Never(what),
        Some(Judgement::Public) | None => {
            listed(V6, IpAddr::V6(address)).unwrap_or(Judgement::Never("a reserved address"))
        }
    }
}

/// The IPv4 address inside: compatible, translated (SIIT, NAT64), 6to4, ISATAP.
fn carried(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = address.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    if address == Ipv6Addr::UNSPECIFIED || address == Ipv6Addr::LOCALHOST {
        return None;
    }
    match s {
        [0, 0, 0, 0, 0, 0, high, low] // compatible
        | [0, 0, 0, 0, 0xffff, 0, high, low] // translated
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low] // NAT64
        | [_, _, _, _, 0 | 0x200, 0x5efe, high, low] // ISATAP
        | [0x2002, high, low, ..] => Some(v4(high, low)), // 6to4
        _ => None,
    }
}

fn listed(table: &[(&str, Judgement)], address: IpAddr) -> Option<Judgement> {
    table.iter().find_map(|(range, judgement)| {
        let range: Range = range.parse().expect("the tables hold ranges");
        range.holds(address).then_some(*judgement)
    })
}

/// A range of addresses in CIDR notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    base: IpAddr,
    prefix: u8,
}

/// What is no range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no range of addresses such as 10.0.0.0/8 or fd00::/8")]
pub struct BadRange(String);

impl FromStr for Range {
    type Err = BadRange;

    fn from_str(text: &str) -> Result<Self, BadRange> {
        let bad = || BadRange(text.to_owned());
        let (base, prefix) = match text.split_once('/') {
            Some((base, prefix)) => (base, Some(prefix)),
            None => (text, None),
        };
        let base: IpAddr = base.parse().map_err(|_| bad())?;
        let most = if base.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => most,
            Some(prefix) if prefix.bytes().all(|b| b.is_ascii_digit()) => {
                prefix.parse().map_err(|_| bad())?
            }
            Some(_) => return Err(bad()),
        };
        let range = Self { base, prefix };
        // `10.1.2.3/8` is more often a slip than a range.
        if prefix > most || range.masked(base) != bits(base) {
            return Err(bad());
        }
        Ok(range)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

impl Range {
    /// Whether the address lies in it.
    pub fn holds(&self, address: IpAddr) -> bool {
        self.base.is_ipv4() == address.is_ipv4() && self.masked(address) == bits(self.base)
    }

    fn masked(&self, address: IpAddr) -> u128 {
        let width: u32 = if address.is_ipv4() { 32 } else { 128 };
        let host_bits = width.saturating_sub(u32::from(self.prefix));
        let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
        bits(address) & mask
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// An address that may not be reached, and what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Barred {
    #[error("{0}: it is never reached")]
    Never(&'static str),
    #[error("{0}: it may not be reached, as no range that is granted holds it")]
    Unnamed(&'static str),
}

/// Which addresses that are not public a caller may reach.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    ranges: Vec<Range>,
    every_private: bool,
}

impl Reach {
    /// Public addresses alone.
    pub fn public() -> Self {
        Self::default()
    }

    /// Public addresses, and of the private ones those in these ranges.
    pub fn with(ranges: Vec<Range>) -> Self {
        Self {
            ranges,
            every_private: false,
        }
    }

    /// Private addresses too, for a host that an operator named himself.
    pub fn private() -> Self {
        Self {
            ranges: Vec::new(),
            every_private: true,
        }
    }

    /// Whether the address may be reached.
    ///
    /// # Errors
    /// What the address is, and what is missing.
    pub fn allows(&self, address: IpAddr) -> Result<(), Barred> {
        match judge(address) {
            Judgement::Public => Ok(()),
            Judgement::Never(what) => Err(Barred::Never(what)),
            Judgement::Private(what) => {
                let address = address.to_canonical();
                let named = self.ranges.iter().any(|range| range.holds(address));
                if self.every_private || named {
                    Ok(())
                } else {
                    Err(Barred::Unnamed(what))
                }
            }
        }
    }
}

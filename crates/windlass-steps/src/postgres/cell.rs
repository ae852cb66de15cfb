//! One field of an answered row as a value. Types that are not listed in `is_known`
//! are refused before the statement runs; authors cast them with `::text`.

use std::error::Error;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use tokio_postgres::types::{FromSql, Kind, Type};
use windlass_core::value::Value;

use super::clock;
use crate::json;

/// A field; NULL is null.
#[derive(Debug)]
pub(super) struct Cell(pub(super) Value);

type Wrong = Box<dyn Error + Sync + Send>;

/// Whether values of the type can be read.
pub(super) fn is_known(ty: &Type) -> bool {
    match ty.kind() {
        Kind::Array(item) => is_known(item) && !matches!(item.kind(), Kind::Array(_)),
        Kind::Domain(base) => is_known(base),
        Kind::Enum(_) => true,
        _ => is_text(ty) || is_scalar(ty),
    }
}

fn is_text(ty: &Type) -> bool {
    [
        Type::TEXT,
        Type::VARCHAR,
        Type::BPCHAR,
        Type::NAME,
        Type::UNKNOWN,
    ]
    .contains(ty)
        || ty.name() == "citext"
}

fn is_scalar(ty: &Type) -> bool {
    [
        Type::BOOL,
        Type::INT2,
        Type::INT4,
        Type::INT8,
        Type::OID,
        Type::XID,
        Type::CID,
        Type::XID8,
        Type::FLOAT4,
        Type::FLOAT8,
        Type::NUMERIC,
        Type::CHAR,
        Type::JSON,
        Type::JSONB,
        Type::DATE,
        Type::TIME,
        Type::TIMETZ,
        Type::TIMESTAMP,
        Type::TIMESTAMPTZ,
        Type::INTERVAL,
        Type::PG_LSN,
        Type::UUID,
        Type::BYTEA,
        Type::INET,
        Type::CIDR,
        Type::VOID,
    ]
    .contains(ty)
}

impl<'a> FromSql<'a> for Cell {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Wrong> {
        let value = match ty.kind() {
            Kind::Array(_) => {
                let items = Vec::<Cell>::from_sql(ty, raw)?;
                Value::List(items.into_iter().map(|item| item.0).collect())
            }
            Kind::Domain(base) => Cell::from_sql(base, raw)?.0,
            Kind::Enum(_) => text(raw)?,
            _ if is_text(ty) => text(raw)?,
            _ => scalar(ty, raw)?,
        };
        Ok(Self(value))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Wrong> {
        Ok(Self(Value::Null))
    }

    fn accepts(ty: &Type) -> bool {
        is_known(ty)
    }
}

fn scalar(ty: &Type, raw: &[u8]) -> Result<Value, Wrong> {
    Ok(match *ty {
        Type::BOOL => Value::Bool(u8::from_be_bytes(fixed(raw)?) != 0),
        Type::INT2 => i64::from(i16::from_be_bytes(fixed(raw)?)).into(),
        Type::INT4 => i64::from(i32::from_be_bytes(fixed(raw)?)).into(),
        Type::INT8 => i64::from_be_bytes(fixed(raw)?).into(),
        Type::OID | Type::XID | Type::CID => i64::from(u32::from_be_bytes(fixed(raw)?)).into(),
        Type::XID8 => {
            let id = u64::from_be_bytes(fixed(raw)?);
            i64::try_from(id).map_or_else(|_| Value::Text(id.to_string()), Value::Int)
        }
        Type::FLOAT4 => {
            // By its shortest text: widened, 1.1 would become 1.10000002.
            let float = f32::from_be_bytes(fixed(raw)?);
            float64(float.to_string().parse::<f64>()?)
        }
        Type::FLOAT8 => float64(f64::from_be_bytes(fixed(raw)?)),
        Type::NUMERIC => numeric(raw)?,
        Type::CHAR => Value::Text(char::from(u8::from_be_bytes(fixed(raw)?)).to_string()),
        Type::JSON => json::parse(std::str::from_utf8(raw)?)?,
        Type::JSONB => match raw.split_first() {
            Some((1, document)) => json::parse(std::str::from_utf8(document)?)?,
            _ => return Err("an unknown version of jsonb".into()),
        },
        Type::DATE => clock::date(i32::from_be_bytes(fixed(raw)?)).into(),
        Type::TIME => clock::time(i64::from_be_bytes(fixed(raw)?)).into(),
        Type::TIMETZ => {
            let (micros, west) = raw.split_at_checked(8).ok_or("a short timetz")?;
            let time = clock::time(i64::from_be_bytes(fixed(micros)?));
            let offset = clock::offset(i32::from_be_bytes(fixed(west)?));
            Value::Text(format!("{time}{offset}"))
        }
        Type::TIMESTAMP => clock::timestamp(i64::from_be_bytes(fixed(raw)?), "").into(),
        Type::TIMESTAMPTZ => clock::timestamp(i64::from_be_bytes(fixed(raw)?), "Z").into(),
        Type::INTERVAL => {
            let raw: [u8; 16] = fixed(raw)?;
            clock::interval(
                i64::from_be_bytes(fixed(&raw[..8])?),
                i32::from_be_bytes(fixed(&raw[8..12])?),
                i32::from_be_bytes(fixed(&raw[12..])?),
            )
            .into()
        }
        Type::PG_LSN => {
            let lsn = u64::from_be_bytes(fixed(raw)?);
            Value::Text(format!("{:X}/{:X}", lsn >> 32, lsn & 0xffff_ffff))
        }
        Type::UUID => {
            let hex = hex(&fixed::<16>(raw)?);
            let parts = [
                &hex[..8],
                &hex[8..12],
                &hex[12..16],
                &hex[16..20],
                &hex[20..],
            ];
            Value::Text(parts.join("-"))
        }
        Type::BYTEA => Value::Text(format!("\\x{}", hex(raw))),
        Type::INET | Type::CIDR => network(raw)?,
        Type::VOID => Value::Null,
        _ => return Err(format!("the type {} is not read", ty.name()).into()),
    })
}

fn fixed<const N: usize>(raw: &[u8]) -> Result<[u8; N], Wrong> {
    raw.try_into()
        .map_err(|_| format!("{} bytes where {N} were expected", raw.len()).into())
}

fn text(raw: &[u8]) -> Result<Value, Wrong> {
    Ok(Value::Text(std::str::from_utf8(raw)?.to_owned()))
}

fn hex(raw: &[u8]) -> String {
    let mut hex = String::with_capacity(raw.len() * 2);
    for byte in raw {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// A float; what JSON cannot hold is a text.
fn float64(float: f64) -> Value {
    if float.is_finite() {
        Value::Float(float)
    } else if float.is_nan() {
        "NaN".into()
    } else if float > 0.0 {
        "Infinity".into()
    } else {
        "-Infinity".into()
    }
}

/// An integer when it has no decimal places and fits, otherwise its exact text.
fn numeric(raw: &[u8]) -> Result<Value, Wrong> {
    let words: Vec<u16> = raw
        .chunks_exact(2)
        .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
        .collect();
    let [count, weight, sign, scale, digits @ ..] = words.as_slice() else {
        return Err("a short numeric".into());
    };
    match sign {
        0xc000 => return Ok("NaN".into()),
        0xd000 => return Ok("Infinity".into()),
        0xf000 => return Ok("-Infinity".into()),
        0 | 0x4000 => {}
        _ => return Err("an unknown sign of numeric".into()),
    }
    if digits.len() != usize::from(*count) {
        return Err("a numeric with a wrong count of digits".into());
    }
    // The first group's power of 10,000.
    let weight = i32::from(weight.cast_signed());
    let group = |power: i32| {
        usize::try_from(weight - power)
            .ok()
            .and_then(|at| digits.get(at))
            .copied()
            .unwrap_or(0)
    };
    let mut text = String::new();
    for power in (0..=weight.max(0)).rev() {
        let _ = if text.is_empty() {
            write!(text, "{}", group(power))
        } else {
            write!(text, "{:04}", group(power))
        };
        if text == "0" && power > 0 {
            text.clear();
        }
    }
    if *sign == 0x4000 {
        text.insert(0, '-');
    }
    let scale = usize::from(*scale);
    if scale == 0 {
        return Ok(text.parse().map_or(Value::Text(text), Value::Int));
    }
    let mut places = String::new();
    let mut power = -1;
    while places.len() < scale {
        let _ = write!(places, "{:04}", group(power));
        power -= 1;
    }
    Ok(Value::Text(format!("{text}.{}", &places[..scale])))
}

/// An address, with its prefix's length when it is a network.
fn network(raw: &[u8]) -> Result<Value, Wrong> {
    let [_, bits, is_cidr, _, address @ ..] = raw else {
        return Err("a short address".into());
    };
    let (address, full) = match address.len() {
        4 => (Ipv4Addr::from(fixed::<4>(address)?).to_string(), 32),
        16 => (Ipv6Addr::from(fixed::<16>(address)?).to_string(), 128),
        _ => return Err("an address of unknown length".into()),
    };
    Ok(Value::Text(if *is_cidr == 0 && *bits == full {
        address
    } else {
        format!("{address}/{bits}")
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[u16]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn numerics_are_exact() {
        let minus_two = (-2i16).cast_unsigned();
        let table: [(&[u16], Value); 8] = [
            (&[0, 0, 0, 0], Value::Int(0)),
            (&[1, 0, 0, 0, 42], Value::Int(42)),
            (&[2, 1, 0x4000, 0, 3, 7], Value::Int(-30_007)),
            (&[1, 2, 0, 0, 5], Value::Int(500_000_000)),
            (&[2, 0, 0, 2, 42, 5000], "42.50".into()),
            (&[1, minus_two, 0, 8, 7], "0.00000007".into()),
            (&[0, 0, 0xc000, 0], "NaN".into()),
            (
                &[5, 4, 0, 0, 1844, 6744, 737, 955, 1615],
                "18446744073709551615".into(),
            ),
        ];
        for (raw, expected) in table {
            assert_eq!(numeric(&words(raw)).unwrap(), expected, "{raw:?}");
        }
        assert!(numeric(&[0, 1]).is_err());
        assert!(numeric(&words(&[3, 0, 0, 0, 1])).is_err());
    }
}

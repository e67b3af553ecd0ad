//! Requests for parts of maps (RFC 7285 §11.3).

use std::fmt;
use std::str::FromStr;

use crate::address::AddressType;
use crate::fault::{Fault, Parsed, code, excerpt};
use crate::json::document::{Document, parse};
use crate::json::writer::Writer;
use crate::meta::{CostType, parse_name, required};
use crate::names::PidName;
use crate::options::ReadOptions;

/// What to keep of a network map (§11.3.1.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkMapFilter {
    /// These PIDs; all if empty.
    pub pids: Vec<PidName>,
    /// Addresses of these types; all if empty.
    pub address_types: Vec<AddressType>,
}

impl NetworkMapFilter {
    /// Reads a request.
    ///
    /// # Errors
    /// If it is none; an [`ErrorBody`](crate::ErrorBody) can be made of the fault.
    pub fn parse(body: &[u8], options: &ReadOptions) -> Result<Parsed<Self>, Fault> {
        parse(body, options, |document| {
            let (mut pids, mut address_types) = (None, Vec::new());
            document.object(|document, key| match key {
                "pids" => {
                    pids = Some(pid_names(document)?);
                    Ok(())
                }
                "address-types" => document.strings(|document, text| {
                    address_types.push(address_type(text, document)?);
                    Ok(())
                }),
                _ => document.skip(),
            })?;
            Ok(Self { pids: required(pids, document, "pids")?, address_types })
        })
    }

    /// The body as it is sent.
    pub fn to_json(&self) -> Vec<u8> {
        Writer::message(|writer| {
            writer.strings_member("pids", &self.pids);
            if !self.address_types.is_empty() {
                let names = self.address_types.iter().map(|kind| kind.as_str());
                writer.strings_member("address-types", names);
            }
        })
    }
}

/// What to keep of a cost map (§11.3.2.3).
#[derive(Clone, Debug, PartialEq)]
pub struct CostMapFilter {
    /// Which costs.
    pub cost_type: CostType,
    /// All must hold for a cost to be kept.
    pub constraints: Vec<Constraint>,
    /// From these PIDs; all if empty.
    pub sources: Vec<PidName>,
    /// To these PIDs; all if empty.
    pub destinations: Vec<PidName>,
}

impl CostMapFilter {
    /// Reads a request. Whether constraints are allowed (§11.3.2.4) is the server's to say.
    ///
    /// # Errors
    /// If it is none; an [`ErrorBody`](crate::ErrorBody) can be made of the fault.
    pub fn parse(body: &[u8], options: &ReadOptions) -> Result<Parsed<Self>, Fault> {
        parse(body, options, |document| {
            let (mut cost_type, mut constraints) = (None, Vec::new());
            let (mut sources, mut destinations) = (Vec::new(), Vec::new());
            document.object(|document, key| {
                match key {
                    "cost-type" => cost_type = Some(CostType::read(document)?),
                    "constraints" => constraints = Constraint::read_all(document)?,
                    "pids" => document.object(|document, key| {
                        match key {
                            "srcs" => sources = pid_names(document)?,
                            "dsts" => destinations = pid_names(document)?,
                            _ => document.skip()?,
                        }
                        Ok(())
                    })?,
                    _ => document.skip()?,
                }
                Ok(())
            })?;
            let cost_type = required(cost_type, document, "cost-type")?;
            Ok(Self { cost_type, constraints, sources, destinations })
        })
    }

    /// The body as it is sent.
    pub fn to_json(&self) -> Vec<u8> {
        Writer::message(|writer| {
            writer.object_member("cost-type", |writer| self.cost_type.write(writer));
            Constraint::write_all(&self.constraints, writer);
            writer.object_member("pids", |writer| {
                writer.strings_member("srcs", &self.sources);
                writer.strings_member("dsts", &self.destinations);
            });
        })
    }
}

/// A bound on costs, such as `le 10` (§11.3.2.3).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Constraint {
    /// How costs are compared.
    pub operator: Operator,
    /// With what.
    pub value: f64,
}

/// How a cost is compared with a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `gt`: greater.
    Gt,
    /// `lt`: less.
    Lt,
    /// `ge`: greater or equal.
    Ge,
    /// `le`: less or equal.
    Le,
    /// `eq`: equal.
    Eq,
}

impl Operator {
    const ALL: [Self; 5] = [Self::Gt, Self::Lt, Self::Ge, Self::Le, Self::Eq];

    fn as_str(self) -> &'static str {
        match self {
            Self::Gt => "gt",
            Self::Lt => "lt",
            Self::Ge => "ge",
            Self::Le => "le",
            Self::Eq => "eq",
        }
    }
}

impl Constraint {
    /// Whether a cost may be kept.
    #[expect(clippy::float_cmp, reason = "`eq` means equal")]
    pub fn admits(&self, cost: f64) -> bool {
        match self.operator {
            Operator::Gt => cost > self.value,
            Operator::Lt => cost < self.value,
            Operator::Ge => cost >= self.value,
            Operator::Le => cost <= self.value,
            Operator::Eq => cost == self.value,
        }
    }

    pub(crate) fn read_all(document: &mut Document<'_>) -> Result<Vec<Self>, Fault> {
        let mut constraints = Vec::new();
        document.strings(|document, text| {
            constraints.push(text.parse().map_err(|()| {
                let sentence = format!("`{}` is no constraint such as `le 10`", excerpt(text));
                Fault::value(code::FIELD_VALUE, document.path(), text, sentence)
            })?);
            Ok(())
        })?;
        Ok(constraints)
    }

    pub(crate) fn write_all(constraints: &[Self], writer: &mut Writer) {
        if !constraints.is_empty() {
            writer.strings_member("constraints", constraints.iter().map(ToString::to_string));
        }
    }
}

impl FromStr for Constraint {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (name, value) = text.split_once(' ').ok_or(())?;
        let operator = Operator::ALL.into_iter().find(|known| known.as_str() == name).ok_or(())?;
        let value: f64 = value.parse().map_err(drop)?;
        if value.is_finite() { Ok(Self { operator, value }) } else { Err(()) }
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.operator.as_str(), self.value)
    }
}

fn pid_names(document: &mut Document<'_>) -> Result<Vec<PidName>, Fault> {
    let mut pids = Vec::new();
    document.strings(|document, text| {
        pids.push(parse_name(text, document)?);
        Ok(())
    })?;
    Ok(pids)
}

fn address_type(text: &str, document: &Document<'_>) -> Result<AddressType, Fault> {
    AddressType::named(text).ok_or_else(|| {
        let sentence = format!("`{}` is no address type; ipv4 and ipv6 are", excerpt(text));
        Fault::value(code::FIELD_VALUE, document.path(), text, sentence)
    })
}

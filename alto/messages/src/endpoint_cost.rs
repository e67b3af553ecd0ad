//! The endpoint cost service, ECS (RFC 7285 §11.5).

use std::collections::BTreeMap;

use crate::address::TypedAddress;
use crate::cost::Judge;
use crate::endpoint_property::read_endpoints;
use crate::fault::{Fault, Parsed, code};
use crate::filters::Constraint;
use crate::json::document::{Document, parse};
use crate::json::envelope::missing_member;
use crate::json::keys::duplicate;
use crate::json::writer::Writer;
use crate::meta::{CostType, Meta, required};
use crate::options::ReadOptions;

/// Between which endpoints costs are asked for (§11.5.1.3).
///
/// An empty list means "the address this request comes from": who asks on behalf of others fills
/// both.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointCostRequest {
    /// Which costs.
    pub cost_type: CostType,
    /// All must hold for a cost to be sent.
    pub constraints: Vec<Constraint>,
    /// From these endpoints.
    pub sources: Vec<TypedAddress>,
    /// To these endpoints.
    pub destinations: Vec<TypedAddress>,
}

impl EndpointCostRequest {
    /// Reads a request. At least one of the lists must have an element.
    ///
    /// # Errors
    /// If it is none; an [`ErrorBody`](crate::ErrorBody) can be made of the fault.
    pub fn parse(body: &[u8], options: &ReadOptions) -> Result<Parsed<Self>, Fault> {
        parse(body, options, |document| {
            let (mut cost_type, mut constraints, mut endpoints) = (None, Vec::new(), None);
            document.object(|document, key| {
                match key {
                    "cost-type" => cost_type = Some(CostType::read(document)?),
                    "constraints" => constraints = Constraint::read_all(document)?,
                    "endpoints" => endpoints = Some(read_lists(document)?),
                    _ => document.skip()?,
                }
                Ok(())
            })?;
            let cost_type = required(cost_type, document, "cost-type")?;
            let (sources, destinations) = required(endpoints, document, "endpoints")?;
            if sources.is_empty() && destinations.is_empty() {
                let sentence = "neither sources nor destinations are named";
                return Err(Fault::value(code::FIELD_VALUE, "endpoints", "", sentence));
            }
            Ok(Self { cost_type, constraints, sources, destinations })
        })
    }

    /// The body as it is sent.
    pub fn to_json(&self) -> Vec<u8> {
        Writer::message(|writer| {
            writer.object_member("cost-type", |writer| self.cost_type.write(writer));
            Constraint::write_all(&self.constraints, writer);
            writer.object_member("endpoints", |writer| {
                writer.array_member("srcs", &self.sources, Writer::quoted);
                writer.array_member("dsts", &self.destinations, Writer::quoted);
            });
        })
    }
}

fn read_lists(
    document: &mut Document<'_>,
) -> Result<(Vec<TypedAddress>, Vec<TypedAddress>), Fault> {
    let (mut sources, mut destinations) = (Vec::new(), Vec::new());
    document.object(|document, key| {
        match key {
            "srcs" => sources = read_endpoints(document)?,
            "dsts" => destinations = read_endpoints(document)?,
            _ => document.skip()?,
        }
        Ok(())
    })?;
    Ok((sources, destinations))
}

/// Costs between endpoints (§11.5.1.6). A pair that is missing has no known cost: neither zero nor
/// infinity.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointCosts {
    /// What the numbers mean.
    pub cost_type: CostType,
    /// By source and destination.
    pub costs: BTreeMap<TypedAddress, BTreeMap<TypedAddress, f64>>,
}

impl EndpointCosts {
    /// Reads an answer.
    ///
    /// # Errors
    /// If it is none, or any cost in it makes no sense; see [`code`].
    pub fn parse(body: &[u8], options: &ReadOptions) -> Result<Parsed<Self>, Fault> {
        parse(body, options, |document| {
            let (mut meta, mut costs, mut keys) = (Meta::default(), None, Vec::new());
            let mut judge = Judge::default();
            document.object(|document, key| {
                keys.push(key.to_owned());
                match key {
                    "meta" => meta = Meta::read(document)?,
                    "endpoint-cost-map" => costs = Some(read_costs(document, &mut judge)?),
                    _ => document.skip()?,
                }
                Ok(())
            })?;
            let missing = || missing_member("endpoint-cost-map", keys.iter().map(String::as_str));
            let costs = costs.ok_or_else(missing)?;
            let cost_type = Meta::cost_type(meta.cost_type)?;
            judge.accepts(&cost_type)?;
            Ok(Self { cost_type, costs })
        })
    }

    /// The cost from one endpoint to another, if known.
    pub fn get(&self, source: TypedAddress, destination: TypedAddress) -> Option<f64> {
        self.costs.get(&source)?.get(&destination).copied()
    }

    /// The body as it is sent.
    pub fn to_json(&self) -> Vec<u8> {
        Writer::message(|writer| {
            writer.object_member("meta", |writer| {
                writer.object_member("cost-type", |writer| self.cost_type.write(writer));
            });
            writer.object_member("endpoint-cost-map", |writer| {
                for (source, row) in &self.costs {
                    writer.object_member(&source.to_string(), |writer| {
                        for (destination, cost) in row {
                            writer.plain_member(&destination.to_string(), cost);
                        }
                    });
                }
            });
        })
    }
}

type Costs = BTreeMap<TypedAddress, BTreeMap<TypedAddress, f64>>;

fn read_costs(document: &mut Document<'_>, judge: &mut Judge) -> Result<Costs, Fault> {
    let mut costs = Costs::new();
    document.object(|document, key| {
        let Some(source) = document.address(key)? else { return document.skip() };
        let mut row = BTreeMap::new();
        document.object(|document, key| {
            let Some(destination) = document.address(key)? else { return document.skip() };
            let cost = judge.read(&document.next()?, &|| document.path())?;
            match row.insert(destination, cost) {
                None => Ok(()),
                Some(_) => Err(duplicate(&document.path(), key)),
            }
        })?;
        match costs.insert(source, row) {
            None => Ok(()),
            Some(_) => Err(duplicate(&document.path(), key)),
        }
    })?;
    Ok(costs)
}

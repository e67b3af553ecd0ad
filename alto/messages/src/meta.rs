//! The `meta` member: which version of which resource a message is or depends on, and what its
//! costs mean (RFC 7285 §8.4.1, §10.3, §10.7).

use crate::fault::{Fault, code};
use crate::json::document::Document;
use crate::json::writer::Writer;
use crate::names::{CostMetric, CostMode, NameFault, ResourceId, Tag};
use crate::options::Report;

/// A version of a resource; equal if and only if both parts are (RFC 7285 §6.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VersionTag {
    /// Which resource.
    pub resource_id: ResourceId,
    /// Which version of it.
    pub tag: Tag,
}

/// What the numbers of a cost map mean (RFC 7285 §10.7).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CostType {
    /// What they measure.
    pub metric: CostMetric,
    /// How they are to be read.
    pub mode: CostMode,
}

impl CostType {
    /// A metric in a mode.
    pub fn new(metric: CostMetric, mode: CostMode) -> Self {
        Self { metric, mode }
    }

    /// `routingcost`, numerical.
    pub fn routingcost() -> Self {
        Self::new(CostMetric::routingcost(), CostMode::Numerical)
    }

    pub(crate) fn read(document: &mut Document<'_>) -> Result<Self, Fault> {
        let (mut metric, mut mode) = (None, None);
        document.object(|document, key| {
            match key {
                "cost-metric" => metric = Some(name(document)?),
                "cost-mode" => mode = Some(name(document)?),
                _ => document.skip()?,
            }
            Ok(())
        })?;
        let metric = required(metric, document, "cost-metric")?;
        Ok(Self { metric, mode: required(mode, document, "cost-mode")? })
    }

    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.string_member("cost-mode", self.mode.as_str());
        writer.string_member("cost-metric", self.metric.as_str());
    }
}

impl VersionTag {
    fn read(document: &mut Document<'_>) -> Result<Self, Fault> {
        let (mut resource_id, mut tag) = (None, None);
        document.object(|document, key| {
            match key {
                "resource-id" => resource_id = Some(name(document)?),
                "tag" => tag = Some(name(document)?),
                _ => document.skip()?,
            }
            Ok(())
        })?;
        let resource_id = required(resource_id, document, "resource-id")?;
        Ok(Self { resource_id, tag: required(tag, document, "tag")? })
    }

    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.string_member("resource-id", self.resource_id.as_str());
        writer.string_member("tag", self.tag.as_str());
    }
}

/// What `meta` says in a message with data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) vtag: Option<VersionTag>,
    pub(crate) dependent_vtags: Option<Vec<VersionTag>>,
    pub(crate) cost_type: Option<CostType>,
}

impl Meta {
    pub(crate) fn read(document: &mut Document<'_>) -> Result<Self, Fault> {
        let mut meta = Self::default();
        document.object(|document, key| {
            match key {
                "vtag" => meta.vtag = Some(VersionTag::read(document)?),
                "dependent-vtags" => meta.dependent_vtags = Some(version_tags(document)?),
                "cost-type" => meta.cost_type = Some(CostType::read(document)?),
                _ => document.skip()?,
            }
            Ok(())
        })?;
        Ok(meta)
    }

    /// The tags this message depends on; their absence is forgiven.
    pub(crate) fn dependencies(
        dependent_vtags: Option<Vec<VersionTag>>,
        report: &mut Report,
    ) -> Result<Vec<VersionTag>, Fault> {
        if let Some(vtags) = dependent_vtags {
            return Ok(vtags);
        }
        report.forgive(Fault::missing(code::MISSING_DEPENDENT_VTAGS, "meta/dependent-vtags"))?;
        Ok(Vec::new())
    }

    /// What the costs mean; without it they mean nothing.
    pub(crate) fn cost_type(cost_type: Option<CostType>) -> Result<CostType, Fault> {
        let cost_type =
            cost_type.ok_or_else(|| Fault::missing(code::MISSING_FIELD, "meta/cost-type"))?;
        match &cost_type.mode {
            CostMode::Other(mode) => Err(Fault::value(
                code::UNSUPPORTED_MODE,
                "meta/cost-type/cost-mode",
                mode.as_str(),
                format!("costs in mode `{mode}` cannot be read"),
            )),
            CostMode::Numerical | CostMode::Ordinal => Ok(cost_type),
        }
    }
}

pub(crate) fn write_dependent_vtags(writer: &mut Writer, vtags: &[VersionTag]) {
    writer.array_member("dependent-vtags", vtags, |writer, vtag| {
        writer.object(|writer| vtag.write(writer));
    });
}

fn version_tags(document: &mut Document<'_>) -> Result<Vec<VersionTag>, Fault> {
    let mut vtags = Vec::new();
    document.array(|document| {
        vtags.push(VersionTag::read(document)?);
        Ok(())
    })?;
    Ok(vtags)
}

/// Reads a string that is a name.
pub(crate) fn name<N>(document: &mut Document<'_>) -> Result<N, Fault>
where
    N: std::str::FromStr<Err = NameFault>,
{
    let text = document.string()?;
    parse_name(&text, document)
}

/// Reads a name from a text that stands where `document` is.
pub(crate) fn parse_name<N>(text: &str, document: &Document<'_>) -> Result<N, Fault>
where
    N: std::str::FromStr<Err = NameFault>,
{
    text.parse().map_err(|fault: NameFault| {
        Fault::value(code::BAD_NAME, document.path(), text, fault.to_string())
    })
}

/// The member `field` of the object we are in; it must be there.
pub(crate) fn required<T>(
    value: Option<T>,
    document: &Document<'_>,
    field: &str,
) -> Result<T, Fault> {
    value.ok_or_else(|| Fault::missing(code::MISSING_FIELD, document.path_of(field)))
}

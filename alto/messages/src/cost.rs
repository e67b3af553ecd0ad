//! Which numbers are costs. One that is not spoils the whole message: a server that sends one
//! cannot be believed on the others.

use crate::fault::{Fault, code, excerpt};
use crate::json::grammar::Event;
use crate::meta::CostType;
use crate::names::{CostMetric, CostMode};

/// Judges costs before it is known what they mean: `meta` may come after them.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    first_negative: Option<(Box<str>, f64)>,
    first_fraction: Option<(Box<str>, f64)>,
}

impl Judge {
    /// Reads a cost. Only numbers are (RFC 7285 §11.2.3.6), and only finite ones.
    pub(crate) fn read(
        &mut self,
        event: &Event<'_>,
        field: &dyn Fn() -> String,
    ) -> Result<f64, Fault> {
        let Event::Number(text) = event else {
            let fault = Fault::wrong_type(field(), event.noun(), "a cost, which is a number,");
            return Err(fault.with_code(code::BAD_COST));
        };
        match text.parse::<f64>() {
            Ok(cost) if cost.is_finite() => {
                self.note(cost, field);
                Ok(cost + 0.0) // -0 and 0 are one cost
            }
            _ => {
                let sentence = format!("{} is no finite number", excerpt(text));
                Err(Fault::value(code::BAD_COST, field(), text, sentence))
            }
        }
    }

    /// Remembers a cost that may turn out to make no sense.
    pub(crate) fn note(&mut self, cost: f64, field: &dyn Fn() -> String) {
        if cost < 0.0 && self.first_negative.is_none() {
            self.first_negative = Some((field().into(), cost));
        }
        if cost.fract() != 0.0 && self.first_fraction.is_none() {
            self.first_fraction = Some((field().into(), cost));
        }
    }

    /// Whether all that was read makes sense as this: no metric that is known to be non-negative
    /// has a negative cost, and ranks are whole numbers from zero on (RFC 7285 §6.1.2.2).
    pub(crate) fn accepts(&self, cost_type: &CostType) -> Result<(), Fault> {
        let is_rank = cost_type.mode == CostMode::Ordinal;
        let is_routingcost = cost_type.metric.as_str() == CostMetric::ROUTINGCOST;
        let what = if is_rank { "rank" } else { "routingcost" };
        let refuse = |code, (field, cost): &(Box<str>, f64), why: &str| {
            let sentence = format!("{cost} is no {what}: {why}");
            Err(Fault::value(code, field.clone(), &cost.to_string(), sentence))
        };
        match (&self.first_negative, &self.first_fraction) {
            (Some(cell), _) if is_rank || is_routingcost => {
                refuse(code::NEGATIVE_COST, cell, "it is negative")
            }
            (_, Some(cell)) if is_rank => {
                refuse(code::FRACTIONAL_RANK, cell, "it is no whole number")
            }
            _ => Ok(()),
        }
    }
}

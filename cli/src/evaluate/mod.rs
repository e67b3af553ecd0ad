//! `alto evaluate`: what guidance is worth, and what each way to find servers gives, by running it.

pub(crate) mod approaches;
mod html;
pub(crate) mod swarm;

/// Reads a number within these bounds.
fn number(least: u64, most: u64) -> impl Fn(&str) -> Result<usize, String> + Clone {
    move |text| {
        let number = text.parse().ok().filter(|number| (least..=most).contains(number));
        let number = number.and_then(|number| usize::try_from(number).ok());
        number.ok_or_else(|| format!("wanted: a number from {least} to {most}"))
    }
}

/// A seed for each draw (SplitMix64).
fn mixed(seed: u64, draw: u64) -> u64 {
    let mut bits = seed.wrapping_add(draw.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

//! What chance says, exactly.

/// How many good ones are in a list drawn without replacement: the hypergeometric distribution.
#[derive(Clone, Debug)]
pub(super) struct Hypergeometric {
    /// The chance of each number, from `least` on.
    chances: Vec<f64>,
    least: usize,
}

impl Hypergeometric {
    /// Of `all`, `good` are good, and `list` are drawn; neither is more than `all`.
    pub(super) fn new(all: usize, good: usize, list: usize) -> Self {
        let least = (good + list).saturating_sub(all);
        let most = good.min(list);
        // Each chance by the one before, from the largest one on, and all divided by their sum: no
        // factorials, no underflow where it matters.
        let ratio = |k: usize| {
            let up = count(good - k) * count(list - k);
            up / (count(k + 1) * count(all + k + 1 - good - list))
        };
        let mode = ((good + 1) * (list + 1) / (all + 2)).clamp(least, most);
        let mut chances = vec![0.0; most - least + 1];
        chances[mode - least] = 1.0;
        for k in mode..most {
            chances[k + 1 - least] = chances[k - least] * ratio(k);
        }
        for k in (least..mode).rev() {
            chances[k - least] = chances[k + 1 - least] / ratio(k);
        }
        let sum: f64 = chances.iter().sum();
        for chance in &mut chances {
            *chance /= sum;
        }
        Self { chances, least }
    }

    /// The chance of at most `k` good ones.
    pub(super) fn at_most(&self, k: usize) -> f64 {
        let numbers = (k + 1).saturating_sub(self.least).min(self.chances.len());
        // An empty sum would be -0, and one of all may be a little more than 1.
        self.chances[..numbers].iter().fold(0.0, |sum, chance| sum + chance).min(1.0)
    }

    /// The mean number.
    pub(super) fn mean(&self) -> f64 {
        (self.least..).zip(&self.chances).map(|(k, chance)| count(k) * chance).sum()
    }
}

/// The interval in which the true share lies with 95% confidence, when `hits` of `trials` were
/// seen (Wilson's score interval).
pub(super) fn interval(hits: usize, trials: usize) -> [f64; 2] {
    const Z: f64 = 1.959_963_984_540_054;
    let (n, share) = (count(trials), count(hits) / count(trials));
    let centre = share + Z * Z / (2.0 * n);
    let reach = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    // At the ends the rounding would leave the true share out.
    let low = if hits == 0 { 0.0 } else { ((centre - reach) / scale).max(0.0) };
    let high = if hits == trials { 1.0 } else { ((centre + reach) / scale).min(1.0) };
    [low, high]
}

/// A count as a number to compute with.
#[allow(clippy::cast_precision_loss)] // counts of an evaluation, far below 2^52
pub(super) fn count(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_near(one: f64, other: f64, distance: f64) -> bool {
        (one - other).abs() < distance
    }

    /// The example of RFC 8686 C.3, computed with exact fractions elsewhere.
    #[test]
    fn the_example() {
        let exact = Hypergeometric::new(10_000, 100, 100);
        for (k, at_most) in [
            (0, 0.364_194_515_239_592),
            (3, 0.982_227_398_096_188),
            (4, 0.996_783_355_494_894),
            (100, 1.0),
        ] {
            assert!(is_near(exact.at_most(k), at_most, 1e-13), "{k}: {}", exact.at_most(k));
        }
        assert!(is_near(exact.mean(), 1.0, 1e-13));
    }

    /// Small cases against counting: of 5, 3 are good, and 4 are drawn.
    #[test]
    fn edges() {
        let exact = Hypergeometric::new(5, 3, 4);
        assert!(is_near(exact.at_most(1), 0.0, 1e-15));
        assert!(is_near(exact.at_most(2), 0.6, 1e-15));
        assert!(is_near(exact.at_most(3), 1.0, 1e-15));
        for (all, good, list) in [(1, 0, 1), (1, 1, 1), (7, 7, 3), (7, 0, 3), (7, 3, 7)] {
            let exact = Hypergeometric::new(all, good, list);
            assert!(is_near(exact.mean(), count(good * list) / count(all), 1e-12));
        }
        // Where the chance of none underflows the rest is right.
        assert!(is_near(Hypergeometric::new(100_000, 50_000, 50_000).mean(), 25_000.0, 1e-6));
    }

    /// What can't happen has the chance 0, not -0, and what must the chance 1, never more.
    #[test]
    fn certainties() {
        let all_good = Hypergeometric::new(1, 1, 1);
        assert_eq!(all_good.at_most(0).to_bits(), 0.0_f64.to_bits());
        assert!((1..60).all(|n| Hypergeometric::new(60, n, 20).at_most(60) <= 1.0));
        for trials in 1..200 {
            assert_eq!(interval(0, trials)[0].to_bits(), 0.0_f64.to_bits(), "{trials}");
            assert_eq!(interval(trials, trials)[1].to_bits(), 1.0_f64.to_bits(), "{trials}");
        }
    }

    #[test]
    fn intervals() {
        let [low, high] = interval(364, 1_000);
        assert!(is_near(low, 0.3348, 1e-4) && is_near(high, 0.3943, 1e-4), "{low} {high}");
        assert_eq!(interval(0, 10)[0].to_bits(), 0.0_f64.to_bits());
        assert!(is_near(interval(10, 10)[1], 1.0, 1e-12));
    }
}

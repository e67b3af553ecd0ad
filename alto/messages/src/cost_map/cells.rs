//! Numbers in the narrowest form in which all are exact, to the last bit.

/// A list of finite numbers.
#[derive(Clone, Debug)]
pub(super) enum Cells {
    /// Whole numbers.
    Whole(Vec<u16>),
    /// Decimal numbers without their point, which stands before the last `places` digits.
    Decimal { places: usize, cells: Vec<u32> },
    /// Any.
    Any(Vec<f64>),
}

impl Default for Cells {
    fn default() -> Self {
        Self::Whole(Vec::new())
    }
}

const POWERS_OF_TEN: [u32; 7] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000];

impl Cells {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Whole(cells) => cells.len(),
            Self::Decimal { cells, .. } => cells.len(),
            Self::Any(cells) => cells.len(),
        }
    }

    /// The octets they take.
    pub(super) fn memory(&self) -> usize {
        match self {
            Self::Whole(cells) => size_of_val(&**cells),
            Self::Decimal { cells, .. } => size_of_val(&**cells),
            Self::Any(cells) => size_of_val(&**cells),
        }
    }

    pub(super) fn get(&self, at: usize) -> f64 {
        match self {
            Self::Whole(cells) => cells[at].into(),
            Self::Decimal { places, cells } => point(cells[at], *places),
            Self::Any(cells) => cells[at],
        }
    }

    pub(super) fn append(&mut self, numbers: &[f64]) {
        while !self.can_append(numbers) {
            self.widen();
        }
    }

    /// Appends the numbers if all are exact in the present form.
    fn can_append(&mut self, numbers: &[f64]) -> bool {
        match self {
            Self::Whole(cells) => append_exact(cells, numbers, whole),
            Self::Decimal { places, cells } => {
                append_exact(cells, numbers, |number| decimal(number, *places))
            }
            Self::Any(cells) => append_exact(cells, numbers, Some),
        }
    }

    /// Takes the next wider form.
    fn widen(&mut self) {
        *self = match self {
            Self::Whole(cells) => Self::Decimal {
                places: 0,
                cells: cells.iter().map(|cell| u32::from(*cell)).collect(),
            },
            Self::Decimal { places, cells } if can_take_a_place(*places, cells) => {
                let mut cells = std::mem::take(cells);
                for cell in &mut cells {
                    *cell *= 10;
                }
                Self::Decimal { places: *places + 1, cells }
            }
            Self::Decimal { places, cells } => {
                Self::Any(cells.iter().map(|cell| point(*cell, *places)).collect())
            }
            Self::Any(cells) => Self::Any(std::mem::take(cells)),
        }
    }

    /// Gives back what is not needed.
    pub(super) fn shrink(&mut self) {
        match self {
            Self::Whole(cells) => cells.shrink_to_fit(),
            Self::Decimal { cells, .. } => cells.shrink_to_fit(),
            Self::Any(cells) => cells.shrink_to_fit(),
        }
    }
}

fn append_exact<C>(cells: &mut Vec<C>, numbers: &[f64], narrow: impl Fn(f64) -> Option<C>) -> bool {
    let before = cells.len();
    cells.extend(numbers.iter().map_while(|number| narrow(*number)));
    let is_exact = cells.len() == before + numbers.len();
    if !is_exact {
        cells.truncate(before);
    }
    is_exact
}

fn can_take_a_place(places: usize, cells: &[u32]) -> bool {
    places + 1 < POWERS_OF_TEN.len() && cells.iter().all(|cell| *cell <= u32::MAX / 10)
}

/// The number as a whole one of two octets, if it is one.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "compared after")]
pub(super) fn whole(number: f64) -> Option<u16> {
    let cell = number as u16;
    (f64::from(cell).to_bits() == number.to_bits()).then_some(cell)
}

/// The number without its point, if that is exact.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "compared after")]
fn decimal(number: f64, places: usize) -> Option<u32> {
    let cell = (number * f64::from(POWERS_OF_TEN[places]) + 0.5) as u32;
    (point(cell, places).to_bits() == number.to_bits()).then_some(cell)
}

/// The decimal number with so many places. Both operands are exact, so the quotient is the number
/// nearest to the decimal one, which is how the text of it is read.
fn point(cell: u32, places: usize) -> f64 {
    f64::from(cell) / f64::from(POWERS_OF_TEN[places])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(rows: &[&[f64]]) -> Cells {
        let mut cells = Cells::default();
        for row in rows {
            cells.append(row);
        }
        let numbers: Vec<u64> = rows.concat().iter().map(|number| number.to_bits()).collect();
        let read: Vec<u64> = (0..cells.len()).map(|at| cells.get(at).to_bits()).collect();
        assert_eq!(read, numbers, "each is exact");
        cells
    }

    /// The form is as narrow as the numbers allow, and never rounds.
    #[test]
    fn the_narrowest_form() {
        assert_eq!(stored(&[&[0.0, 65_535.0], &[7.0]]).memory(), 3 * 2);
        assert_eq!(stored(&[&[65_536.0], &[4_294_967_295.0, 1.0]]).memory(), 3 * 4);
        assert_eq!(stored(&[&[1.0, 2.0], &[0.1, 0.25], &[0.000_001]]).memory(), 5 * 4);
        assert_eq!(stored(&[&[4_294_967_295.0], &[0.1]]).memory(), 2 * 8);
        assert_eq!(stored(&[&[1.0], &[-1.0]]).memory(), 2 * 8);
        assert_eq!(stored(&[&[0.1], &[1.0 / 3.0], &[1e300, 5e-324, f64::MAX]]).memory(), 5 * 8);
    }
}

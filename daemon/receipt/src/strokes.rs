//! A signature drawn on a screen.

use serde::{Deserialize, Serialize};

/// The strokes of a signature (电子签名) in a box of [`Strokes::WIDTH`] by [`Strokes::HEIGHT`] dots, the origin at the
/// top left. Never an image: nothing of an app's is decoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Vec<(u8, u8)>>", into = "Vec<Vec<(u8, u8)>>")]
pub struct Strokes(Vec<Vec<(u8, u8)>>);

/// Why strokes are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StrokesError {
    /// No stroke, or one without a point.
    Empty,
    /// More than [`Strokes::MOST_STROKES`].
    TooManyStrokes,
    /// More than [`Strokes::MOST_POINTS`] over all strokes.
    TooManyPoints,
    /// A point outside the box.
    Outside,
}

impl core::fmt::Display for StrokesError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            StrokesError::Empty => "no stroke, or one without a point",
            StrokesError::TooManyStrokes => "more than 64 strokes",
            StrokesError::TooManyPoints => "more than 2048 points",
            StrokesError::Outside => "a point outside the box of 256 by 96",
        })
    }
}

impl core::error::Error for StrokesError {}

impl Strokes {
    /// Dots across: x is 0 to 255.
    pub const WIDTH: usize = 256;
    /// Dots down: y is 0 to 95.
    pub const HEIGHT: usize = 96;
    /// Most strokes.
    pub const MOST_STROKES: usize = 64;
    /// Most points over all strokes.
    pub const MOST_POINTS: usize = 2048;

    /// The strokes, each of its points (x, y) in the order they were drawn; one point is a dot.
    ///
    /// # Errors
    /// [`StrokesError`].
    pub fn new(strokes: Vec<Vec<(u8, u8)>>) -> Result<Self, StrokesError> {
        if strokes.is_empty() || strokes.iter().any(Vec::is_empty) {
            return Err(StrokesError::Empty);
        }
        if strokes.len() > Self::MOST_STROKES {
            return Err(StrokesError::TooManyStrokes);
        }
        if strokes.iter().map(Vec::len).sum::<usize>() > Self::MOST_POINTS {
            return Err(StrokesError::TooManyPoints);
        }
        if strokes.iter().flatten().any(|(_, y)| usize::from(*y) >= Self::HEIGHT) {
            return Err(StrokesError::Outside);
        }
        Ok(Self(strokes))
    }

    /// The points of each stroke.
    pub fn strokes(&self) -> &[Vec<(u8, u8)>] {
        &self.0
    }

    /// The drawing: [`Strokes::HEIGHT`] rows of [`Strokes::WIDTH`] / 8 bytes, the highest bit at the left, 1 is ink.
    pub fn raster(&self) -> Vec<u8> {
        let mut rows = vec![0; Self::WIDTH / 8 * Self::HEIGHT];
        for stroke in &self.0 {
            if let [only] = stroke[..] {
                ink(&mut rows, only.0.into(), only.1.into());
            }
            for (from, to) in stroke.iter().zip(stroke.iter().skip(1)) {
                segment(&mut rows, *from, *to);
            }
        }
        rows
    }
}

/// A pen of two by two dots: one dot of 203 dpi is too thin to be seen. The ESC/POS rendering relies on the two across.
fn ink(rows: &mut [u8], x: usize, y: usize) {
    for (x, y) in [(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)] {
        if x < Strokes::WIDTH && y < Strokes::HEIGHT {
            rows[y * (Strokes::WIDTH / 8) + x / 8] |= 0x80 >> (x % 8);
        }
    }
}

/// A straight line: one point for each step along the longer side.
fn segment(rows: &mut [u8], from: (u8, u8), to: (u8, u8)) {
    let steps = usize::from(from.0.abs_diff(to.0).max(from.1.abs_diff(to.1))).max(1);
    let along = |from: u8, to: u8, step: usize| {
        (usize::from(from) * (steps - step) + usize::from(to) * step + steps / 2) / steps
    };
    for step in 0..=steps {
        ink(rows, along(from.0, to.0, step), along(from.1, to.1, step));
    }
}

impl TryFrom<Vec<Vec<(u8, u8)>>> for Strokes {
    type Error = StrokesError;

    fn try_from(strokes: Vec<Vec<(u8, u8)>>) -> Result<Self, StrokesError> {
        Self::new(strokes)
    }
}

impl From<Strokes> for Vec<Vec<(u8, u8)>> {
    fn from(strokes: Strokes) -> Self {
        strokes.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn dot(rows: &[u8], x: usize, y: usize) -> bool {
        rows[y * 32 + x / 8] & (0x80 >> (x % 8)) != 0
    }

    #[test]
    fn bounds_are_kept_from_either_way_in() {
        assert_eq!(Strokes::new(vec![]), Err(StrokesError::Empty));
        assert_eq!(Strokes::new(vec![vec![(1, 1)], vec![]]), Err(StrokesError::Empty));
        assert_eq!(Strokes::new(vec![vec![(1, 1)]; 65]), Err(StrokesError::TooManyStrokes));
        assert_eq!(Strokes::new(vec![vec![(1, 1); 1025]; 2]), Err(StrokesError::TooManyPoints));
        assert_eq!(Strokes::new(vec![vec![(1, 96)]]), Err(StrokesError::Outside));
        let most = Strokes::new(vec![vec![(255, 95); 32]; 64]).unwrap();
        let stored = serde_json::to_string(&most).unwrap();
        assert_eq!(serde_json::from_str::<Strokes>(&stored).unwrap(), most);
        for bad in ["[]", "[[]]", "[[[0,96]]]", "[[[256,0]]]", "[[[0,-1]]]"] {
            assert!(serde_json::from_str::<Strokes>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_stroke_is_drawn_from_point_to_point() {
        let rows = Strokes::new(vec![vec![(0, 0), (40, 0)], vec![(100, 10), (100, 50)], vec![(200, 90)]]);
        let rows = rows.unwrap().raster();
        assert!((0..=41).all(|x| dot(&rows, x, 0)) && !dot(&rows, 42, 0));
        assert!((10..=51).all(|y| dot(&rows, 100, y)) && !dot(&rows, 100, 9) && !dot(&rows, 100, 52));
        assert!(dot(&rows, 200, 90) && !dot(&rows, 198, 90));
        let inked: u32 = rows.iter().map(|byte| byte.count_ones()).sum();
        assert_eq!(inked, 42 * 2 + 42 * 2 + 4);
    }

    proptest! {
        #[test]
        fn every_point_is_inked(points in proptest::collection::vec((any::<u8>(), 0u8..96), 1..40)) {
            let rows = Strokes::new(vec![points.clone()]).unwrap().raster();
            prop_assert_eq!(rows.len(), 3072);
            for (x, y) in points {
                prop_assert!(dot(&rows, x.into(), y.into()));
            }
        }
    }
}

//! How texts of different sizes share a budget.

/// Bytes for each text: all of it where that is at most an equal part, else an equal part of what the short ones leave.
///
/// The shares sum to at most `budget`, and to all of it where the texts need that much, but for a remainder smaller
/// than the number of texts.
pub(crate) fn shares(sizes: &[usize], budget: usize) -> Vec<usize> {
    let mut by_size: Vec<usize> = (0..sizes.len()).collect();
    by_size.sort_by_key(|&index| sizes[index]);
    let mut shares = vec![0; sizes.len()];
    let mut left = budget;
    for (position, index) in by_size.into_iter().enumerate() {
        let equal_part = left / (sizes.len() - position);
        shares[index] = sizes[index].min(equal_part);
        left -= shares[index];
    }
    shares
}

/// The longest start of `text` that ends with a line and has at most `limit` bytes.
pub(crate) fn whole_lines(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    // A newline is one byte and never part of another character, so the cut is a character boundary.
    match text.as_bytes()[..limit].iter().rposition(|&byte| byte == b'\n') {
        Some(newline) => &text[..=newline],
        None => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_fits_in_an_ample_budget() {
        assert_eq!(shares(&[5, 0, 7], 100), [5, 0, 7]);
    }

    #[test]
    fn short_texts_are_whole_and_long_ones_share_the_rest() {
        assert_eq!(shares(&[1000, 10, 2000], 210), [100, 10, 100]);
    }

    #[test]
    fn no_texts_and_no_budget_are_fine() {
        assert_eq!(shares(&[], 10), Vec::<usize>::new());
        assert_eq!(shares(&[3, 4], 0), [0, 0]);
    }

    #[test]
    fn shares_never_exceed_the_budget_nor_waste_it() {
        for budget in 0..200 {
            let shares = shares(&[50, 3, 50, 50], budget);
            let sum: usize = shares.iter().sum();
            assert!(sum <= budget.min(153), "{budget}: {shares:?}");
            assert!(sum + 4 > budget.min(153), "{budget}: {shares:?}");
        }
    }

    #[test]
    fn a_cut_falls_on_the_last_whole_line() {
        assert_eq!(whole_lines("ab\ncd\n", 6), "ab\ncd\n");
        assert_eq!(whole_lines("ab\ncd\n", 5), "ab\n");
        assert_eq!(whole_lines("ab\ncd\n", 2), "");
        assert_eq!(whole_lines("ab", 2), "ab");
    }

    #[test]
    fn a_cut_never_splits_a_character() {
        assert_eq!(whole_lines("ä\n€uro\n", 4), "ä\n");
    }
}

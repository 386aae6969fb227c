//! Fences that their content cannot close.

/// Backticks, at least three, and more than the longest run of them in `text`.
pub(crate) fn longer_than_any_in(text: &str) -> String {
    let mut longest = 0;
    let mut run = 0;
    for byte in text.bytes() {
        run = if byte == b'`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    "`".repeat(longest.max(2) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_are_enough_for_plain_text() {
        for text in ["", "plain", "`code`", "``"] {
            assert_eq!(longer_than_any_in(text), "```", "{text:?}");
        }
    }

    #[test]
    fn one_more_than_the_longest_run() {
        assert_eq!(longer_than_any_in("``` and ````` and `"), "``````");
    }
}

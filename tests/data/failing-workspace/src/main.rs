//! `faulty`: prints the larger of two numbers.

fn larger(left: u32, right: u32) -> u32 {
    // clippy::needless_return
    return left.max(right);
}

fn main() {
    // rustfmt wants a space behind the comma
    println!("{}", larger(2,3));
}

#[cfg(test)]
mod tests {
    use super::larger;

    #[test]
    fn the_larger_number_wins() {
        assert_eq!(larger(2, 3), 3);
    }

    #[test]
    fn two_and_two_are_five() {
        assert_eq!(2 + larger(2, 1), 5, "this test fails on purpose");
    }
}

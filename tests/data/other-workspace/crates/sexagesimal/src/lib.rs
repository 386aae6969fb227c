//! `degrees!("48:08:14.5")` is an `f64`, converted and checked at compile time.

use proc_macro::{Literal, TokenStream, TokenTree};

/// An angle in degrees from a literal `"DEGREES:MINUTES:SECONDS"`; a wrong one does not compile.
#[proc_macro]
pub fn degrees(input: TokenStream) -> TokenStream {
    let mut tokens = input.into_iter();
    let angle = match (tokens.next(), tokens.next()) {
        (Some(TokenTree::Literal(literal)), None) => parse(literal.to_string().trim_matches('"')),
        _ => Err("expected one string literal".to_owned()),
    };
    match angle {
        Ok(degrees) => TokenTree::from(Literal::f64_suffixed(degrees)).into(),
        Err(message) => format!("::core::compile_error!({message:?})")
            .parse()
            .expect("a macro call"),
    }
}

fn parse(text: &str) -> Result<f64, String> {
    let parts: Vec<&str> = text.split(':').collect();
    let [degrees, minutes, seconds] = parts[..] else {
        return Err(format!("{text} is not DEGREES:MINUTES:SECONDS"));
    };
    let degrees: u16 = degrees.parse().map_err(|_| format!("{degrees} degrees"))?;
    Ok(f64::from(degrees) + (sixtieth(minutes)? + sixtieth(seconds)? / 60.0) / 60.0)
}

fn sixtieth(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.0..60.0).contains(&value) => Ok(value),
        _ => Err(format!("{text} is not at least 0 and less than 60")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_angle_is_the_sum_of_its_parts() {
        assert_eq!(parse("0:30:0"), Ok(0.5));
        assert_eq!(
            parse("359:59:60.0"),
            Err("60.0 is not at least 0 and less than 60".to_owned())
        );
        assert_eq!(parse("1:15:36"), Ok(1.26));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "", "12", "1:2", "1:2:3:4", "-1:0:0", "1:60:0", "1:-1:0", "1:NaN:0", "one:0:0",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
